#!/bin/sh
# Usage: setup-venv.sh EXTRAS
# Makes .venv where there is none that works, and installs Douga into it, editable, with EXTRAS
# (such as worker,dev) at the versions of constraints.txt. Safe to run again, and after a break.
set -eu

cd "$(dirname "$0")/.."
extras=$1
python=$(tools/find-python.sh)

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    # Debian cuts ensurepip out of Python; a venv without it has no pip.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        tools/debian-packages.sh "python$version-venv"
    fi
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

echo "Installing Douga [$extras] into .venv; the first time this takes minutes"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable ".[$extras]"

case ",$extras," in *,worker,*)
    echo "Compiling the tracer's loops for this machine; the first time this takes a minute"
    .venv/bin/python -m douga_worker.strokes.warm_up
    ;;
esac
