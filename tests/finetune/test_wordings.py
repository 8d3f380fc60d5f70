from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import numpy as np
import pytest

from finetune.charts import comparison, diagrams, series
from finetune.charts.figures import KINDS, sample
from finetune.charts.questions import ask
from finetune.charts.records import HELD_OUT_FROM, make
from finetune.charts.wordings import ASKED, FORMS, LEADS, SPOKEN, TOLD, reworded, wordings_of

MAIN = ("value", "extreme high", "extreme value high", "difference", "sum", "total", "mean", "ratio", "count above", "rank high")
MAIN += ("extreme low", "extreme value low", "count below", "rank low", "range", "trend", "compare high", "how often", "after", "before")


OPENINGS = sorted({opening.strip(" ,:").lower() for opening in (*ASKED, *TOLD, *LEADS, *SPOKEN)}, key=len, reverse=True)

TRAINED_AS_QUESTIONS = {"how many steps lead from {a} to {b}"}
"""Held out as a noun, though the question was trained before; nothing is to be added here."""


def bare(wording: str) -> str:
    """``wording`` without its opening or lead, without articles and end marks, in lower case."""
    words = wording.lower().rstrip(".?")
    for opening in OPENINGS:
        if opening and re.match(rf"{re.escape(opening)}[ ,:]", words):
            words = words[len(opening) :].lstrip(" ,:")
            break
    return " ".join(re.sub(r"\b(the|an?)\b(?![}])", " ", words).split())


def the_wordings(form: str, which: str) -> set[str]:
    return {wording for construction in wordings_of(form, which) for wording in construction}  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_held_out_wordings_are_never_trained(form: str) -> None:
    trained, held_out = the_wordings(form, "trained"), the_wordings(form, "held out")
    assert held_out and not trained & held_out
    assert not ({bare(wording) for wording in trained} & {bare(wording) for wording in held_out}) - TRAINED_AS_QUESTIONS
    assert len(wordings_of(form, "trained")) >= 15 and len(trained) >= (400 if form in MAIN else 250)
    for wording in trained | held_out:
        assert wording[-1] in ".?" and "[" not in wording and "  " not in wording, wording


def test_choices_are_not_nested() -> None:
    for form, parts in FORMS.items():
        for construction in (*parts.nouns, *parts.questions, *parts.requests, *parts.held_out):
            assert re.fullmatch(r"([^\[\]|]|\[[^\[\]]*\|[^\[\]]*\])+", construction), (form, construction)


def test_no_plain_phrase_is_held_out() -> None:
    """Plain phrases are trained in any case, so a held-out wording that is one of them would be no new one."""
    held_out = {re.sub(r"\{\w+\}", "_", w.lower()) for form in FORMS for w in the_wordings(form, "held out")}
    for module in (series, comparison, diagrams):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        phrases = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.endswith("?")]
        assert phrases
        for plain in phrases:
            for word in ("highest", "lowest", "higher", "lower", "above", "below"):
                filled = re.sub(r"\{\w+\}", "_", re.sub(r"\{(word|side)\}", word, plain)).lower()
                assert filled not in held_out, plain


def test_another_wording_names_what_is_asked_and_changes_nothing_else() -> None:
    forms = set()
    for seed in range(3000):
        rng = random.Random(seed)
        asked = ask(rng, sample(rng, rng.choice(KINDS)))
        assert asked.form in FORMS, asked
        forms.add(asked.form)
        for which in ("trained", "held out"):
            again = reworded(random.Random(seed), asked, which)  # type: ignore[arg-type]
            slots = dict(asked.slots)
            for slot in ("name", "a", "b", "line", "place"):
                if slot in slots and slot in dict(asked.slots):
                    assert slots[slot] in again.text, again
            assert slots.get("of", "") in again.text, again
            assert "{" not in again.text and again.text
            assert (again.steps, again.answer, again.task, again.exact) == (asked.steps, asked.answer, asked.task, asked.exact)
        assert reworded(rng, asked, "plain") is asked
    assert forms >= set(FORMS) - {"describe", "names", "title"}


def test_wordings_leave_pictures_and_answers_as_they_are() -> None:
    for i, kind in enumerate(KINDS):
        plain, trained, held_out = (
            make(HELD_OUT_FROM + i, kind=kind, renderer="pillow", wordings=w) for w in ("plain", "trained", "held out")
        )
        assert (np.array(plain.image) == np.array(held_out.image)).all() and plain.gold == trained.gold == held_out.gold
        assert plain.figure == held_out.figure and plain.thought == held_out.thought
        assert trained.question != held_out.question
        assert held_out.question == make(HELD_OUT_FROM + i, kind=kind, renderer="pillow", wordings="held out").question
