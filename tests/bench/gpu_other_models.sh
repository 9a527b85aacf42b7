#!/usr/bin/env bash
# Reference models of seeds and sizes that nobody tuned for: made here by transformers on the CPU, then verified on the GPU
# in every format and schedule, both paths. Ends with one table; needs python3 with torch, transformers and safetensors.
# Usage: tests/bench/gpu_other_models.sh ["SEED SIZE"]...   default: "7 small" "11 large"
# INGLENOOK_GPU_BIN: folder of inglenook_cuda_check (build/gpu/app). INGLENOOK_DEVICE: cuda, or cuda:0,1.
# INGLENOOK_OTHER_S: seconds for one model on one path (60). INGLENOOK_MAKER: make_goldens.py.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${INGLENOOK_GPU_BIN:-$root/build/gpu/app}
maker=${INGLENOOK_MAKER:-$root/tests/fixtures/goldens/make_goldens.py}
device=${INGLENOOK_DEVICE:-cuda}
names="qwen2-bigbias llama-outliers qwen2-untied-hd128 qwen3-yarn llama-llama3rope llama-linear-rope qwen2-tied llama-eps gpt2"
[ $# -gt 0 ] || set -- "7 small" "11 large"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# case FOLDER SEED SIZE NAME: makes one model and verifies it on both paths.
case_of() {
    local log=$out/$2.$3.$4
    OMP_NUM_THREADS=2 HF_HUB_OFFLINE=1 CUDA_VISIBLE_DEVICES='' timeout 120 python3 "$maker" "$1" "$2" "$3" "$4" >"$log.made" 2>&1 ||
        { echo "not made: $(tail -1 "$log.made")" >"$log.hopper"; return; }
    for path in hopper portable; do
        INGLENOOK_CUDA_PATH=${path/hopper/} timeout "${INGLENOOK_OTHER_S:-60}" \
            "$bin/inglenook_cuda_check" verify "$1" "$device" "$4" >"$log.$path" 2>&1 || echo "exit $?" >>"$log.$path"
    done
}
for model in "$@"; do
    read -r seed size <<<"$model"
    for name in $names; do
        case_of "$out/models.$seed.$size" "$seed" "$size" "$name" &
    done
done
wait

failed=0
printf '| seed, size | path | cases within their limits | without a promise | worst rel_error of int8 / bf16 / int8 | |\n|---|---|---|---|---|---|\n'
for model in "$@"; do
    read -r seed size <<<"$model"
    for path in hopper portable; do
        good=$(cat "$out/$seed.$size."*".$path" 2>/dev/null | grep -c ' ok$')
        free=$(cat "$out/$seed.$size."*".$path" 2>/dev/null | grep -c 'no limit$')
        bad=$(cat "$out/$seed.$size."*".$path" 2>/dev/null | grep -cE 'FAILED|^exit|not made')
        worst=$(cat "$out/$seed.$size."*".$path" 2>/dev/null | awk '/int8\/bf16\/int8 .* ok$/ && $4 + 0 > w { w = $4 + 0 } END { printf "%.1e", w }')
        [ "$bad" = 0 ] && [ "$good" -gt 0 ] || failed=1
        printf '| %s, %s | %s | %s | %s | %s | %s |\n' "$seed" "$size" "$path" "$good" "$free" "$worst" "$([ "$bad" = 0 ] || echo "$bad not")"
    done
done
[ $failed = 0 ] || grep -hE 'FAILED|^exit|not made|\.$' "$out"/*.hopper "$out"/*.portable | cut -c1-300 | head -40
echo "$SECONDS s"
exit $failed
