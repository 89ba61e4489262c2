#!/usr/bin/env bash
# Make the virtual environment with the pinned dependencies, this package and its tools:
# setup.sh .venv/bin pyqt6
set -euo pipefail
bin=$1
qt=$2
python=${PYTHON:-python3}

command -v "$python" >/dev/null || {
    echo "No Python found: install Python 3.11 or later, or run make PYTHON=/path/to/python" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$("$python" --version) is too old: run make PYTHON=python3.11 (or later)" >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then # Debian ships them apart
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv
    else
        echo "Python has no venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2
        exit 1
    fi
fi
"$bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "${bin%/*}"
install() {
    "$bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"
}
install --upgrade pip # older ones know no --group
install --editable ".[napari,torch,svm,tables,cluster,$qt]" --group dev
