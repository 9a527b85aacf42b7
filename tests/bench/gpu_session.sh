#!/usr/bin/env bash
# Builds the engine and the CUDA library without Qt, verifies every reference model on the GPU, runs requests in crowds
# and measures every row of the goals; ends with one table. At most 9 minutes on an H100 with 16 cores.
# For a machine with an NVIDIA GPU, nvcc, CMake, Ninja, pcre2 and nlohmann-json.
# Usage: tests/bench/gpu_session.sh [build|verify|sample|twins|runtime|bench|gemm|load]...   default: all of them
# INGLENOOK_GPU_BUILD: build folder (build/gpu). CUDAARCHS as CMake knows it (90a-real by default).
# Full output: $INGLENOOK_GPU_BUILD/session.log
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${INGLENOOK_GPU_BUILD:-build/gpu}
check=$build/app/inglenook_cuda_check
runtime=$build/app/inglenook_cuda_runtime
[ $# -gt 0 ] || set -- build verify sample twins runtime bench gemm load
mkdir -p "$build"
log=$build/session.log
: >"$log"
rows=()

# row NAME MUST WISH UNIT VALUE: a line of the table; VALUE is empty when nothing was measured.
row() { rows+=("$1|$2|$3|$4|${5:-}"); }
# passes NAME LIMIT_S COMMAND...: a row that says yes or no.
passes() {
    local name=$1 limit=$2; shift 2
    if timeout "$limit" "$@" >>"$log" 2>&1; then row "$name" yes yes "" yes; else row "$name" yes yes "" "no ($?)"; fi
}
# measured NAME MUST WISH FIELD BENCH_ARGUMENTS...: one bench run, one figure of its line.
measured() {
    local name=$1 must=$2 wish=$3 field=$4; shift 4
    local line
    line=$(timeout 60 "$check" bench "$@" 2>>"$log" | tee -a "$log" | tail -1)
    case $field in
    decode) row "$name" "$must" "$wish" tok/s "$(sed -n 's/.*decode \([0-9.]*\) tok.*/\1/p' <<<"$line")" ;;
    prefill) row "$name" "$must" "$wish" tok/s "$(sed -n 's/.*prefill \([0-9.]*\) tok.*/\1/p' <<<"$line")" ;;
    esac
    last=$line
}
# "itl_ms bytes_gb limit_gb_s" of a bench line.
reads() {
    sed -n 's/.*itl \([0-9.]*\) ms, read \([0-9.]*\) GB\/s of \([0-9.]*\) .*/\1 \2 \3/p' <<<"$1" |
        awk '{ print $1, $1 * $2 / 1000, $3 }'
}

