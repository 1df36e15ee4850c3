# One command each; CI calls the same ones. Everything is installed into .venv by these rules.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile  # a file's compiled loops are one process's
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-autodiff lint bench docs clean

demo: $(VENV)/.run            ## install into .venv and run the main job on real data
	$(BIN)/parzen experiment digits --out parzen-experiment-digits --force

test: $(VENV)/.test lint      ## lint, types, all tests
	$(BIN)/python -m pytest $(PARALLEL)

test-autodiff: $(VENV)/.test  ## the tests that need PyTorch, JAX and autograd, in an environment of their own
	test -x $(VENV)-autodiff/bin/python || $(PYTHON) -m venv $(VENV)-autodiff
	$(VENV)-autodiff/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	    --editable '.[test,sympy,torch,jax,autograd]'
	$(VENV)-autodiff/bin/python -m pytest tests/derivatives -q $(PARALLEL)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench         ## measure every published figure on this machine
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[peers]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[all]'
	touch $@ $(VENV)/.run

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[all,bench]'
	touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) dist build parzen-experiment-*
