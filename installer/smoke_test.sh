#!/usr/bin/env bash
# Proves the installed tree: builds release, makes the .tar.gz and the .deb, unpacks the archive somewhere
# else and starts the program from there: version, one answer of the built-in model, the desktop offscreen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. installer/packages.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A build folder of its own, without the CUDA library: the packages hold the program for the CPU.
cmake --preset release -B build/package -DINGLENOOK_CUDA=OFF >/dev/null
cmake --build build/package -j "$(build_jobs)"
(cd build/package && cpack -G TGZ && cpack -G DEB)
tar xzf build/package/inglenook-*.tar.gz -C "$work"
program=$(echo "$work"/inglenook-*/bin/inglenook)
export XDG_DATA_HOME=$work/data HOME=$work QT_QPA_PLATFORM=offscreen
"$program" --version
answer=$("$program" chat --temperature 0 --max-tokens 60 --prompt "What is Inglenook?" </dev/null)
printf 'answer: %s\n' "$answer"
[ -n "$answer" ] || die "the built-in model gave no answer"
# The desktop must live for two seconds and end when asked.
"$program" --data-dir "$work/desktop" &
pid=$!
sleep 2
kill -0 "$pid" || die "the desktop ended by itself"
kill -TERM "$pid"
wait "$pid" || [ $? -eq 143 ] || die "the desktop did not end cleanly"
dpkg-deb --info build/package/inglenook_*.deb
# The whole list first: grep -q would break the pipe, and a broken pipe counts as a failure here.
contents=$(dpkg-deb --contents build/package/inglenook_*.deb)
grep -q 'usr/bin/inglenook$' <<<"$contents" || die "the .deb lacks the program"
