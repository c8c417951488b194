# ConvNet Explorer. `make` alone lists the commands.

PYTHON ?= $(firstword $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done))
VENV ?= .venv
PORT ?= 8501
# Only this machine can reach the app: the local profile opens files that a stranger must not send.
ADDRESS ?= localhost
REQUIREMENTS ?= requirements.txt
# Tests run in so many processes, each file in one of them. The files keep their order, for xdist's own begins the long
# ones with few tests last.
JOBS ?= 2
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
# Real trainings and a promise of five seconds: these browser tests have the machine for themselves.
ALONE := tests/browser/test_training_page.py
# On a busy machine a real browser now and then shows something later than a test looks. Such a test that fails
# has a second attempt; the first is printed with what its page showed, for it is to be mended too.
AGAIN := --reruns 1 -rR
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-$(notdir $(REQUIREMENTS))
DEV_STAMP := $(VENV)/.dev
# What bench_attribution.py measures against is in a folder that nothing else looks into.
PEERS := $(VENV)/bench-attribution
PEERS_STAMP := $(PEERS)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test slow-test check browser-test bench faithfulness published ascent-table atlas format clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## install what is missing and open the app on http://localhost:8501
	$(BIN)/python -m streamlit run app.py --server.address $(ADDRESS) --server.port $(PORT)

test: $(DEV_STAMP) ## unit tests, doctests, page tests; browser tests too where a Chromium is found
	$(BIN)/python -m pytest -m "not slow and not browser" $(PARALLEL)
	$(BIN)/python -m pytest -m "not slow" $(ALONE) $(AGAIN)
	$(BIN)/python -m pytest -m "not slow" tests/browser --ignore $(ALONE) $(PARALLEL) $(AGAIN)

slow-test: $(DEV_STAMP) ## the tests that build every published network: a few minutes
	$(BIN)/python -m pytest -m slow tests -n $(JOBS) --dist load $(AGAIN)

check: $(DEV_STAMP) ## lint, floors, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

browser-test: $(DEV_STAMP) ## the tests that drive a real Chromium; a skip is a failure
	EXPLORER_REQUIRE_BROWSER=1 $(BIN)/python -m pytest $(ALONE) $(AGAIN)
	EXPLORER_REQUIRE_BROWSER=1 $(BIN)/python -m pytest tests/browser --ignore $(ALONE) $(PARALLEL) $(AGAIN)

bench: $(DEV_STAMP) $(PEERS_STAMP) ## ratios, each measured in one run
	PYTHONPATH=. $(BIN)/python benchmarks/bench_kernels.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_feature_maps.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_attribution.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_ascent.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_datasets.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_augmentation.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_training.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_overview.py

faithfulness: $(RUN_STAMP) ## the table of docs/faithfulness.md: a quarter of an hour
	PYTHONPATH=. $(BIN)/python benchmarks/faithfulness.py

published: $(RUN_STAMP) ## the table of docs/training.md, from the full datasets where they are there: ten minutes
	PYTHONPATH=. $(BIN)/python benchmarks/published.py

ascent-table: $(RUN_STAMP) ## the table of docs/ascent.md: a quarter of an hour
	PYTHONPATH=. $(BIN)/python benchmarks/ascent_presets.py

atlas: $(RUN_STAMP) ## grow the patterns of assets/atlas anew: a quarter of an hour
	PYTHONPATH=. $(BIN)/python assets/atlas/make.py

format: $(DEV_STAMP) ## put the code in its standard form
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11, 3.12 or 3.13 with its venv module is needed (on Debian: apt install python3-venv)."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# opencv-python needs the system's libGL. Where that is missing, the same cv2 without windows takes its place.
$(RUN_STAMP): $(REQUIREMENTS) requirements.txt | $(BIN)/python
	$(PIP) -r $(REQUIREMENTS)
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		version=$$(sed -n 's/^opencv-python==//p' requirements.txt); \
		echo "No libGL here: opencv-python-headless takes the place of opencv-python."; \
		$(BIN)/python -m pip uninstall --quiet --yes opencv-python; \
		$(PIP) --force-reinstall --no-deps opencv-python-headless==$$version; }
	@$(BIN)/python -c 'import cv2'
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(RUN_STAMP)
	@grep -v '^-r' requirements-dev.txt > $(VENV)/dev.txt
	$(PIP) -r $(VENV)/dev.txt
	@touch $@

# --no-deps: they see the environment's own NumPy and TensorFlow.
$(PEERS_STAMP): benchmarks/requirements-attribution.txt | $(RUN_STAMP)
	rm -rf $(PEERS)
	$(PIP) --no-deps --target $(PEERS) -r $<
	@touch $@
