# One way to run things. `make demo` and `make test` set up all they need on a fresh machine.
#
#   make demo    sample recording -> ranked landings, against the truth
#   make test    everything that a change must pass
#   make lint    ruff, import contracts, manifest
#   make types   mypy
#   make bench   speed and memory figures; some ten minutes
#   make bench-window  how fast the window answers, and how soon cancelling acts; ten minutes
#   make bench-detection  how weak a landing is found: ARGS="--seeds 5 --first-seed 1000"
#   make bench-precision  what bfloat16 costs in detection: ARGS="--seeds 2"
#   make bench-trails-detection  how surely anomalous trails rank first: ARGS="--seeds 5"
#   make docs    the generated reference in docs/reference
#   make manifest  rewrite the generated part of napari.yaml after a change of the catalogue

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= demo

# One thread per worker: the suites run side by side.
export OMP_NUM_THREADS ?= 1
# Mesa's software renderer gives the same picture on every machine.
SCREEN := LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s "-screen 0 1600x1200x24"

# Prints how fast the window answers, so it runs alone.
LONG := tests/widgets/test_long_recording.py

.PHONY: demo test lint types bench bench-window bench-detection bench-precision bench-trails-detection docs manifest screenshots setup screen core-tests widget-tests wheel-test clean

demo: $(READY)
	$(BIN)/napari-uai demo --out $(OUT)

test: lint types core-tests widget-tests wheel-test

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python tools/write_manifest.py --check
	$(BIN)/npe2 validate src/napari_uai/napari.yaml

types: $(READY)
	$(BIN)/mypy

# They need no screen, nor the libraries of one, which napari's and Qt's plugins of pytest would load.
core-tests: $(READY)
	$(BIN)/pytest -q -n 2 -p no:napari -p no:pytest-qt --ignore tests/widgets

widget-tests: screen
	$(SCREEN) $(BIN)/pytest -q -n 2 --ignore $(LONG) tests/widgets
	$(SCREEN) $(BIN)/pytest -q $(LONG)

wheel-test: $(READY)
	tools/wheel_test.sh $(BIN)/python

# With the threads that a user's run has.
bench: $(READY)
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_dra.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_forest.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_fits.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_recipes.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_trails.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_network.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_training.py

# A recording of 100 000 frames, 10 000 trails, every stage.
bench-window: screen
	$(SCREEN) env -u OMP_NUM_THREADS $(BIN)/pytest -q $(LONG)
	$(SCREEN) env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_trail_dock.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_cancel.py

bench-detection: $(READY)
	$(BIN)/python benchmarks/bench_detection.py $(ARGS)

bench-precision: $(READY)
	$(BIN)/python benchmarks/bench_precision.py $(ARGS)

bench-trails-detection: $(READY)
	$(BIN)/python benchmarks/bench_trails_detection.py $(ARGS)

docs: $(READY)
	$(BIN)/python docs/make_reference.py

screenshots: screen
	$(SCREEN) $(BIN)/python docs/screenshots.py

manifest: $(READY)
	$(BIN)/python tools/write_manifest.py

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" tools/setup.sh $(VENV)
	touch $@

screen: $(READY)
	tools/screen.sh $(BIN)/python

clean:
	rm -rf $(VENV) build dist $(OUT)
