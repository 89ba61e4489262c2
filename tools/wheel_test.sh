#!/usr/bin/env bash
# Build the wheel, open its samples as napari does, install it alone (no napari) in an empty
# environment, and use it from elsewhere.
set -euo pipefail
python=$1
bin=venv/$(basename "$(dirname "$python")") # Scripts on Windows
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of earlier runs, but for compiled kernels, which are found by their code.
NUMBA_CACHE_DIR=${NUMBA_CACHE_DIR-$("$python" -c "import napari_uai.kernel_files as k; print(k.kernel_store().folder)")}
export NUMBA_CACHE_DIR NAPARI_UAI_CACHE="$work/cache"

"$python" -m build --quiet --wheel --no-isolation --outdir "$work/dist"
"$python" tools/check_wheel.py "$work"/dist/*.whl
"$python" -m zipfile -e "$work"/dist/*.whl "$work/unpacked"
PYTHONPATH="$work/unpacked" "$python" tools/check_samples.py
"$python" -m venv "$work/venv"
"$work/$bin/python" -m pip install --quiet --disable-pip-version-check --use-pep517 \
    --constraint constraints.txt "$work"/dist/*.whl
cd "$work"
"$bin/python" - <<'PYTHON'
from importlib.util import find_spec

for name in ("napari", "qtpy", "PyQt6", "torch"):
    assert find_spec(name) is None, f"the base installation brought {name}"
PYTHON
sample() { "$bin/python" -c "import napari_uai; print(napari_uai.sample_path('$1'))"; }
"$bin/napari-uai" info "$(sample landings.bin)"
"$bin/napari-uai" info "$(sample fluorescence.bin)"
cmp "$(sample fluorescence.bin)" "$repository/sample_data/fluorescence.bin"
diff -r "$(sample trails)" "$repository/sample_data/trails"
"$bin/napari-uai" demo --out demo
test -n "$(find demo -name landings.csv -size +0)"
echo "The wheel works alone."
