"""What people thought of answers, and the preference rows that LLaMA-Factory trains on from it.

A verdict holds the whole exchange as it was when it was judged, so that asking again loses nothing. Rows pair what was
liked with what was not: answers to the same question about the same pictures, and the traces of a vote that was liked
with those that were outvoted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice, product
from pathlib import Path
from typing import Any

from app.talks.correcting import version_of
from app.talks.history import kind_of
from app.talks.values import Conversation, Exchange, turns_of
from vision.files import write_text
from vision.prompts import SYSTEM_PROMPT
from vision.replies import Reply
from vision.sharegpt import human, model, registered, unmarked

REASONS = ("Misread the picture", "Wrong sum", "Wrong reasoning", "Did not answer", "Hard to follow")
"""Why an answer is not liked, one click each."""
MAX_PAIRS = 16
"""Rows made from one question at most, so that a question that was asked often does not outweigh the others."""
DATASET_INFO = {"feedback": registered("feedback.json", ranking=True)}
"""How LLaMA-Factory reads the file."""


def _liked(conversation: Conversation) -> list[Reply]:
    """Traces that the verdict on the last exchange speaks for; where its readings were corrected, what follows from them."""
    exchange = conversation.exchanges[-1]
    if exchange.corrections:
        version = version_of(conversation.traced(-1))
        return [version.reply] if version is not None and version.whole else []
    return [exchange.best] if exchange.liked and exchange.best is not None and exchange.best.answer_text and exchange.best.text else []


def _disliked(exchange: Exchange) -> list[Reply]:
    """Traces that it speaks against: the answer, or those that an answer that was liked has outvoted."""
    if not exchange.liked or exchange.corrections:
        return [exchange.best] if exchange.best is not None and exchange.best.text else []
    return [exchange.replies[i] for cluster in exchange.vote.clusters[1:] for i in cluster.traces if exchange.replies[i].text]


def preference_rows(judged: Iterable[Conversation]) -> list[dict[str, Any]]:
    """Rows of LLaMA-Factory's ranking format; pictures are named by their hash, for :func:`write_preferences` to write.

    Args:
        judged: conversations up to an exchange that somebody liked or did not.

    Returns:
        none for a question without both an answer that was liked and one that was not.
    """
    asked: dict[tuple[Any, ...], list[Conversation]] = {}
    for conversation in judged:
        last = conversation.exchanges[-1]
        asked.setdefault((*turns_of(conversation), last.options.thinking and last.options.max_thought_tokens > 0), []).append(conversation)
    rows = []
    for (*turns, thinking), given in asked.items():
        messages = []
        for pictures, question, answer in turns:
            messages.append(human("<image>" * len(pictures) + unmarked(question)))
            messages += [model(unmarked(answer))] if answer else []
        liked = dict.fromkeys(reply.text for each in given for reply in _liked(each))
        disliked = dict.fromkeys(reply.text for each in given for reply in _disliked(each.exchanges[-1]) if reply.text not in liked)
        for chosen, rejected in islice(product(liked, disliked), MAX_PAIRS):
            rows.append(
                {
                    "conversations": messages,
                    "chosen": model(unmarked(chosen)),
                    "rejected": model(unmarked(rejected)),
                    "images": [name for pictures, *_ in turns for name in pictures],
                    "system": SYSTEM_PROMPT if thinking else "",
                }
            )
    return rows


def write_preferences(folder: Path, rows: list[dict[str, Any]], picture: Callable[[str], bytes]) -> None:
    """Write ``feedback.json``, ``dataset_info.json`` and ``images/`` into ``folder``, which LLaMA-Factory takes as ``dataset_dir``.

    Raises:
        ConversationError: when ``picture`` no longer has one of them.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files = {}
    for name in dict.fromkeys(name for row in rows for name in row["images"]):
        data = picture(name)
        files[name] = f"images/{name}.{kind_of(data)}"
        (folder / files[name]).write_bytes(data)
    named = [row | {"images": [files[name] for name in row["images"]]} for row in rows]
    for name, value in (("feedback.json", named), ("dataset_info.json", DATASET_INFO)):
        write_text(folder / name, json.dumps(value, ensure_ascii=False, indent=1))
