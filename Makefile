# Needs python3.11 with its venv module and a package index; nothing but the library for card readers
# is compiled.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
# Two workers suit two cores; `make test WORKERS=8` elsewhere.
WORKERS ?= 2
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes
UV_COMPILE  := $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: help setup card demo test check format bench chaos docs lock clean

help:  ## show the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp  ## make .venv from the lock files

$(VENV)/.stamp: requirements.txt requirements-dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The library that checks our COSE in tests needs an older CBOR library, so it lives apart.
.venv-cose/.stamp: requirements-cose-oracle.txt
	@test -x .venv-cose/bin/python || $(PYTHON) -m venv .venv-cose
	.venv-cose/bin/python $(PIP_INSTALL) -r requirements-cose-oracle.txt
	@touch $@

# SoftHSM2 stands in for a hardware security module in tests: an installed one, or Debian's package
# unpacked here, which takes no root.
.softhsm/.stamp:
	@mkdir -p .softhsm
	@command -v softhsm2-util >/dev/null || (cd .softhsm \
	  && (apt-get download -qq softhsm2 libsofthsm2 2>/dev/null \
	    || (apt-get update -qq && apt-get download -qq softhsm2 libsofthsm2)) \
	  && for package in *.deb; do dpkg -x "$$package" .; done && rm -f -- *.deb) \
	  || (echo "SoftHSM2 is missing and cannot be had: install Debian's softhsm2" >&2; exit 1)
	@touch $@

# Card readers take PC/SC. Root gets it from Debian; others are told, and go on without cards.
CARD_PACKAGES := pcscd vsmartcard-vpcd libpcsclite-dev gcc libc6-dev
CARD_PARTS := command -v gcc && test -x /usr/sbin/pcscd && test -e /usr/include/PCSC/winscard.h \
	&& test -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so
APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends

card: $(VENV)/.stamp-card  ## install what card readers take, where we may

$(VENV)/.stamp-card: requirements-card.txt $(VENV)/.stamp
	@($(CARD_PARTS)) >/dev/null || test "$$(id -u)" != 0 \
	  || $(APT_INSTALL) $(CARD_PACKAGES) >/dev/null 2>&1 \
	  || (apt-get update -qq && $(APT_INSTALL) $(CARD_PACKAGES) >/dev/null) || true
	@if ($(CARD_PARTS)) >/dev/null && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python $(PIP_INSTALL) \
	  --no-binary pyscard --no-build-isolation -r requirements-card.txt; then touch $@; else \
	  echo "There will be no cards. They take Debian's $(CARD_PACKAGES), installed by root."; fi

demo: setup card  ## play the whole story, then keep serving until Ctrl-C
	$(BIN)/jiaozi demo

test: setup card .venv-cose/.stamp .softhsm/.stamp  ## run every test
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

check: setup  ## lint, types, package borders, pages made from code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.make --check

format: setup  ## put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## measure the registry, the gateway and a day without network
	$(BIN)/jiaozi bench registry --json
	$(BIN)/jiaozi bench gateway --json
	$(BIN)/jiaozi bench offline --json

chaos: setup  ## the long chaos tests
	$(BIN)/pytest -m chaos --timeout 1800

docs: setup  ## renew the pages that are made from code
	$(BIN)/python -m docs.make

lock: setup  ## renew the lock files
	$(UV_COMPILE) --upgrade pyproject.toml -o requirements.txt
	$(UV_COMPILE) --upgrade --group dev -c requirements.txt -o requirements-dev.txt
	$(UV_COMPILE) --upgrade --group card -o requirements-card.txt
	$(UV_COMPILE) --upgrade --group cose-oracle -o requirements-cose-oracle.txt

clean:  ## remove environments and caches; data directories stay
	rm -rf $(VENV) .venv-cose .softhsm .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
