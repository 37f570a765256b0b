# demo · test · lint · docs · surface · bench. Needs Python ≥ 3.11, pip and make; everything else goes into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PROJECTS = pyproject.toml $(wildcard plugins/*/pyproject.toml)
export HF_HUB_OFFLINE = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# An installed torch that is recent enough is used instead of a second one, several GB large.
SYSTEM_TORCH = import sys, importlib.metadata as m; v = m.version("torch").split("."); \
	recent = (int(v[0]), int(v[1])) >= (2, 4) and sys.prefix == sys.base_prefix; \
	print("--system-site-packages" if recent else "")

.PHONY: demo test lint format docs docs-serve surface table lab policy bench bench-policy bench-thingsvision clean

demo: $(VENV)/.demo-installed
	@PATH="$(abspath $(BIN)):$$PATH" sh docs/demo/run.sh

test: $(VENV)/.dev-installed
	$(BIN)/python -m pytest

lint: $(VENV)/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The reference from the code, then the site, into site/; a broken link ends it (with --quiet mkdocs would not count it).
docs: $(VENV)/.dev-installed
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(VENV)/.dev-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

# tests/api/surface.txt: what plugins build on. Breaks are refused until CHANGELOG.md announces them.
surface: $(VENV)/.dev-installed
	$(BIN)/python tests/api/record.py

# docs/explanation/weight-free-table.md; takes minutes.
table: $(VENV)/.dev-installed
	$(BIN)/python docs/tables.py

# docs/explanation/lab-table.md; 20 minutes on two cores.
lab: $(VENV)/.dev-installed
	$(BIN)/python docs/lab.py

# docs/explanation/policy-bench.md, from the same figures as bench-policy; as long.
policy: $(VENV)/.dev-installed
	$(BIN)/python docs/policy.py

bench: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/listing.py
	$(BIN)/python benchmarks/law.py
	$(BIN)/python benchmarks/honest_law.py
	$(BIN)/python benchmarks/rows.py
	$(BIN)/python benchmarks/correspondence.py
	$(BIN)/python benchmarks/cache.py
	$(BIN)/python benchmarks/extraction.py
	$(BIN)/python benchmarks/alignment.py
	$(BIN)/python benchmarks/stage1.py

# The policy against its baselines, and what is required of it; 10 minutes on two cores. TABLES="mine.csv" adds yours.
bench-policy: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/policy.py $(TABLES)

# The engine against thingsvision, which is installed into a folder of its own, without what it pins.
bench-thingsvision: $(VENV)/.dev-installed
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/thingsvision \
		-r benchmarks/thingsvision_requirements.txt
	$(BIN)/python benchmarks/against_thingsvision.py $(VENV)/thingsvision

$(BIN)/python:
	@echo "Installing into $(VENV) (torch is most of it; the next run installs nothing)"
	$(PYTHON) -m venv $(shell $(PYTHON) -c '$(SYSTEM_TORCH)' 2>/dev/null) $(VENV)

$(VENV)/.demo-installed: requirements-demo.txt $(PROJECTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements-demo.txt
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt requirements-demo.txt docs/requirements.txt $(PROJECTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(VENV)/.demo-installed

clean:
	rm -rf $(VENV) dist visionlaw-demo
