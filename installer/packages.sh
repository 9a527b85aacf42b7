# shellcheck shell=bash
# Package lists of Debian 12 and Ubuntu 24.04, one place for run.sh, test.sh and the container recipes.
# "a|b" means: the first of the two that this distribution has.

PACKAGES_BUILD=(
    g++ cmake ninja-build pkg-config ccache
    qt6-base-dev "qt6-svg-dev|libqt6svg6-dev" qt6-tools-dev qt6-tools-dev-tools qt6-l10n-tools
    libgl-dev libopengl-dev
    libmd4c-dev nlohmann-json3-dev libpcre2-dev libsqlite3-dev libsqlitecpp-dev
    libqcustomplot-dev libboost-dev qtkeychain-qt6-dev
)
# What the built program needs beside its libraries: fonts, input methods' Qt plugin, Wayland, Qt's own texts in Chinese.
PACKAGES_RUN=(
    fonts-inter fonts-noto-cjk fonts-dejavu-core qt6-qpa-plugins qt6-wayland qt6-translations-l10n
)
PACKAGES_TEST=(
    python3 python3-jinja2 xvfb xauth dbus git
    clang "libclang-rt-dev|libclang-rt-18-dev" clang-format
    desktop-file-utils appstream strace sqlite3 file
)

# say TEXT: what the script is doing, on stderr, so that stdout stays the program's.
say() { printf '\033[1minglenook:\033[0m %s\n' "$*" >&2; }
die() {
    printf 'inglenook: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: directly, through sudo, or fails with the command to type.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "these packages need root; run this first: $*"
    fi
}

package_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Prints the packages of the arguments that are not installed, alternatives resolved.
missing_packages() {
    local entry name chosen
    for entry in "$@"; do
        chosen=
        local -a names
        IFS='|' read -ra names <<<"$entry"
        for name in "${names[@]}"; do
            if package_installed "$name"; then continue 2; fi
        done
        for name in "${names[@]}"; do
            if [ -z "$chosen" ] && apt-cache show "$name" >/dev/null 2>&1; then chosen=$name; fi
        done
        printf '%s\n' "${chosen:-${names[0]}}"
    done
}

# install_packages LIST...: installs what is missing; does nothing, and asks for nothing, when all is there.
install_packages() {
    command -v dpkg-query >/dev/null ||
        die "this script knows Debian and Ubuntu; elsewhere install the packages of installer/packages.sh by hand and use cmake --preset release"
    local entry any=
    for entry in "$@"; do
        local -a names
        IFS='|' read -ra names <<<"$entry"
        local name found=
        for name in "${names[@]}"; do package_installed "$name" && found=1; done
        [ -n "$found" ] || any=1
    done
    [ -n "$any" ] || return 0
    say "reading the package lists"
    as_root apt-get update -qq || die "the package lists cannot be read; check the network, then run this again"
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    say "installing ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
        die "a package could not be installed; the lines above say which"
}

# Compilers need up to 1.5 GB each: never more jobs than the memory carries.
build_jobs() {
    local cores memory_kb jobs
    cores=$(nproc)
    memory_kb=$(awk '/MemAvailable/ {print $2}' /proc/meminfo)
    jobs=$((memory_kb / 1500000))
    [ "$jobs" -ge 1 ] || jobs=1
    [ "$jobs" -le "$cores" ] || jobs=$cores
    echo "$jobs"
}
