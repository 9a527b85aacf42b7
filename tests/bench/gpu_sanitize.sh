#!/usr/bin/env bash
# compute-sanitizer over the kernels alone and over whole steps, both paths; ends with one table.
# Usage: tests/bench/gpu_sanitize.sh [memcheck|racecheck|initcheck|synccheck]...   default: all four
# Needs what tests/bench/gpu_session.sh builds; builds inglenook_cuda_kernels itself.
# INGLENOOK_GPU_BUILD: build folder (build/gpu). INGLENOOK_SANITIZE_S: seconds for each run (240).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${INGLENOOK_GPU_BUILD:-build/gpu}
limit=${INGLENOOK_SANITIZE_S:-240}
[ $# -gt 0 ] || set -- memcheck synccheck initcheck racecheck
ninja -C "$build" inglenook_cuda_kernels inglenook_cuda_check >"$build/sanitize.log" 2>&1 || { tail -30 "$build/sanitize.log"; exit 1; }
rows=()
failed=0

# run TOOL NAME COMMAND...
run() {
    local tool=$1 name=$2 said rc; shift 2
    said=$(timeout "$limit" compute-sanitizer --tool "$tool" --error-exitcode 9 "$@" 2>&1); rc=$?
    printf '%s\n' "$said" >>"$build/sanitize.log"
    case $rc in
    0) rows+=("$tool|$name|clean") ;;
    9) rows+=("$tool|$name|$(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' <<<"$said" | tail -1 | sed 's/=* *//')"); failed=1 ;;
    124) rows+=("$tool|$name|nothing found within $limit s, not at its end") ;;
    *) rows+=("$tool|$name|the program failed ($rc)"); failed=1 ;;
    esac
}

for tool in "$@"; do
    run "$tool" "kernels, odd shapes" "$build/app/inglenook_cuda_kernels" check
    run "$tool" "whole steps" "$build/app/inglenook_cuda_check" sample cuda tests/fixtures/goldens
    run "$tool" "whole steps, portable path" env INGLENOOK_CUDA_PATH=portable "$build/app/inglenook_cuda_check" sample cuda tests/fixtures/goldens
done
printf '| tool | over | |\n|---|---|---|\n'
for line in "${rows[@]}"; do
    IFS='|' read -r tool name said <<<"$line"
    printf '| %s | %s | %s |\n' "$tool" "$name" "$said"
done
exit $failed
