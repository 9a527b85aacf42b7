#!/usr/bin/env bash
# Builds the engine and the CUDA library without Qt, verifies every reference model on the GPU and
# measures decode. For a machine with an NVIDIA GPU, nvcc, CMake, Ninja, pcre2 and nlohmann-json.
# Usage: tests/bench/gpu_session.sh [build|verify|sample|memcheck|bench]...   default: build verify sample bench
# INGLENOOK_GPU_BUILD: build folder (build/gpu). CUDAARCHS as CMake knows it (90a here by default).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${INGLENOOK_GPU_BUILD:-build/gpu}
check=$build/app/inglenook_cuda_check
[ $# -gt 0 ] || set -- build verify sample bench
for step in "$@"; do
    printf -- '-- %s\n' "$step"
    case $step in
    build)
        cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DINGLENOOK_ENGINE_ONLY=ON -DINGLENOOK_CUDA=ON \
            -DCMAKE_CUDA_ARCHITECTURES="${CUDAARCHS:-90a-real}" >"$build.log" 2>&1 || { tail -30 "$build.log"; exit 1; }
        timeout 300 ninja -C "$build" inglenook_cuda_check >>"$build.log" 2>&1 || { grep -A12 -E 'error|FAILED' "$build.log" | head -80; exit 1; }
        ;;
    verify) timeout 240 "$check" verify tests/fixtures/goldens cuda || true ;;
    sample) timeout 60 "$check" sample cuda tests/fixtures/goldens || true ;;
    memcheck)
        timeout 240 compute-sanitizer --tool memcheck --error-exitcode 9 "$check" sample cuda tests/fixtures/goldens | tail -15
        ;;
    bench)
        timeout 120 "$check" bench qwen2-1.5b cuda int8 1 1024 1024 128
        timeout 240 "$check" bench llama-8b cuda int8 1 1024 1024 128
        ;;
    *) echo "unknown step $step" >&2 && exit 2 ;;
    esac
done
