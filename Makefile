# Everything a fresh machine needs: Python 3.11, make, git. `make demo` and `make test` do the rest.

BIN := .venv/bin
DEMO_SCANS := examples/walk
DEMO_DRAWINGS := out/walk
# A second run is quick: nothing is installed again until one of these changes.
INSTALLED_FROM := pyproject.toml constraints.txt tools/setup-venv.sh

# Every target installs into the same .venv, so `make -j` must not run two of them at once.
.NOTPARALLEL:
.PHONY: demo farm test check lint types imports format soak bench clean distclean

demo: .venv/.installed-worker  ## clean the bundled sequence and say where to look
	$(BIN)/douga clean $(DEMO_SCANS) $(DEMO_DRAWINGS)
	@echo
	@echo "The drawings are in $(DEMO_DRAWINGS). Look at them side by side with the scans:"
	@echo "    $(CURDIR)/$(DEMO_DRAWINGS)/report/index.html"

farm: .venv/.installed-servers  ## queue, bucket, workers and Prometheus on this machine, until Ctrl-C
	@tools/debian-packages.sh prometheus || echo "The farm runs without Prometheus."
	@$(BIN)/python -m tools.farm

test: check  ## every check, then every test
	@tools/debian-packages.sh chromium fonts-liberation inkscape prometheus || echo "The tests that need them are skipped."
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: lint types imports  ## what needs no test to run

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed-dev
	$(BIN)/mypy

imports: .venv/.installed-dev
	$(BIN)/lint-imports --no-logo

format: .venv/.installed-dev  ## put every file into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: .venv/.installed-dev  ## tests under load that take minutes; figures go to out/
	$(BIN)/python -m pytest -m soak -s

# bench_networks trains for as long as it is told, on drawings that everybody keeps elsewhere: see docs/training.md.
bench: .venv/.installed-dev  ## measure; judges nothing
	for file in $(filter-out %/bench_networks.py,$(wildcard tests/bench/bench_*.py)); do $(BIN)/python -m tests.bench.$$(basename $$file .py) || exit 1; done

clean:  ## remove what was made, but for the installed environment
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find shared producer worker tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv *.egg-info

# A stamp is touched last, so a broken installation is never taken for a whole one.
.venv/.installed-worker: $(INSTALLED_FROM)
	tools/setup-venv.sh worker
	@touch $@

.venv/.installed-servers: $(INSTALLED_FROM)
	tools/setup-venv.sh worker,servers
	@touch $@ .venv/.installed-worker

.venv/.installed-dev: $(INSTALLED_FROM)
	tools/setup-venv.sh worker,train,dev
	@touch $@ .venv/.installed-worker .venv/.installed-servers
