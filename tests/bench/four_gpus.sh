#!/usr/bin/env bash
# Measures one model divided among 1, 2 and 4 GPUs and prints one table; ends within 8 minutes.
# Every step has a time limit: a GPU that does not answer must not hold the others.
# Usage: tests/bench/four_gpus.sh [reduce|verify|70b|32b|streams]...   default: all
# INGLENOOK_GPU_BUILD: build folder (build/gpu), made by: tests/bench/gpu_session.sh build, and
#   ninja -C build/gpu inglenook_all_reduce inglenook_cuda_runtime. INGLENOOK_GPUS: how many there are (4).
# One-GPU figures come from GPUs that have nothing else to do, at the same time as others.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
app=${INGLENOOK_GPU_BUILD:-build/gpu}/app
check=$app/inglenook_cuda_check
gpus=${INGLENOOK_GPUS:-4}
all=$(seq -s, 0 $((gpus - 1)))
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ $# -gt 0 ] || set -- reduce verify 70b 32b streams

# bench SHAPE DEVICES BATCH PROMPT CONTEXT GENERATE: one line into the table.
bench() {
    local line
    line=$(timeout 120 "$check" bench "$1" "cuda:$2" int8 "$3" "$4" "$5" "$6" 3 2>&1 | tail -1)
    printf '%-10s GPUs %-8s batch %-3s %s\n' "$1" "$2" "$3" "${line#*context }" >>"$out/table"
}
# streams DEVICES SPLIT STREAMS: answers of llama-8b together, through the whole engine; the last of three.
streams() {
    timeout 60 "$app/inglenook_cuda_runtime" streams "cuda:$1" "$2" llama-8b "$3" 128 128 2>&1 | tail -1 >>"$out/table"
}
# Runs several benches side by side and waits for them alone.
together() {
    local pids=() one
    for one in "$@"; do
        # shellcheck disable=SC2086  # words of one bench
        bench $one &
        pids+=($!)
    done
    wait "${pids[@]}"
}

begin=$SECONDS
for step in "$@"; do
    printf -- '-- %s, %s s\n' "$step" $((SECONDS - begin))
    case $step in
    reduce)
        timeout 40 "$app/inglenook_all_reduce" 0,1
        [ "$gpus" -lt 4 ] || timeout 40 "$app/inglenook_all_reduce" "$all"
        ;;
    verify)
        timeout 60 "$check" verify tests/fixtures/goldens "cuda:$all" ${INGLENOOK_MODELS:-} | grep -vE ' (ok|no limit)$'
        timeout 30 "$check" sample "cuda:$all" tests/fixtures/goldens | grep -vE '384 of 384|the same tokens'
        ;;
    70b)
        if [ "$gpus" -ge 4 ]; then
            together "llama-70b 0,1 1 2048 2048 64" "llama-70b 2 1 2048 2048 48" "llama-8b 3 1 2048 2048 128"
            bench llama-70b "$all" 1 2048 2048 64
        else
            bench llama-70b 0 1 2048 2048 48
            bench llama-70b 0,1 1 2048 2048 64
        fi
        ;;
    32b)
        if [ "$gpus" -ge 4 ]; then
            together "qwen2-32b 0,1 1 2048 2048 64" "qwen2-32b 2 1 2048 2048 64"
            bench qwen2-32b "$all" 1 2048 2048 64
        else
            together "qwen2-32b 0 1 2048 2048 64" "llama-8b 1 1 2048 2048 128"
            bench qwen2-32b 0,1 1 2048 2048 64
        fi
        ;;
    streams)
        if [ "$gpus" -ge 4 ]; then
            together "llama-8b 0,1 64 128 256 64" "llama-8b 2 64 128 256 64" "llama-8b 3 128 128 256 64"
            bench llama-8b "$all" 128 128 256 64
            together "llama-8b 0,1 1 2048 2048 128" "llama-8b 2,3 128 128 256 64"
        else
            bench llama-8b 0,1 64 128 256 64
            bench llama-8b 0,1 1 2048 2048 128
        fi
        streams 0 auto 64
        streams 0,1 tensor 64
        for each in 64 $((64 * gpus)); do
            streams "$all" replicas "$each"
        done
        ;;
    *) echo "unknown step $step" >&2 && exit 2 ;;
    esac
done
printf -- '-- %s s\n' $((SECONDS - begin))
[ ! -e "$out/table" ] || cat "$out/table"
