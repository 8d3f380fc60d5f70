"""Many ways to ask the same: a small grammar that gives some hundred wordings for each form of question.

The constructions are in :mod:`finetune.charts.forms` and the two modules that it names; an opening makes a noun a question
or a request, a lead goes before a sentence. What is held out there is never trained with any opening.

>>> asked(random.Random(1), "sum", "trained", a="Oman", b="Mali", of="", what="visitors")
'Do you know the total of Oman and Mali combined?'
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Literal

from finetune.charts.figures_forms import FIGURES
from finetune.charts.forms import VALUES
from finetune.charts.pairs_forms import PAIRS
from finetune.charts.readings import Question

Wordings = Literal["plain", "trained", "held out"]

FORMS = {**VALUES, **PAIRS, **FIGURES}

ASKED = ("What is", "What's", "Can you tell me", "Could you give me", "Do you know", "Can I get")
TOLD = ("Tell me", "Give me", "Find", "Show me", "I need", "I want to know", "I'd like to know", "Please give me", "Please find", "State")
LEADS = ("", "", "In the chart, ", "In the picture, ", "According to the chart, ", "Looking at this, ", "From the picture: ")
SPOKEN = ("", "", "Quick question: ", "Please tell me: ", "Hi, ")
CLAUSES = ("how ", "what ", "by how ", "which ", "where ", "whether ")

PLACES = {
    "2": {"ordinal": "2nd", "number": "two", "before": "one"},
    "3": {"ordinal": "3rd", "number": "three", "before": "two"},
}
"""For the place ``n`` that a question asks for: other words for it, and how many places are before it."""


def _expanded(text: str) -> list[str]:
    parts = [part.split("|") for part in re.split(r"[\[\]]", text)]
    return ["".join(chosen) for chosen in product(*parts)]


def _lowered(text: str) -> str:
    return text if text[0] == "{" or text.startswith(("I ", "I'")) else text[0].lower() + text[1:]


def _worded(construction: str) -> list[str]:
    """The wordings that a construction gives: a noun with each opening that it takes, a sentence with each lead."""
    if construction[-1] in ".?":
        leads = dict.fromkeys((*LEADS, *SPOKEN) if construction.endswith("?") else SPOKEN)
        return [lead + (_lowered(one) if lead else one) for one in _expanded(construction) for lead in leads]
    clause = construction.startswith(CLAUSES)
    asking = [opening for opening in ASKED if not clause or opening in ("Can you tell me", "Do you know")]
    telling = [opening for opening in TOLD if not clause or opening in ("Tell me", "I want to know", "I'd like to know")]
    ends = [*((opening, "?") for opening in asking), *((opening, ".") for opening in telling)]
    return [f"{opening} {one}{end}" for one in _expanded(construction) for opening, end in ends]


@cache
def wordings_of(form: str, which: Wordings) -> tuple[tuple[str, ...], ...]:
    """The wordings of ``form`` that are ``trained`` or ``held out``, by construction.

    Raises:
        KeyError: for an unknown form.
    """
    parts = FORMS[form]
    constructions = parts.held_out if which == "held out" else (*parts.nouns, *parts.questions, *parts.requests)
    return tuple(tuple(_worded(construction)) for construction in constructions)


def asked(rng: random.Random, form: str, which: Wordings, **slots: str) -> str:
    """A question of ``form`` with its ``slots`` filled, every construction as often as the others."""
    text = rng.choice(rng.choice(wordings_of(form, which)))
    chance = rng.random()
    if chance < 0.15:
        text = _lowered(text)
    if rng.random() < 0.15:
        text = text.rstrip("?.")
    return text.format(**slots, **PLACES.get(slots.get("n", ""), {}))


def reworded(rng: random.Random, question: Question, which: Wordings = "trained") -> Question:
    """``question`` in another wording; as it is where ``which`` is ``plain`` or its form has none."""
    if which == "plain" or question.form not in FORMS:
        return question
    return replace(question, text=asked(rng, question.form, which, **dict(question.slots)))
