"""A wrong answer as a report: everything that reproduces it, as Markdown. Pictures go beside it, and only where the person agrees."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from app.talks.values import Conversation
from vision.as_json import checked_as_json
from vision.version import version


def to_report(conversation: Conversation) -> str:
    """The last answer of ``conversation``, which has one at least, with the model, the settings and the text that was read.

    What was asked before stands there too, since the model was told it; what people and models wrote is fenced as JSON.
    """
    last = conversation.traced(-1)
    best = last.best
    told = {
        "version": version(),
        "model": last.model,
        "settings": asdict(last.options),
        "pictures": [*last.pictures],
        "before": [{"question": each.question, "answer": each.answer_text} for each in conversation.exchanges[:-1]],
    }
    answered: dict[str, Any] = {} if best is None else {"thought": best.thought, "answer": best.answer_text} | checked_as_json(best)
    corrected = [asdict(each) for each in last.corrections]
    parts = [
        "# It answered wrongly",
        "What should the answer have been, and how do you know?",
        _fenced("How it was asked", told),
        _fenced("Question", last.question),
        _fenced("Answer, thought, claims, sources, trust", answered),
        _fenced("Corrected readings", corrected) if corrected else "",
        _fenced("Text read in the picture", [each and [[text.text, *_edges(text.box)] for text in each.texts] for each in last.writing]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _edges(box: Any) -> list[int]:
    return [round(edge) for edge in (box.left, box.top, box.right, box.bottom)]


def _fenced(title: str, value: Any) -> str:
    """``value`` under a ``title`` as JSON in a fence that nothing in it can close."""
    written = json.dumps(value, ensure_ascii=False, indent=1).replace("`", "\\u0060")
    return f"## {title}\n\n```json\n{written}\n```"
