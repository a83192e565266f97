#!/bin/sh
# Prints the command of a Python that Douga runs on; says what to install if there is none.
set -eu

for candidate in python3.11 python3 python3.12 python3.13; do
    # A version manager's shim may exist and still not run, so ask the program itself.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done

echo "Douga needs Python 3.11 or newer, and there is none on the PATH." >&2
echo "On Debian 12 or newer: apt-get install python3 python3-venv" >&2
exit 1
