#!/usr/bin/env bash
# Measures one model divided among 1, 2 and 4 GPUs and prints one table; ends within 8 minutes.
# Every step has a time limit: a GPU that does not answer must not hold the others.
# Usage: tests/bench/four_gpus.sh [sums|verify|layers|8b|streams|70b]...   default: all
#   sums     the sums alone, 4 KB to 64 MB, and one-shot beside two-shot
#   verify   reference models and sampling within the limits of one GPU
#   layers   llama-70b and qwen2-32b from models of 4 and of 16 layers: the time of a layer is a
#            twelfth of the difference, the rest of the model is added as so many layers
#   8b       llama-8b whole, one stream and 128
#   streams  llama-8b, answers together through the whole engine: tensor split and replicas
#   70b      llama-70b whole
# INGLENOOK_GPU_BUILD: build folder (build/gpu), made by: tests/bench/gpu_session.sh build, and
#   ninja -C build/gpu inglenook_all_reduce inglenook_cuda_runtime.
# INGLENOOK_GPUS: how many there are (4). INGLENOOK_BUDGET: seconds after which no step begins (400).
# INGLENOOK_MODELS: reference models of verify (all).
# One-GPU figures come from GPUs that have nothing else to do, at the same time as others.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
app=${INGLENOOK_GPU_BUILD:-build/gpu}/app
check=$app/inglenook_cuda_check
gpus=${INGLENOOK_GPUS:-4}
budget=${INGLENOOK_BUDGET:-400}
all=$(seq -s, 0 $((gpus - 1)))
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ $# -gt 0 ] || set -- sums verify layers 8b streams 70b

# bench SHAPE DEVICES BATCH PROMPT CONTEXT GENERATE: one line into the table.
bench() {
    local line
    line=$(timeout 90 "$check" bench "$1" "cuda:$2" int8 "$3" "$4" "$5" "$6" 3 2>&1 | tail -1)
    printf '%-13s GPUs %-8s batch %-3s %s\n' "$1" "$2" "$3" "${line#*context }" >>"$out/table"
}
# streams DEVICES SPLIT STREAMS: answers of llama-8b together, through the whole engine; the last of three.
streams() {
    local line
    line=$(timeout 60 "$app/inglenook_cuda_runtime" streams "cuda:$1" "$2" llama-8b "$3" 128 128 2>&1 | tail -1)
    printf 'streams %-8s GPUs %-8s %s\n' "$2" "$1" "$line" >>"$out/streams"
}
# Runs several benches (or streams) side by side and waits for them alone.
together() {
    local pids=() one what=$1
    shift
    for one in "$@"; do
        # shellcheck disable=SC2086  # words of one bench
        "$what" $one &
        pids+=($!)
    done
    wait "${pids[@]}"
}
# layered: what models of 4 and 16 layers say of the whole, and everything against one GPU.
layered() {
    awk '
    function rate(word,   i) { for (i = 1; i < NF; ++i) if ($i == word) return $(i + 1); return 0 }
    {
        split($1, shape, ":"); key = shape[1] " " $3 " batch " $5
        decode[key, shape[2]] = rate("decode"); prefill[key, shape[2]] = rate("prefill"); keys[key]
    }
    function against(many, one) { return one > 0 ? many / one : 0 }
    function whole(of, key) {
        return of[key, ""] > 0 || !(of[key, 4] > 0 && of[key, 16] > 0) ? of[key, ""] : from(of, key)
    }
    function layers(of, key) { return of[key, 4] > 0 && of[key, 16] > 0 ? sprintf("%.1f", from(of, key)) : "-" }
    function from(of, key,   n, four, sixteen) {
        n = key ~ /70b/ ? 80 : 64
        four = 1 / of[key, 4]; sixteen = 1 / of[key, 16]
        return 1 / (sixteen + (n - 16) / 12 * (sixteen - four))
    }
    END {
        for (key in keys) {
            split(key, word, " ")
            if (word[2] !~ /,/) { single[word[1] word[4]] = key }
        }
        for (key in keys) {
            split(key, word, " ")
            one = single[word[1] word[4]]
            d = whole(decode, key); p = whole(prefill, key)
            d1 = whole(decode, one); p1 = whole(prefill, one)
            printf "%-10s GPUs %-8s batch %-3s decode %.1f tok/s = %.2fx (from layers %s), prefill %.0f tok/s = %.2fx (%s)\n",
                word[1], word[2], word[4], d, against(d, d1), layers(decode, key),
                p, against(p, p1), layers(prefill, key)
        }
    }' "$1" | sort
}

begin=$SECONDS
for step in "$@"; do
    printf -- '-- %s, %s s\n' "$step" $((SECONDS - begin))
    if [ $((SECONDS - begin)) -ge "$budget" ]; then
        echo "left out: no time" && continue
    fi
    case $step in
    sums)
        for devices in 0,1 $([ "$gpus" -lt 4 ] || echo "$all"); do
            timeout 20 "$app/inglenook_all_reduce" "$devices" methods
            timeout 40 "$app/inglenook_all_reduce" "$devices"
        done
        ;;
    verify)
        timeout 60 "$check" verify tests/fixtures/goldens "cuda:$all" ${INGLENOOK_MODELS:-} | grep -vE ' (ok|no limit)$'
        timeout 30 "$check" sample "cuda:$all" tests/fixtures/goldens | grep -vE '384 of 384|the same tokens'
        ;;
    layers)
        for shape in llama-70b:4 llama-70b:16 qwen2-32b:4 qwen2-32b:16; do
            if [ "$gpus" -ge 4 ]; then
                together bench "$shape 0,1 1 2048 2048 64" "$shape 2 1 2048 2048 64"
            else
                bench "$shape" 0 1 2048 2048 64
            fi
            bench "$shape" "$all" 1 2048 2048 64
        done
        ;;
    8b)
        if [ "$gpus" -ge 4 ]; then
            together bench "llama-8b 0,1 1 2048 2048 128" "llama-8b 2 1 2048 2048 128" "llama-8b 3 128 128 256 64"
            together bench "llama-8b 0,1 128 128 256 64" "llama-8b 2,3 64 128 256 64"
        else
            together bench "llama-8b 0 1 2048 2048 128" "llama-8b 1 64 128 256 64"
            bench llama-8b "$all" 64 128 256 64
        fi
        bench llama-8b "$all" 1 2048 2048 128
        bench llama-8b "$all" 128 128 256 64
        ;;
    streams)
        # Replicas at as many streams a GPU as one has alone, and at as many altogether.
        together streams "0 auto 128" "1 auto $((128 / gpus))"
        [ "$gpus" -ge 4 ] || together streams "0 auto 64"
        [ "$gpus" -ge 4 ] || streams "$all" tensor 64
        streams "$all" tensor 128
        streams "$all" replicas 128
        streams "$all" replicas $((128 * gpus))
        ;;
    70b)
        if [ "$gpus" -ge 4 ]; then
            together bench "llama-70b 0,1 1 2048 2048 64" "llama-70b 2 1 2048 2048 48"
            bench llama-70b "$all" 1 2048 2048 64
        else
            bench llama-70b 0 1 2048 2048 48
            bench llama-70b "$all" 1 2048 2048 64
        fi
        ;;
    *) echo "unknown step $step" >&2 && exit 2 ;;
    esac
done
printf -- '-- %s s\n' $((SECONDS - begin))
for each in table streams; do
    [ ! -e "$out/$each" ] || cat "$out/$each"
done
if [ -e "$out/table" ]; then
    echo "-- against one GPU" && layered "$out/table"
fi
