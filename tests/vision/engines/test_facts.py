from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision.engines.local.test_kinds import text_model, tokenizer  # noqa: F401
from vision import ModelError, Settings
from vision.engines.facts import facts_of
from vision.engines.loading import load


def test_nano_tells_what_it_is() -> None:
    facts, model = facts_of(Settings()), load(Settings(adapter="none")).model
    assert (facts.name, facts.kind, facts.sees, facts.image_tokens, facts.context) == ("nano + thinking", "gemma3", True, 256, 4096)
    assert facts.parameters == sum(part.numel() for part in model.parameters())
    assert facts.weight_bytes == 4 * facts.parameters and facts.precision == "float32" and facts.place == "cpu"
    assert facts.fits and not facts.tags and "share their steps" in facts.path
    few = facts_of(Settings(precision="4bit"))
    assert few.precision == "4bit" and few.weight_bytes < facts.weight_bytes / 6


def test_a_model_that_reads_text_and_thinks_in_tags_of_its_own(tmp_path: Path, tokenizer: Any) -> None:  # noqa: F811
    text_model("gpt_oss", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}<|channel|>analysis<|message|> … <|end|>")
    facts = facts_of(Settings(model=str(tmp_path)))
    assert not facts.sees and facts.tags == "<|channel|>analysis<|message|> … <|end|>" and "stepped on its own" in facts.path


def test_what_does_not_fit_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.engines.facts._free", lambda place: 1000)
    monkeypatch.setattr("vision.engines.facts.load", lambda settings: pytest.fail("it is loaded"))
    facts = facts_of(Settings())
    assert not facts.fits and not facts.path


def test_a_model_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ModelError, match="there is no directory ./nowhere"):
        facts_of(Settings(model="./nowhere"))
