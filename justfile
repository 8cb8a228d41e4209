# Short names for what CONTRIBUTING.md lists.
test *args:
    .venv/bin/python -m pytest {{ args }}

ci:
    .ci/run

fix:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

docs:
    .venv/bin/python docs/generate.py

golden:
    .venv/bin/python -m pytest --snapshot-update

bench *args:
    .venv/bin/python bench/compile.py {{ args }}
