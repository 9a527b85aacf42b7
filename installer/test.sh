#!/usr/bin/env bash
# Builds everything with warnings as errors and runs all tests that need no GPU and no display:
# Qt Test suites offscreen, the architecture check, the parsers under ASan and UBSan, a short fuzz, the
# installed tree. Prints one line a step and ends with "N passed, N failed".
# Usage: installer/test.sh [--quick]     --quick leaves out sanitizers, fuzzing and packages.
# INGLENOOK_FUZZ_SECONDS (60), INGLENOOK_VECTORS (third-party tokenizer vectors; tests skip without).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. installer/packages.sh
quick=
[ "${1:-}" != --quick ] || quick=1
install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
export PATH="$PATH:/usr/local/cuda/bin" QT_QPA_PLATFORM=offscreen LC_ALL=C.UTF-8
jobs=$(build_jobs)
passed=0
failed=0
mkdir -p build

# step NAME COMMAND...: runs it with its output in build/NAME.log, shown only when it fails.
step() {
    local name=$1 started=$SECONDS
    shift
    if "$@" >"build/$name.log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %-28s %4d s\n' "$name" $((SECONDS - started))
    else
        failed=$((failed + 1))
        printf 'FAILED  %-28s %4d s, the end of build/%s.log:\n' "$name" $((SECONDS - started)) "$name"
        grep -E 'FAIL!|\(Failed\)|Error|error:|ERROR' "build/$name.log" | head -n 40
        tail -n 40 "build/$name.log"
    fi
}

# Each version of clang-format breaks some lines in its own way; the tree follows version 14.
formatter() {
    command -v clang-format-14 || { clang-format --version | grep -q 'version 14\.' && command -v clang-format; }
}
formatted() { git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs "$(formatter)" --dry-run -Werror; }
# One GPU architecture keeps it short; without nvcc the option means nothing.
build_dev() { cmake --preset dev -DCMAKE_CUDA_ARCHITECTURES=90a-real && cmake --build build/dev -j "$jobs"; }
# The real prometheus and promtool, for the tests that ask them: unpacked, for the installed package starts a
# service. Where it cannot be fetched, those tests are skipped by name.
prometheus_unpacked() {
    if command -v prometheus && command -v promtool; then return 0; fi
    [ ! -x build/dev/prometheus/usr/bin/prometheus ] || return 0
    (cd build && timeout 120 apt-get download prometheus) && dpkg -x build/prometheus_*.deb build/dev/prometheus
}
build_engine_only() { cmake --preset engine-only -DINGLENOOK_CUDA=OFF && cmake --build build/engine-only -j "$jobs"; }
suites() { ctest --test-dir build/dev -L quick --output-on-failure -j "$jobs" --timeout 900; }
desktop_files() {
    desktop-file-validate installer/linux/*.desktop && appstreamcli validate --no-net installer/linux/*.metainfo.xml
}
sanitized() {
    # Some tests bound the resident size: freed memory must not wait in the sanitizer's quarantine.
    export ASAN_OPTIONS=quarantine_size_mb=8:allocator_release_to_os_interval_ms=0
    cmake --preset asan-readers && cmake --build --preset asan-readers -j "$jobs" &&
        ctest --test-dir build/asan-readers -R '^engine\.' -L quick --no-tests=error --output-on-failure -j "$jobs" --timeout 1200
}
fuzz_one() {
    local name=$1
    mkdir -p "build/corpus/$name"
    "build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="${INGLENOOK_FUZZ_SECONDS:-60}" -rss_limit_mb=2048 -timeout=10 \
        -print_final_stats=1 "build/corpus/$name"
}
fuzzed() {
    cmake --preset fuzz && cmake --build build/fuzz -j "$jobs" || return 1
    build/fuzz/tests/fuzz/fuzz_seeds build/corpus || return 1
    export -f fuzz_one
    printf '%s\n' gguf safetensors config_json jinja tokenizer_json http | xargs -P "$jobs" -I{} bash -c 'fuzz_one {}'
}
installed() { bash installer/smoke_test.sh; }

if [ -d .git ] && formatter >/dev/null; then
    step format formatted
else
    echo "skipped format: it needs a git checkout and clang-format 14"
fi
step build build_dev
prometheus_unpacked >build/prometheus.log 2>&1 || echo "no prometheus: build/prometheus.log says why; its tests are skipped"
step suites suites
step desktop_files desktop_files
if [ -z "$quick" ]; then
    step engine_only build_engine_only
    step sanitized sanitized
    step fuzzed fuzzed
    step installed installed
fi
grep -hE 'tests passed|\*\*\*Skipped|SKIP' build/suites.log | head -n 60
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
