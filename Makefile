# make run    sets up, then opens the window on a sample picture; without a screen, asks it a sample spoken question
# make test   sets up, then runs the tests
# make check  formatting, lint and types
# make bench  how fast it is on this machine
# make bench-window   how fast the window is, with a screen, microphone and loudspeaker made of air
# make screenshots    every page of the window, light, dark and in high contrast, at 100 and 200 % text
# make train  trains the model that ships again, from nothing (hours)
#
# Another Python:    make run PYTHON=/path/to/python3.12
# Other input:       make run PICTURE=photo.jpg QUESTION=question.wav

PYTHON ?= python3
PICTURE ?= $(firstword $(sort $(wildcard assets/samples/*.png)))
QUESTION ?= $(firstword $(sort $(wildcard assets/samples/*.wav)))

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
SOURCES := sviqa_app tests packaging setup.py

.PHONY: run test check bench bench-window bench-vocoder bench-faults screenshots train clean
.DELETE_ON_ERROR:

SCREEN := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))
WINDOW := $(and $(SCREEN),$(filter file,$(origin QUESTION)))

run: $(VENV)/installed
	$(BIN)/sviqa $(if $(WINDOW),window,ask) "$(PICTURE)" $(if $(WINDOW),,--speech "$(QUESTION)")

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

check: $(VENV)/installed-test
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/sviqa bench

bench-window: $(VENV)/installed-test
	$(BIN)/python -m tests.bench.window

bench-vocoder: $(VENV)/installed-test
	$(BIN)/python -m tests.bench.vocoder

bench-faults: $(VENV)/installed-test
	$(BIN)/python -m tests.bench.faults

screenshots: $(VENV)/installed-test
	$(BIN)/python packaging/screenshots.py
	$(BIN)/python packaging/screenshots.py --readme

train: $(VENV)/installed-train
	$(BIN)/sviqa train voice tiny
	$(BIN)/sviqa train model tiny --voice runs/voice-tiny/voice-tiny

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What is installed is marked by an empty file, so that a second run starts at once.
$(VENV)/made: packaging/make_venv.py
	$(PYTHON) packaging/make_venv.py $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml setup.py
	@echo "Installing; the first time this takes a few minutes."
	$(PIP) --quiet --editable .
	@touch $@

$(VENV)/installed-%: $(VENV)/made pyproject.toml setup.py
	@echo "Installing; the first time this takes a few minutes."
	$(PIP) --quiet --editable '.[$*]'
	@touch $@ $(VENV)/installed
