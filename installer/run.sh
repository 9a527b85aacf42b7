#!/usr/bin/env bash
# Installs what is missing, builds Inglenook and starts it: the desktop where there is a display, else the
# chat in the terminal; without a terminal it answers one sample question and exits.
# Usage: installer/run.sh [--build-only] [arguments for inglenook]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. installer/packages.sh

build_only=
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"
    exit 0
fi
if [ "${1:-}" = --build-only ]; then
    build_only=1
    shift
fi

install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"

cuda=OFF
if [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null; then
    if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
        cuda=AUTO
    else
        say "an NVIDIA driver is here, but no CUDA toolkit (nvcc): Inglenook is built for the CPU." \
            "To use the GPU, install NVIDIA's cuda-toolkit-13-0 package (https://developer.nvidia.com/cuda-downloads) and run this again."
    fi
fi
export PATH="$PATH:/usr/local/cuda/bin"

say "building (the first time takes some minutes)"
mkdir -p build
log=build/run.log
if ! { cmake --preset release -DINGLENOOK_CUDA="$cuda" && cmake --build build/release -j "$(build_jobs)"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "the build failed; the whole log is in $log"
fi
program=build/release/app/inglenook
[ -z "$build_only" ] || { say "built $program"; exit 0; }

if [ $# -gt 0 ]; then
    exec "$program" "$@"
elif [ -n "${WAYLAND_DISPLAY:-}${DISPLAY:-}" ]; then
    exec "$program"
elif [ -t 0 ] && [ -t 1 ]; then
    exec "$program" chat
else
    "$program" chat --temperature 0 --prompt "What is Inglenook?" </dev/null
fi
