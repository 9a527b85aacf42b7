#!/usr/bin/env bash
# Proves the installed tree: builds release, makes the .tar.gz and the .deb files, unpacks the archive somewhere
# else and starts the program from there: version, one answer of the built-in model, the desktop offscreen.
# INGLENOOK_PACKAGE_CUDA=ON also builds inglenook-cuda (needs nvcc and some minutes) and looks into it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. installer/packages.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cuda=${INGLENOOK_PACKAGE_CUDA:-OFF}
# A build folder of its own, which never holds a CUDA library left by another build. With warnings as errors the
# compile commands are those of the preset dev: after its build ccache has every object.
cmake --preset release -B build/package -DINGLENOOK_WERROR=ON -DINGLENOOK_CUDA="$cuda" >/dev/null
cmake --build build/package -j "$(build_jobs)"
rm -f build/package/inglenook*.deb build/package/inglenook*.tar.gz
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
# holds DEB PATTERN: one of the package's files ends so. The whole list first: grep -q would break the pipe, and a
# broken pipe counts as a failure here.
holds() {
    local contents
    contents=$(dpkg-deb --contents "$1")
    grep -qE "$2\$" <<<"$contents"
}
dpkg-deb --info build/package/inglenook_*.deb
for path in usr/bin/inglenook usr/share/applications/inglenook.desktop usr/share/inglenook/models/ember.gguf; do
    holds build/package/inglenook_*.deb "$path" || die "the .deb lacks $path"
done
if holds build/package/inglenook_*.deb 'libinglenook_cuda\.so'; then die "the program's .deb holds the CUDA library"; fi
if [ "$cuda" = ON ]; then
    dpkg-deb --info build/package/inglenook-cuda_*.deb
    holds build/package/inglenook-cuda_*.deb 'usr/lib/inglenook/libinglenook_cuda\.so' || die "inglenook-cuda lacks its library"
    holds build/package/inglenook-cuda_*.deb 'usr/lib/inglenook/libcudart\.so\.[0-9]+' || die "inglenook-cuda lacks the CUDA runtime"
    dpkg-deb -x build/package/inglenook-cuda_*.deb "$work/cuda"
    # The runtime beside it is the one it finds, and nothing is missing.
    resolved=$(env -u LD_LIBRARY_PATH ldd "$work/cuda/usr/lib/inglenook/libinglenook_cuda.so")
    printf '%s\n' "$resolved"
    grep -q "libcudart.* => $work/cuda/" <<<"$resolved" || die "libinglenook_cuda.so does not find the runtime beside it"
    if grep -q 'not found' <<<"$resolved"; then die "libinglenook_cuda.so lacks a library"; fi
fi
