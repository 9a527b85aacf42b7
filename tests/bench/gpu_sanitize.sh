#!/usr/bin/env bash
# compute-sanitizer over the kernels alone, odd shapes included, and over whole steps, both paths; ends with one table.
# Usage: tests/bench/gpu_sanitize.sh [memcheck|racecheck|initcheck|synccheck]...   default: all four
# Many processes share the GPU: each takes a part of a check program's cases (INGLENOOK_CASES), none of the largest.
# INGLENOOK_GPU_BIN: folder of the programs (build/gpu/app; they are built there unless something else is named).
# INGLENOOK_GOLDENS: reference models (tests/fixtures/goldens). INGLENOOK_SANITIZE_S: seconds for all of it (240).
# INGLENOOK_SANITIZE_JOBS: processes at once (16).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
goldens=${INGLENOOK_GOLDENS:-$root/tests/fixtures/goldens}
seconds=${INGLENOOK_SANITIZE_S:-240}
jobs=${INGLENOOK_SANITIZE_JOBS:-16}
programs="inglenook_cuda_kernels inglenook_gemm_check inglenook_attention_check inglenook_layernorm_check inglenook_cuda_check"
if [ -z "${INGLENOOK_GPU_BIN:-}" ]; then
    # shellcheck disable=SC2086
    ninja -C "$root/build/gpu" $programs || exit 1
fi
bin=${INGLENOOK_GPU_BIN:-$root/build/gpu/app}
[ $# -gt 0 ] || set -- memcheck synccheck initcheck racecheck
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
end=$((SECONDS + seconds))

# one LOG TOOL COMMAND...: its result in LOG.rc
one() {
    local log=$1 tool=$2 left=$((end - SECONDS)); shift 2
    [ "$left" -ge 5 ] || { echo 124 >"$log.rc"; return; }
    timeout "$left" compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 3 "$@" >"$log.log" 2>&1
    echo $? >"$log.rc"
}
# share NAME TOOL PARTS COMMAND...
share() {
    local name=$1 tool=$2 parts=$3 part; shift 3
    for ((part = 0; part < parts; ++part)); do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
        INGLENOOK_CASES=$part/$parts one "$logs/$tool.$name.$part" "$tool" "$@" &
    done
}

for tool in "$@"; do
    parts=1; [ "$tool" = racecheck ] && parts=4
    [ -x "$bin/inglenook_cuda_kernels" ] && share decode-kernels "$tool" "$parts" "$bin/inglenook_cuda_kernels" check
    [ -x "$bin/inglenook_gemm_check" ] && share gemm "$tool" "$parts" "$bin/inglenook_gemm_check" check
    [ -x "$bin/inglenook_attention_check" ] && share prefill-attention "$tool" "$parts" "$bin/inglenook_attention_check" check finish
    [ -x "$bin/inglenook_layernorm_check" ] && share layernorm-gelu "$tool" 1 "$bin/inglenook_layernorm_check" check
    share whole-steps "$tool" 1 "$bin/inglenook_cuda_check" tokens "$goldens/qwen2-tied" cuda 70 graph
    share whole-steps-gpt2 "$tool" 1 "$bin/inglenook_cuda_check" tokens "$goldens/gpt2" cuda 40 graph
    share whole-steps-portable "$tool" 1 env INGLENOOK_CUDA_PATH=portable "$bin/inglenook_cuda_check" tokens "$goldens/qwen2-tied" cuda 40 plain
done
wait

failed=0
printf '| tool | over | processes | |\n|---|---|---|---|\n'
for tool in "$@"; do
    for name in decode-kernels gemm prefill-attention layernorm-gelu whole-steps whole-steps-gpt2 whole-steps-portable; do
        clean=0 late=0 bad=0 said=
        for rc in "$logs/$tool.$name".*.rc; do
            [ -f "$rc" ] || continue
            case $(cat "$rc") in
            0) clean=$((clean + 1)) ;;
            124) late=$((late + 1)) ;;
            *) bad=$((bad + 1)); failed=1
               said=$(grep -hE 'ERROR SUMMARY|RACECHECK SUMMARY|Error|error|hazard' "${rc%.rc}.log" | tail -1 | cut -c1-100) ;;
            esac
        done
        [ $((clean + late + bad)) -gt 0 ] || continue
        text="clean"
        [ $late -gt 0 ] && text="$clean clean, $late not at their end, nothing found"
        [ $bad -gt 0 ] && text="$bad found something: ${said//|/ }"
        printf '| %s | %s | %s | %s |\n' "$tool" "$name" $((clean + late + bad)) "$text"
    done
done
if [ $failed -ne 0 ]; then
    for rc in "$logs"/*.rc; do
        case $(cat "$rc") in 0 | 124) ;; *) echo "== ${rc##*/}"; grep -vE '^ *$' "${rc%.rc}.log" | grep -E '=====|Error|FAILED' | head -25 ;; esac
    done
fi
exit $failed
