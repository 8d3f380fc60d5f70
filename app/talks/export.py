"""A conversation as a file to keep or to send: Markdown, a page of its own, or JSON that can be read back.

Thoughts may be left out. What people and models wrote is escaped for the format it goes into; the HTML page holds
its pictures and needs nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.page.evidence import Sheet, sheets_html, table_html, verdict_html
from app.page.render import answer_html, corrected_html, reasoning_html, votes_html
from app.page.safe import plain, visible
from app.talks.correcting import version_of
from app.talks.history import kind_of
from app.talks.values import Conversation, Exchange, conversation_as_json, conversation_from_json
from vision.answers.tables import Table
from vision.as_json import checked_as_json
from vision.errors import ConversationError, LogicFlowError
from vision.pictures.images import open_image
from vision.thoughts.steps import Step

PAGE = Path(__file__).parent.parent / "page"
MAX_JSON_BYTES = 64 * 1024 * 1024
"""Size of a conversation file that is read back."""

Bytes = Callable[[str], bytes]
"""The bytes of a picture by its name."""

_PAGE_CSS = """
body { font: 16px/1.6 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; color: #1f2328; }
img { max-width: 100%; max-height: 24em; border: 1px solid #d0d7de; }
section { border-top: 1px solid #d0d7de; margin-top: 2em; }
"""


def to_markdown(conversation: Conversation, *, thoughts: bool = True) -> str:
    """``conversation`` as Markdown; pictures are named by their number."""
    parts = [f"# {_plain(conversation.title)}"]
    for number in range(1, len(conversation.exchanges) + 1):
        exchange = conversation.traced(number - 1)
        parts.append(f"## {number}. {_plain(exchange.question)}")
        if exchange.pictures:
            parts.append(f"*{len(exchange.pictures)} picture{'s' if len(exchange.pictures) > 1 else ''}*")
        parts += [
            f"*Read in the picture:* {_plain('; '.join(text.text for text in each.texts))}"
            for each in exchange.writing
            if each and each.texts
        ]
        parts += [_plain_table(table) for table in exchange.tables if table is not None and table.rows]
        best = exchange.best
        if best is None:
            parts.append("*No answer.*")
            continue
        if thoughts and best.steps:
            lines = []
            for step in best.steps:
                lines.append(f"{step.number}. {_plain(step.text)}{_marks(step)}")
            parts.append("\n".join(lines))
        if thoughts and best.steps and best.trust is not None:
            parts.append(f"*{_plain(best.trust.line)}*")
        parts.append(f"**{_plain(best.answer_text or best.why_no_answer or 'interrupted')}**")
        if (version := version_of(exchange)) is not None:
            read = "; ".join(f"{name or 'a reading'} is {new}, not {was}" for name, was, new in version.changes)
            parts.append(f"*Corrected:* {_plain(read)}." + (f" **{_plain(version.reply.answer_text)}**" if version.whole else ""))
        parts.append(f"*{_plain(exchange.model)}{_standing(exchange)}*")
        if exchange.rival is not None:
            parts.append(f"{_plain(exchange.rival_model)} answers: {_plain(exchange.rival.answer_text or exchange.rival.why_no_answer)}")
    return "\n\n".join(parts) + "\n"


def _marks(step: Step) -> str:
    """What a step's claims and readings come to."""
    claims = [{"true": " ✓", "false": f" ✗ ({claim.correct_value or 'wrong'})"}.get(claim.verdict, "") for claim in step.claims]
    readings = dict.fromkeys(f" ✗ ({_plain(source.why)})" for source in step.sources if source.verdict == "false")
    return "".join((*claims, *readings))


def _plain_table(table: Table) -> str:
    """``table`` in Markdown."""
    rows = [table.heads, *((name, *("" if cell is None else cell.value for cell in cells)) for name, cells in table.rows)]
    lines = [f"| {' | '.join(_plain(cell).replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(table.heads), *lines[1:]])


def _plain(text: str) -> str:
    return plain(" ".join(text.split()))


def _standing(exchange: Exchange) -> str:
    if len(exchange.replies) < 2:
        return ""
    vote = exchange.vote
    return f", {vote.votes} of {vote.cast + len(vote.abstained)} traces agree"


def to_html(conversation: Conversation, picture: Bytes, *, thoughts: bool = True) -> str:
    """``conversation`` as one HTML page with its pictures inside."""
    css, script = (_PAGE_CSS + (PAGE / "page.css").read_text(encoding="utf-8")), (PAGE / "page.js").read_text(encoding="utf-8")
    sections = []
    shown_before = read_before = 0
    for exchange in map(conversation.traced, range(len(conversation.exchanges))):
        sheets: list[Sheet] = []
        for i, name in enumerate(exchange.pictures):
            data, number = picture(name), shown_before + len(sheets) + 1
            writing = exchange.writing[i] if i < len(exchange.writing) else None
            size = writing.size if writing is not None else _size_of(data)
            sheets.append(Sheet(url=_data_uri(data), size=size, writing=writing, name=f"picture {number}"))
        parts = [f"<h2>{html.escape(visible(exchange.question))}</h2>", sheets_html(sheets, None, shown_before, read_before)]
        parts += [table_html(table, shown_before + i, alone=True) for i, table in enumerate(exchange.tables) if table is not None]
        shown_before, read_before = shown_before + len(sheets), read_before + sum(sheet.writing is not None for sheet in sheets)
        best, version = exchange.best, version_of(exchange)
        if best is not None:
            parts += [
                verdict_html(exchange, version, alone=True, thoughts=thoughts),
                votes_html(exchange.vote) if len(exchange.replies) > 1 else "",
            ]
            parts += [corrected_html(version), reasoning_html(best)] if thoughts else []
        if exchange.rival is not None:
            parts += [f"<h3>{html.escape(visible(exchange.rival_model))}</h3>", answer_html(exchange.rival)]
            parts += [reasoning_html(exchange.rival)] if thoughts else []
        sections.append(f"<section>{''.join(parts)}<p class='lf-quiet'>{html.escape(visible(exchange.model))}</p></section>")
    title = html.escape(visible(conversation.title))
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{css}</style></head>'
        f"<body><h1>{title}</h1>{''.join(sections)}<script>{script}</script></body></html>\n"
    )


def _size_of(data: bytes) -> tuple[int, int]:
    """Of a picture; a usual one for what cannot be opened any more."""
    try:
        return open_image(data).size
    except LogicFlowError:
        return 4, 3


def _data_uri(data: bytes) -> str:
    return f"data:image/{kind_of(data)};base64,{base64.b64encode(data).decode()}"


def to_json(conversation: Conversation, picture: Bytes, *, thoughts: bool = True) -> str:
    """``conversation`` as JSON with its pictures inside; :func:`from_json` reads it back.

    Each reply holds its steps with their claims and sources, and its trust, for programs; whoever reads it back works them out anew.
    """
    value = conversation_as_json(conversation)
    for i, exchange in enumerate(value["exchanges"]):
        traced = conversation.traced(i)
        for reply, written in zip((*traced.replies, traced.rival), (*exchange["replies"], exchange["rival"]), strict=True):
            if reply is not None:
                written |= checked_as_json(reply) if thoughts else {"thought": "", "text": ""}
    names = dict.fromkeys(name for exchange in conversation.exchanges for name in exchange.pictures)
    value["pictures"] = {name: base64.b64encode(picture(name)).decode() for name in names}
    return json.dumps(value, ensure_ascii=False, indent=1)


def from_json(text: str | bytes) -> tuple[Conversation, list[bytes]]:
    """The conversation in an exported file and the bytes of its pictures; the caller names and checks those.

    Raises:
        ConversationError: when the file is too large, is no JSON, is no conversation, or lacks a picture.
    """
    if len(text) > MAX_JSON_BYTES:
        raise ConversationError(f"the file has {len(text) / 1e6:.0f} MB; at most {MAX_JSON_BYTES / 1e6:.0f} MB are read")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ConversationError(f"the file is no JSON ({str(exc)[:80]}); choose one that was exported here as JSON") from exc
    held = value.pop("pictures", {}) if isinstance(value, dict) else {}
    conversation = conversation_from_json(value)
    named = dict.fromkeys(name for exchange in conversation.exchanges for name in exchange.pictures)
    try:
        return conversation, [base64.b64decode(held[name], validate=True) for name in named]
    except (KeyError, TypeError, ValueError) as exc:
        raise ConversationError(f"a picture of the conversation is missing or damaged: {str(exc)[:80]}") from exc
