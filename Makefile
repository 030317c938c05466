# These commands need only Python 3.11 or later with pip; uv is fetched where it is absent.
#   make lab    sets everything up and opens the notebooks
#   make page   sets everything up and writes explorer.html
#   make test   sets everything up and runs all tests
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
export OMP_NUM_THREADS ?= 1

.PHONY: lab page book handout release test test-processors test-order test-long quick mutants bench check \
	notebooks student instructor repeat

# The settings in .jupyter keep a question about news off the first notebook and open texts as pages.
# Without the last argument Jupyter drops every message above 10 MiB, as a large picture makes one.
lab: $(UV)
	$(UV) run --locked jupyter lab notebooks/00_start_here.ipynb --LabApp.app_settings_dir=.jupyter \
		--ServerApp.tornado_settings='{"websocket_max_message_size": 30000000}'

# One HTML file with the explorer, to be opened by a double click, without any installation.
page: $(UV)
	$(UV) run --locked python -m cam_helpers.view --out explorer.html

# The notebooks as a site of plain files, in the folder book and in book.zip.
book: $(UV)
	$(UV) run --locked python notebooks/book/make_book.py

# Notebooks 00 to 05 on paper: handout.pdf and handout.epub. It needs Chromium.
handout: $(UV)
	$(UV) run --locked python notebooks/book/make_handout.py

# A file's tests stay together, since they share what was loaded; more processes need more memory.
test: $(UV)
	$(UV) run --locked pytest -n auto --maxprocesses 4 --dist loadfile

# For contributors: the suite as other processors compute: plainly, without AVX-512, in another order.
OTHERWISE = $(UV) run --locked pytest -n auto --maxprocesses 4 --dist loadfile \
	-m "not browser and not long"
test-processors: $(UV)
	ATEN_CPU_CAPABILITY=default $(OTHERWISE)
	ONEDNN_MAX_CPU_ISA=AVX2 $(OTHERWISE)
	PYTHONPATH=tests $(OTHERWISE) -p another_order

# The part of it that the gate runs: steps, figures and the first notebooks, in another order.
test-order: $(UV)
	PYTHONPATH=tests $(OTHERWISE) -p another_order tests/test_step_*.py tests/test_explain.py \
		tests/test_grad_cam.py tests/test_properties.py tests/display notebooks/0[0-5]*.ipynb

# For maintainers: set version and date, and fill dist/ (make release VERSION=0.2.0).
release: $(UV)
	$(UV) run --locked python .ci/release.py $(VERSION)

# For contributors: what to run while a step or a network is being changed.
QUICK = tests/test_step_*.py tests/test_explain.py tests/test_mistakes.py tests/test_imports.py \
	tests/networks/test_network.py tests/networks/test_proof.py
quick: $(UV)
	$(UV) run --locked pytest -q -n 2 --dist loadfile $(QUICK)

# For contributors: mistakes made by a program in the steps and the proof; which does no test notice?
mutants: $(UV)
	$(UV) run --locked --with mutmut==3.8.1 mutmut run
	$(UV) run --locked --with mutmut==3.8.1 mutmut results

# For contributors: what takes minutes (long runs, many networks); one process, the memory is measured.
test-long: $(UV)
	$(UV) run --locked pytest -m long tests
	$(MAKE) test-processors

# For contributors: how long do maps take, ours and other libraries'? bench.py takes --device cuda.
bench: $(UV)
	$(UV) run --locked --extra libraries python tests/studies/bench.py

# For contributors: style and types.
check: $(UV)
	$(UV) run --locked ruff check
	$(UV) run --locked ruff format --check
	$(UV) run --locked mypy

# For contributors: run every notebook, or ONLY=05, from top to bottom and store what it shows.
notebooks: $(UV)
	$(UV) run --locked python tests/store_notebooks.py $(ONLY)

# For teachers: the notebooks without outputs and answers, and those with everything unfolded.
student: $(UV)
	$(UV) run --locked python notebooks/workshop/editions.py student

instructor: $(UV)
	$(UV) run --locked python notebooks/workshop/editions.py instructor

# For contributors: do the notebooks print the same 20 times over, on plain and on fast arithmetic?
repeat: $(UV)
	for turn in 1 2 3 4 5 6 7 8 9 10; do for cpu in default avx2; do PYTHONHASHSEED=random \
		ATEN_CPU_CAPABILITY=$$cpu $(UV) run --locked pytest -q notebooks || exit 1; done; done

.uv/bin/uv:
	$(PYTHON) -m pip install --quiet --target .uv uv
