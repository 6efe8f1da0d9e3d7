# make demo        the pool examples against a private server that is gone afterwards
# make test        all tests, against the same kind of server
# make servers     fetch MariaDB 11.8 (Debian trixie), MySQL 9 (sid) and MariaDB's authentication plugins into a cache
#                  folder outside of the project; the two servers need root
# make test-servers  the integration tests against each server there is; test-other-servers: without this system's,
#                  which `make test` has had
# make test-faces  tests/integration and tests/hostile over asyncio, of which `make test` has a part
# make test-hostile  what a hostile server or network may do: rogue server, proxy, deadlines, TLS
# make chaos       what a pool has to stand, in full: the programs of tests/chaos, one after the other; less than 20
#                  minutes (.venv-oracle)
# make soak        all of that mixed, for a long time: MINUTES=30
# make lint        ruff check, ruff format --check, mypy --strict
# make coverage    branch coverage of mariadb_protocol by its own unit tests, no server
# make build       wheel and sdist in dist/, checked and installed on trial
# make bench-quick client CPU beside PyMySQL (.venv-bench)
# make oracle      the programs of tests/compat/oracle_cases with Connector/Python 1.1.14 and with us: what differs, and
#                  is not in docs/differences.md (.venv-oracle)
# make oracle-example  examples/pool.py with MariaDB Connector/Python 1.1.14 in our place (.venv-oracle)
# make clean
#
# Each target sets up what it needs: a virtual environment, and through apt (root or sudo) what is missing of
# python3-venv and the server.

PYTHON ?= python3
VENV := .venv
MARIADB_CONNECTOR := mariadb==1.1.14
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: demo test servers test-servers test-other-servers test-hostile chaos soak test-faces lint coverage build bench-quick oracle oracle-example clean server python
.DELETE_ON_ERROR:

