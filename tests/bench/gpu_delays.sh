#!/usr/bin/env bash
# Races in global memory, which racecheck cannot see: a library built with random delays before every stage, flag and barrier
# must leave the same bits, with and without graphs and overlapping launches, as the same kernels launched one by one.
# Usage: cmake -S . -B build/delays ... -DINGLENOOK_CUDA=ON -DINGLENOOK_CUDA_DELAYS=ON && ninja -C build/delays inglenook_cuda_check
#        tests/bench/gpu_delays.sh [STEPS]   default 500
# INGLENOOK_GPU_BIN: folder of the program (build/delays/app). INGLENOOK_CUDA_LIBRARY: the library, when it is not beside it.
# INGLENOOK_PLAIN_LIBRARY: the library without delays (build/gpu/app), for the launches one by one; else they are delayed too.
# INGLENOOK_GOLDENS: reference models, INGLENOOK_MODELS: some of them. INGLENOOK_DEVICE: cuda, or cuda:0,1.
# Each run takes STEPS steps of 1, 3, 8 and 12 rows; INGLENOOK_DELAYS_S: seconds for one of the runs, all side by side (300).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${INGLENOOK_GPU_BIN:-$root/build/delays/app}
goldens=${INGLENOOK_GOLDENS:-$root/tests/fixtures/goldens}
device=${INGLENOOK_DEVICE:-cuda}
steps=${1:-500}
models=${INGLENOOK_MODELS:-"qwen2-untied-hd128 qwen2-tied llama-eps gpt2"}
plain=${INGLENOOK_PLAIN_LIBRARY:-$root/build/gpu/app/libinglenook_cuda.so}
[ -f "$plain" ] || plain=${INGLENOOK_CUDA_LIBRARY:-$bin/libinglenook_cuda.so}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
for model in $models; do
    most=$steps; [ "$model" = gpt2 ] && [ "$steps" -gt 990 ] && most=990 # its positions end
    for path in hopper portable; do
        run() { # NAME VARIABLE=VALUE... MODE
            local name=$1 mode=${*: -1}; shift
            env INGLENOOK_CUDA_PATH=${path/hopper/} "${@:1:$#-1}" timeout "${INGLENOOK_DELAYS_S:-300}" \
                "$bin/inglenook_cuda_check" tokens "$goldens/$model" "$device" "$most" "$mode" \
                >"$logs/$model.$path.$name" 2>&1 || echo "failed" >>"$logs/$model.$path.$name"
        }
        run one-by-one CUDA_LAUNCH_BLOCKING=1 INGLENOOK_CUDA_LIBRARY="$plain" plain &
        run plain A=0 plain &
        run graph A=0 graph &
    done
done
wait
failed=0
for model in $models; do
    for path in hopper portable; do
        for name in plain graph; do
            if [ -s "$logs/$model.$path.$name" ] && ! grep -q failed "$logs/$model.$path.$name" &&
                cmp -s "$logs/$model.$path.one-by-one" "$logs/$model.$path.$name"; then
                echo "$model, $path path, $name: the same bits as one by one"
            else
                echo "$model, $path path, $name: OTHER BITS"
                diff "$logs/$model.$path.one-by-one" "$logs/$model.$path.$name" | cut -c1-160 | head -6
                failed=1
            fi
        done
    done
done
echo "$SECONDS s"
exit $failed
