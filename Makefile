# Everything runs in a virtual environment, .venv, which the first target that needs it makes.
# Python 3.11 or newer is needed; the first one found is taken, or name it: make demo PYTHON=python3.12
#
# Versions are pinned in constraints.txt. Which build of torch is installed follows from how pip is set
# up: the plain index gives the CUDA build on Linux. Where there is no GPU, the much smaller CPU build is
# had with: make demo PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c '$(RECENT)' 2>/dev/null && { echo $$p; break; }; done)
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2

.PHONY: help demo test slow lint docs site wheels clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    a polystyrene melt from beads to atoms, with a picture and a report; a minute once installed"
	@echo "make test    the tests, without the slow ones"
	@echo "make slow    the slow tests"
	@echo "make lint    ruff"
	@echo "make docs    writes the generated pages of docs/ anew"
	@echo "make site    builds the documentation as a website, in site/"
	@echo "make wheels  sdist and wheel, the wheel tried with each Python that is installed; takes some minutes"
	@echo "make clean   removes what demo and tests leave behind (the environment $(VENV) stays)"

demo: $(STAMP)
	$(BIN)/backmap run recipes/polystyrene/run.yaml --force
	@echo
	@echo "trajectory  runs/polystyrene/atoms.gro  runs/polystyrene/atoms.xtc"
	@echo "picture     runs/polystyrene/polystyrene.png"
	@echo "report      runs/polystyrene/report.html"
	@echo "provenance  runs/polystyrene/run.json"

test: $(STAMP)
	$(PYTEST) -m "not slow"

slow: $(STAMP)
	$(PYTEST) -m slow

lint: $(STAMP)
	$(BIN)/ruff check

docs: $(STAMP)
	$(BIN)/python docs/generate.py

site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheels:
	$(PYTHON) .ci/wheels.py

# Installed again only when what is to be installed changes.
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,docs]'
	@touch $@

clean:
	rm -rf build dist site runs/octane runs/polystyrene .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find backmap plugins tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
