#!/usr/bin/env bash
# compute-sanitizer over the kernels alone, odd shapes included, and over whole steps of one GPU and of two ranks on one
# GPU, both paths; ends with one table of what was covered and found.
# Usage: tests/bench/gpu_sanitize.sh [memcheck|racecheck|initcheck|synccheck]...   default: all four
# Many processes share the GPU: each takes a part of a check program's cases (INGLENOOK_CASES), none of the largest, and
# begins no case after two thirds of its time.
# INGLENOOK_GPU_BIN: folder of the programs (build/gpu/app; they are built there unless something else is named).
# INGLENOOK_GOLDENS: reference models (tests/fixtures/goldens). INGLENOOK_SANITIZE_S: seconds for all of it (100).
# INGLENOOK_SANITIZE_ONE_S: seconds for a process (48). INGLENOOK_SANITIZE_JOBS: processes at once (24).
# INGLENOOK_SANITIZE_PAIR: the GPUs of the sums over several (0,0: two ranks on one).
# INGLENOOK_SANITIZE_ONLY: a regular expression of names (decode-kernels|gemm|...).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
goldens=${INGLENOOK_GOLDENS:-$root/tests/fixtures/goldens}
seconds=${INGLENOOK_SANITIZE_S:-100}
most=${INGLENOOK_SANITIZE_ONE_S:-48}
jobs=${INGLENOOK_SANITIZE_JOBS:-24}
only=${INGLENOOK_SANITIZE_ONLY:-.}
programs="inglenook_cuda_kernels inglenook_gemm_check inglenook_attention_check inglenook_decode_attention inglenook_layernorm_check
    inglenook_cuda_check inglenook_all_reduce inglenook_exchange"
names="decode-kernels gemm prefill-attention decode-attention layernorm-gelu sums sums-in-products steps steps-gpt2 steps-portable steps-group"
if [ -z "${INGLENOOK_GPU_BIN:-}" ]; then
    # shellcheck disable=SC2086
    ninja -C "$root/build/gpu" $programs || exit 1
fi
bin=${INGLENOOK_GPU_BIN:-$root/build/gpu/app}
[ $# -gt 0 ] || set -- racecheck memcheck initcheck synccheck
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
end=$((SECONDS + seconds))
export INGLENOOK_STEP_PATIENCE_MS=600000 # a step under a tool takes seconds, and ranks wait for each other
pair=${INGLENOOK_SANITIZE_PAIR:-0,0}
can_exclude=$(compute-sanitizer --help 2>&1 | grep -c -- --kernel-name-exclude)

# one LOG TOOL COMMAND...: its result in LOG.rc, its seconds in LOG.s
one() {
    local log=$1 tool=$2 left=$((end - SECONDS)) begin=$SECONDS exclude=(); shift 2
    [ "$left" -gt "$most" ] && left=$most
    [ "$left" -ge 5 ] || { echo 124 >"$log.rc"; echo 0 >"$log.s"; return; }
    # Slow twins cost most of the time; what they write is of interest to initcheck alone.
    [ "$tool" = initcheck ] || [ "$can_exclude" = 0 ] || exclude=(--kernel-name-exclude kns=slow)
    INGLENOOK_CASES_S=$((left * 2 / 3)) timeout -k 3 "$left" \
        compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 3 "${exclude[@]}" "$@" >"$log.log" 2>&1
    echo $? >"$log.rc"
    echo $((SECONDS - begin)) >"$log.s"
}
# share NAME TOOL PARTS COMMAND...
share() {
    local name=$1 tool=$2 parts=$3 part; shift 3
    [[ $name =~ $only ]] || return
    for ((part = 0; part < parts; ++part)); do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
        INGLENOOK_CASES=$part/$parts one "$logs/$tool.$name.$part" "$tool" "$@" &
    done
}

for tool in "$@"; do
    parts=2; [ "$tool" = racecheck ] && parts=4
    share decode-kernels "$tool" "$parts" "$bin/inglenook_cuda_kernels" check
    share gemm "$tool" "$parts" "$bin/inglenook_gemm_check" check
    share prefill-attention "$tool" "$parts" "$bin/inglenook_attention_check" finish check
    share decode-attention "$tool" 1 "$bin/inglenook_decode_attention" small
    share layernorm-gelu "$tool" 1 "$bin/inglenook_layernorm_check" check
    share sums "$tool" 1 "$bin/inglenook_all_reduce" "$pair"
    share sums-in-products "$tool" 1 "$bin/inglenook_exchange" "$pair" bits
    share steps "$tool" 1 "$bin/inglenook_cuda_check" tokens "$goldens/qwen2-tied" cuda 34 graph
    share steps-gpt2 "$tool" 1 "$bin/inglenook_cuda_check" tokens "$goldens/gpt2" cuda 34 graph
    share steps-portable "$tool" 1 env INGLENOOK_CUDA_PATH=portable "$bin/inglenook_cuda_check" tokens "$goldens/qwen2-tied" cuda 34 plain
    share steps-group "$tool" 1 "$bin/inglenook_cuda_check" tokens "$goldens/qwen2-tied" "cuda:$pair" 34 plain
done
wait

# Cases, or lines where a program does not count them.
covered() {
    awk '/^cases done:/ { done += $3; of += $5; counted = 1 } /right|same bits|steps: tokens/ { ++lines }
         END { if (counted) printf "%d of %d", done, of; else printf "%d lines", lines }' "$@"
}
failed=0
printf '| tool | over | processes | cases | slowest | |\n|---|---|---|---|---|---|\n'
for tool in "$@"; do
    for name in $names; do
        clean=0 late=0 bad=0 said='' slowest=0
        for rc in "$logs/$tool.$name".*.rc; do
            [ -f "$rc" ] || continue
            took=$(cat "${rc%.rc}.s")
            [ "$took" -gt "$slowest" ] && slowest=$took
            if grep -qE 'SUMMARY: [1-9]|hazard' "${rc%.rc}.log" 2>/dev/null && ! grep -q 'SUMMARY: 0' "${rc%.rc}.log"; then code=9; else code=$(cat "$rc"); fi
            case $code in
            0) clean=$((clean + 1)) ;;
            124 | 137) late=$((late + 1)) ;;
            *) bad=$((bad + 1)); failed=1; echo 9 >"$rc"
               said=$(grep -hE 'SUMMARY|Error|error|hazard|FAILED' "${rc%.rc}.log" | tail -1 | cut -c1-100) ;;
            esac
        done
        [ $((clean + late + bad)) -gt 0 ] || continue
        text="clean"
        [ $late -gt 0 ] && text="$clean clean, $late stopped before their end, nothing found"
        [ $bad -gt 0 ] && text="$bad found something: ${said//|/ }"
        printf '| %s | %s | %s | %s | %s s | %s |\n' "$tool" "$name" $((clean + late + bad)) "$(covered "$logs/$tool.$name".*.log)" "$slowest" "$text"
    done
done
if [ $failed -ne 0 ]; then
    for rc in "$logs"/*.rc; do
        case $(cat "$rc") in 0 | 124 | 137) ;; *) echo "== ${rc##*/}"; grep -E '=====|Error|FAILED|WRONG|error' "${rc%.rc}.log" | grep -vE 'Host Frame|^=+ *$' | cut -c1-200 | head -24; tail -3 "${rc%.rc}.log" ;; esac
    done
fi
echo "$SECONDS s"
exit $failed
