#!/bin/sh
# Usage: debian-packages.sh PACKAGE...
# Installs the Debian packages that are missing, where it may (root, or sudo without a password).
# Exit status 1 when some are still missing; it has then named them and the command to run.
set -eu

is_installed() {
    dpkg-query --show --showformat='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

missing=
for package in "$@"; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

give_up() {
    echo "Missing Debian packages:$missing ($1)" >&2
    echo "To install them: apt-get update && apt-get install$missing" >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "this system has no apt-get"

as_root=
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || give_up "neither root nor sudo without a password"
    as_root="sudo -n"
fi

echo "Installing Debian packages:$missing"
# shellcheck disable=SC2086 # both variables are lists of words
{
    $as_root apt-get -qq update &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends $missing >/dev/null
} || give_up "apt-get failed"
