# Everything sets itself up in .venv from the package index that pip knows. `make demo` and `make test` are all
# that a newcomer needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo demo-stop test test-deep lint format clean

demo: $(READY)
	@$(BIN)/extracts demo $(if $(KEEP),--keep) $(if $(FOLDER),--folder "$(FOLDER)") $(if $(SFTP_PORT),--sftp-port $(SFTP_PORT))

demo-stop: $(READY)
	@$(BIN)/extracts demo --stop "$(FOLDER)"

test: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

test-deep: $(READY)
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest tests/engine $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist

$(READY): pyproject.toml Makefile
	@echo "Setting up $(VENV); Spark is the large part of it. This happens once."
	@$(PYTHON) -c 'import sys; sys.exit("✗ Python 3.11 or newer is needed, and $(PYTHON) is "+sys.version.split()[0]+"; name another: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv --clear $(VENV) || { echo "✗ $(PYTHON) cannot make a virtual environment in $(VENV); see the line above (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1' && \
	 $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]' --group dev || \
	 { echo "✗ The packages could not be installed; see the lines above: is the package index in reach, and the disk not full?" >&2; exit 1; }
	@touch $@