# $(call apt_get,PACKAGES): install Debian packages quietly; lists are fetched only if the first try fails.
define apt_get
	echo "installing $(1) ..."; \
	advice="please install: $(1)  (Debian: apt-get install $(1))"; \
	command -v apt-get >/dev/null || { echo "$$advice" >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || { sudo=sudo; command -v sudo >/dev/null || { echo "$$advice" >&2; exit 1; }; }; \
	install="$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1)"; \
	log=$$($$install 2>&1) || \
	log=$$( ($$sudo apt-get update -qq && $$install) 2>&1) || \
	{ printf '%s\n' "$$log" >&2; echo "$$advice" >&2; exit 1; }
endef

# $(call make_venv,FOLDER): a fresh virtual environment.
# What is written meanwhile stays inside of it, so that Ctrl-C leaves nothing elsewhere.
define make_venv
	echo "making $(1) ..."; \
	rm -rf $(1) && mkdir -p $(1)/tmp && \
	TMPDIR=$(abspath $(1))/tmp $(PYTHON) -m venv $(1) || { rm -rf $(1); exit 1; }
endef

# $(call pip,FOLDER): the pip of a virtual environment.
pip = TMPDIR=$(abspath $(1))/tmp $(1)/bin/python -m pip install -q

demo: $(VENV)/project.stamp server
	@$(VENV)/bin/python examples/run_demo.py pool.py pool_reuse.py

test: $(VENV)/dev.stamp server
	@$(VENV)/bin/python -m pytest

# Where `make servers` puts the systems of other releases.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mariadb_py

servers:
	@command -v debootstrap >/dev/null || { $(call apt_get,debootstrap); }
	@.ci/fetch_plugins $(CACHE)/plugins
	@.ci/fetch_server trixie mariadb-server-core,mariadb-client-core $(CACHE)
	@.ci/fetch_plugins $(CACHE)/trixie/usr/lib/mysql/plugin $(CACHE)/trixie
	@.ci/fetch_server sid mysql-server-core $(CACHE)

test-servers: $(VENV)/dev.stamp server
	@echo "MariaDB of this system"; $(VENV)/bin/python -m pytest -q tests/integration
	@$(MAKE) --no-print-directory test-other-servers

test-other-servers: test-server-trixie test-server-sid

test-server-%: $(VENV)/dev.stamp server servers
	@root=$(CACHE)/$*; \
	[ -e $$root/usr/sbin/mysqld ] || { echo "skipped: $$root is not there, as only root can fetch it"; exit 0; }; \
	echo "server of $$root"; \
	MARIADB_PY_SERVER_ROOT=$$root $(VENV)/bin/python -m pytest -q -p no:cacheprovider tests/integration

test-faces: $(VENV)/dev.stamp server
	@MARIADB_PY_FACES=all $(VENV)/bin/python -m pytest -q tests/test_faces.py tests/integration tests/hostile -k "asyncio or faces"

test-hostile: $(VENV)/dev.stamp server
	@$(VENV)/bin/python -m pytest -q tests/hostile

# Programs of tests/chaos.
CHAOS := autocommit_survives no_state_leak stale_handle reset_rtt chaos_kill9 chaos_blackhole server_absent hammer200 \
	fork_safety leak_and_gc reset_fail_wakes connect_storm spike150ms bench_cycle readonly_failover stale_idle rotate \
	async_cancel cancel_everywhere reset_auto_corpus core_model
MINUTES ?= 30

chaos: $(VENV)/dev.stamp .venv-oracle/oracle.stamp server
	@failed=; for name in $(CHAOS); do \
		PYTHONPATH=.:protocol $(VENV)/bin/python -m tests.chaos.$$name || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

soak: $(VENV)/dev.stamp server
	@PYTHONPATH=.:protocol $(VENV)/bin/python -m tests.chaos.soak --minutes $(MINUTES)

lint: $(VENV)/dev.stamp
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy --strict mariadb_py protocol

coverage: $(VENV)/dev.stamp
	@$(VENV)/bin/coverage run -m pytest -q tests/mariadb_protocol
	@$(VENV)/bin/coverage report --fail-under=98

build: $(VENV)/dev.stamp
	@rm -rf dist
	@$(VENV)/bin/python -m build -q
	@$(VENV)/bin/python .ci/check_dist.py dist

bench-quick: .venv-bench/bench.stamp server
	@PYTHONPATH=.:protocol .venv-bench/bin/python benchmarks/quick.py

oracle: .venv-oracle/oracle.stamp server
	@PYTHONPATH=.:protocol .venv-oracle/bin/python tests/compat/oracle.py

oracle-example: .venv-oracle/oracle.stamp server
	@PYTHONPATH=.:protocol .venv-oracle/bin/python examples/run_demo.py --as-mariadb_py mariadb pool.py

clean:
	rm -rf .venv .venv-bench .venv-oracle build dist *.egg-info .coverage .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The interpreter, with the part of venv that Debian packs apart.
python:
	@command -v $(PYTHON) >/dev/null || [ $(PYTHON) = python3 ] || { echo "there is no program $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt_get,python3 python3-venv); }

# mariadb-install-db asks for my_print_defaults, which Debian packs with the client programs.
server:
	@for program in mariadbd mariadb-install-db my_print_defaults; do \
		command -v $$program >/dev/null || { $(call apt_get,mariadb-server-core mariadb-client-core); break; }; \
	done

$(VENV)/created.stamp: | python
	@$(call make_venv,$(VENV))
	@touch $@

# What users get, and with it what the demo needs.
$(VENV)/project.stamp: pyproject.toml $(VENV)/created.stamp
	@echo "installing mariadb_py in $(VENV) ..."
	@$(call pip,$(VENV)) -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(VENV)/created.stamp
	@echo "installing mariadb_py and its tools in $(VENV) ..."
	@$(call pip,$(VENV)) -e '.[dev]'
	@touch $@ $(VENV)/project.stamp

.venv-bench/bench.stamp: benchmarks/requirements.txt | python
	@$(call make_venv,.venv-bench)
	@$(call pip,.venv-bench) -r benchmarks/requirements.txt
	@touch $@

# Connector/Python is built from source against Debian's libmariadb.
.venv-oracle/oracle.stamp: | python
	@command -v gcc >/dev/null && command -v mariadb_config >/dev/null \
		&& $(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
		|| { $(call apt_get,gcc libmariadb-dev python3-dev); }
	@$(call make_venv,.venv-oracle)
	@$(call pip,.venv-oracle) $(MARIADB_CONNECTOR)
	@touch $@