for step in "$@"; do
    printf -- '-- %s, %s s\n' "$step" "$SECONDS"
    case $step in
    build)
        cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DINGLENOOK_ENGINE_ONLY=ON -DINGLENOOK_CUDA=ON \
            -DCMAKE_CUDA_ARCHITECTURES="${CUDAARCHS:-90a-real}" >"$build.log" 2>&1 || { tail -30 "$build.log"; exit 1; }
        timeout 300 ninja -C "$build" inglenook_cuda_check inglenook_cuda_runtime inglenook_gemm_check \
            inglenook_attention_check inglenook_layernorm_check inglenook_channel_gemm >>"$build.log" 2>&1 ||
            { grep -A12 -E 'error|FAILED' "$build.log" | head -80; exit 1; }
        ;;
    verify)
        passes "verify, every format and schedule" 150 "$check" verify tests/fixtures/goldens cuda
        passes "verify, portable path" 150 env INGLENOOK_CUDA_PATH=portable "$check" verify tests/fixtures/goldens cuda
        ;;
    sample) passes "sampling as on the CPU" 60 "$check" sample cuda tests/fixtures/goldens ;;
    twins)
        passes "prefill attention against its slow twin" 20 "$build/app/inglenook_attention_check" check finish
        passes "LayerNorm and GELU against their slow twins" 10 "$build/app/inglenook_layernorm_check" check
        ;;
    runtime) passes "crowds, two models, memory plan" 60 "$runtime" check cuda:0 resources/models/ember.gguf ;;
    bench)
        last=
        measured "llama-8b int8 decode, batch 1" 340 370 decode llama-8b cuda int8 1 1024 1024 128
        short=$(reads "$last")
        measured "qwen2-7b int8 decode, batch 1" 355 390 decode qwen2-7b cuda int8 1 1024 1024 128
        measured "qwen2-1.5b int8 decode, batch 1" 1200 1500 decode qwen2-1.5b cuda int8 1 1024 1024 128
        measured "llama-8b int4 decode, batch 1" 560 620 decode llama-8b cuda int4 1 1024 1024 128
        measured "llama-8b int8 decode, batch 8" 2200 2600 decode llama-8b cuda int8 8 1024 1024 64
        measured "llama-8b int8 decode, batch 32" 6500 8000 decode llama-8b cuda int8 32 1024 1024 64
        measured "llama-8b int8 decode, batch 128" 14000 18000 decode llama-8b cuda int8 128 1024 1024 32 3
        measured "llama-8b prefill 2048, bf16 activations" 36000 42000 prefill llama-8b cuda int8 1 2048 2048 16
        measured "llama-8b prefill 2048, W8A8" 46000 60000 prefill llama-8b cuda int8/int8 1 2048 2048 16
        measured "llama-8b prefill 2048, int4 weights" 35000 45000 prefill llama-8b cuda int4 1 2048 2048 16
        INGLENOOK_CUDA_PATH=portable measured "portable path, llama-8b int8 decode, batch 1" 270 320 decode \
            llama-8b cuda int8 1 1024 1024 128
        # Attention at 32k: what a step takes and reads beyond one at 1k.
        measured "llama-8b int8 decode at 32k" - - decode llama-8b cuda int8 1 31744 32768 64 3
        share=$(awk -v a="$short" -v b="$(reads "$last")" 'BEGIN { split(a, s); split(b, l);
            if (l[1] > s[1]) printf "%.0f", 100 * (l[2] - s[2]) / (l[1] - s[1]) * 1000 / l[3] }')
        row "attention at 32k, int8 KV" 80 90 "% of read" "$share"
        ;;
    gemm)
        # The last column is the product alone; the best tile shape counts.
        best=$(timeout 90 "$build/app/inglenook_gemm_check" time 2>>"$log" | tee -a "$log" |
            awk '/^2048 tokens/ { on = 1 } /^[0-9]+ tokens/ && !/^2048/ { on = 0 }
                 on && /^w8a8/ { gsub(/[()]/, " "); if ($NF > best) best = $NF } END { if (best) printf "%.0f", best }')
        row "int8 GEMM 2048x14336x4096, default layout" 850 1100 TOP/s "$best"
        best=$(timeout 30 "$build/app/inglenook_channel_gemm" check time 2>>"$log" | tee -a "$log" |
            sed -n '/ FAILED$/q; s/^2048 x 14336 x 4096: .* us, \([0-9]*\) TOP.*/\1/p' | head -1)
        row "int8 GEMM 2048x14336x4096, per channel x per token" 1150 1400 TOP/s "$best"
        ;;
    load)
        file=${TMPDIR:-/tmp}/inglenook-llama-8b.gguf
        seconds=$(timeout 120 "$runtime" load cuda:0 llama-8b "$file" 2>>"$log" | tee -a "$log" | sed -n 's/.*: \([0-9.]*\) s,.*/\1/p' | sort -n | sed -n 2p)
        rm -f "$file"
        row "load llama-8b int8 from page cache (at most)" 3 2 s "$seconds"
        ;;
    *) echo "unknown step $step" >&2 && exit 2 ;;
    esac
done

printf '\n| | must | wish | measured |\n|---|---|---|---|\n'
for line in "${rows[@]}"; do
    IFS='|' read -r name must wish unit value <<<"$line"
    printf '| %s | %s | %s | %s |\n' "$name" "$must" "$wish" "${value:+$value $unit}"
done
nvidia-smi --query-gpu=name,driver_version,clocks.sm,temperature.gpu --format=csv,noheader 2>/dev/null
printf '%s s in all; full output in %s\n' "$SECONDS" "$log"
