# One way to run things. `make demo` and `make test` set up all they need on a fresh machine.
#
#   make demo    sample recording -> ranked landings, against the truth
#   make quick   while you work: style, imports, manifest and the quick tests; two minutes
#   make test    everything that a change must pass
#   make lint    ruff, import contracts, manifest, workflows and other project files
#   make types   mypy
#   make bench   speed and memory figures; some ten minutes
#   make bench-window  how fast the window answers, and how soon cancelling acts; ten minutes
#   make bench-detection  how weak a landing is found: ARGS="--seeds 5 --first-seed 1000"
#   make bench-precision  what bfloat16 costs in detection: ARGS="--seeds 2"
#   make bench-calibration  whether errors of landings are true: ARGS="--seeds 4"
#   make bench-limit  whether detection limits are true: ARGS="--recordings 10"
#   make bench-disturbances  what disturbances of a recording cost: ARGS="--seeds 2"
#   make bench-mass  how well masses of a mixture come back: ARGS="--trials 100 --short"
#   make bench-tracking  whether diffusion constants and their errors are true: ARGS="--seeds 2"
#   make bench-psf  how many landings are found out of focus: ARGS="--seeds 3"
#   make bench-survival  kills, full disks, files that change; an hour or more: ARGS="--rounds 3 --only replace"
#   make bench-trails-detection  how high anomalous trails rank: ARGS="--seeds 5"
#   make fuzz    20 000 damaged and hostile files of every format; ten minutes: ARGS="--inputs 2000"
#   make docs    the site, in docs/_build/html; fails on a warning or a broken link
#   make linkcheck  the same, links to other sites included; needs the network
#   make manifest  rewrite the generated part of napari.yaml after a change of the catalogue
#
# QT=pyside6 VENV=.venv-pyside6 sets up and tests with the other Qt; SEED=1 repeats an order of tests.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
QT ?= pyqt6
OUT ?= demo

# One thread per worker: the suites run side by side.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
# The order of the tests and the examples of hypothesis are random; both follow from the seed that the
# command shows.
SEED := $(or $(SEED),$(shell date +%s))
PYTEST := $(BIN)/pytest -q --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
# They need no screen, nor the libraries of one, which napari's and Qt's plugins of pytest would load.
CORE := $(PYTEST) -n 2 -p no:napari -p no:pytest-qt --ignore tests/widgets
# macOS and Windows have a screen. Mesa's software renderer gives the same picture on every machine.
ifeq ($(shell uname -s),Linux)
SCREEN := LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s "-screen 0 1600x1200x24"
endif

SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema

.PHONY: demo quick test lint types bench bench-window bench-detection bench-precision bench-trails-detection bench-calibration bench-limit bench-disturbances bench-mass bench-psf bench-tracking bench-survival fuzz docs linkcheck manifest screenshots setup screen code core-tests widget-tests wheel-test clean help

demo: $(READY)
	$(BIN)/napari-uai demo --out $(OUT)

quick: code
	$(CORE) -m "not slow"

test: lint types core-tests widget-tests wheel-test

lint: code
	$(BIN)/npe2 validate src/napari_uai/napari.yaml
	$(BIN)/python tools/check_versions.py
	$(SCHEMA) vendor.citation-file-format CITATION.cff
	$(SCHEMA) vendor.dependabot .github/dependabot.yml
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug_report.yml .github/ISSUE_TEMPLATE/feature_request.yml
	$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/pre-commit validate-config
	$(BIN)/zizmor --offline --quiet .github

code: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python tools/write_manifest.py --check

types: $(READY)
	$(BIN)/mypy

core-tests: $(READY)
	$(CORE)

widget-tests: screen
	$(SCREEN) $(PYTEST) -n 2 tests/widgets

wheel-test: $(READY)
	bash tools/wheel_test.sh $(BIN)/python

# With the threads that a user's run has.
bench: $(READY)
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_dra.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_forest.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_fits.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_recipes.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_trails.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_network.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_reading.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_peers.py

# A recording of 100 000 frames, 10 000 trails, every stage.
bench-window: screen
	$(SCREEN) env -u OMP_NUM_THREADS TIMED=1 $(PYTEST) tests/widgets/test_long_recording.py
	$(SCREEN) env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_trail_dock.py
	env -u OMP_NUM_THREADS $(BIN)/python benchmarks/bench_cancel.py

bench-detection: $(READY)
	$(BIN)/python benchmarks/bench_detection.py $(ARGS)

bench-precision: $(READY)
	$(BIN)/python benchmarks/bench_precision.py $(ARGS)

bench-trails-detection: $(READY)
	$(BIN)/python benchmarks/bench_trails_detection.py $(ARGS)

bench-calibration: $(READY)
	$(BIN)/python benchmarks/bench_calibration.py $(ARGS)

bench-limit: $(READY)
	$(BIN)/python benchmarks/bench_limit.py $(ARGS)

bench-disturbances: $(READY)
	$(BIN)/python benchmarks/bench_disturbances.py $(ARGS)

bench-mass: $(READY)
	$(BIN)/python benchmarks/bench_mass.py $(ARGS)

bench-tracking: $(READY)
	$(BIN)/python benchmarks/bench_tracking.py $(ARGS)

bench-psf: $(READY)
	$(BIN)/python benchmarks/bench_psf.py $(ARGS)

bench-survival: $(READY)
	$(BIN)/python benchmarks/bench_survival.py $(ARGS)

fuzz: $(READY)
	$(BIN)/python tools/fuzz.py $(ARGS)

docs: $(READY)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky $(SPHINX) docs docs/_build/html
	$(BIN)/python tools/check_links.py docs/_build/html

linkcheck: docs
	$(BIN)/sphinx-build -b linkcheck -t online docs docs/_build/linkcheck

screenshots: screen
	$(SCREEN) $(BIN)/python docs/screenshots.py

manifest: $(READY)
	$(BIN)/python tools/write_manifest.py

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" bash tools/setup.sh $(BIN) $(QT)
	touch $@

screen: $(READY)
	bash tools/screen.sh $(BIN)/python

clean:
	rm -rf $(VENV) build dist docs/_build docs/gallery docs/reference $(OUT)

help:
	@sed -n 's/^#   make/make/p' Makefile
