"""What an answer rests on, as HTML: the picture with a box for each text, numbers that light their boxes, the answer with its trust.

Numbers of a thought are chips: buttons with the boxes that they stand in (``data-lights``), the step that they come from (``data-from``)
and their own place (``data-place``). ``page.js`` lights one by the other; nothing here needs a browser.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from app.page.safe import formulas, inline_html, visible
from app.talks.correcting import Version
from app.talks.values import Exchange
from vision.answers.consensus import Vote
from vision.answers.corrections import READ
from vision.answers.tables import Cell, Table
from vision.pictures.writing import Drawn, Writing
from vision.replies import Reply
from vision.thoughts.names import Lookup
from vision.thoughts.sources import Source
from vision.thoughts.steps import Step

LONG_ANSWER = 160
"""Characters from which an answer is not written large."""
KINDS = {
    "picture": "read in the picture",
    "question": "from the question",
    "step": "from an earlier step",
    "given": "a known fact",
    "estimate": "read off the axis",
    "unknown": "not found anywhere",
}
"""What a chip's color says, in words."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A picture of a conversation.

    Attributes:
        url: where the page gets it, once.
        size: (width, height) in pixels.
        writing: its text, None where nobody has read it yet.
        name: for people: ``picture 2``.
    """

    url: str
    size: tuple[int, int]
    writing: Writing | None
    name: str


def url_of(path: str) -> str:
    """The address of a file that the page may show."""
    return f"gradio_api/file={quote(path)}"


def lights_of(source: Source | Lookup, writing: Sequence[Writing]) -> list[str]:
    """The boxes that a number lights: of the texts in which it stands and of its name, or of the bar that was measured; a name's own."""
    if not 0 <= source.picture < len(writing):
        return []
    picture = writing[source.picture]
    at = {id(text): i for i, text in enumerate(picture.texts)}
    named, drawn = (source.named, source.drawn) if isinstance(source, Source) else ((), None)
    texts = [f"{source.picture}:{at[id(text)]}" for text in (*source.texts, *named) if id(text) in at]
    return texts + [f"{source.picture}:d{i}" for i, each in enumerate(picture.drawn) if each == drawn]


def chip_html(source: Source, step: Step, writing: Sequence[Writing], *, fixable: bool) -> str:
    """One number with what is known of where it comes from."""
    kind = KINDS[source.kind]
    told = source.why or (f"{kind} {source.step}" if source.step else kind)
    data = f' data-lights="{" ".join(lights_of(source, writing))}"' + (f' data-from="{source.step}"' if source.step else "")
    if fixable and source.kind in READ:
        data += f' data-place="{step.number}:{source.start}:{source.end}"'
    return _chip(f"lf-from-{source.kind} lf-is-{source.verdict}", data, told, source.text)


def name_html(lookup: Lookup, writing: Sequence[Writing]) -> str:
    """One name that lights where it stands in the picture."""
    return _chip("lf-lookup lf-from-picture", f' data-lights="{" ".join(lights_of(lookup, writing))}"', lookup.why, lookup.text)


def _chip(classes: str, data: str, told: str, text: str) -> str:
    title, shown = html.escape(visible(told), quote=True), html.escape(visible(text))
    label = f'title="{title}" aria-label="{shown}, {title}"'
    return f'<button type="button" tabindex="-1" class="lf-chip {classes}"{data} {label}>{shown}</button>'


def verdict_html(
    exchange: Exchange, version: Version | None = None, *, growing: bool = False, alone: bool = False, thoughts: bool = True
) -> str:
    """The answer first: large, with how far it is traced, the vote as a bar, and what a person corrected.

    Args:
        growing: whether it is still being answered.
        alone: whether it stands in a file, where nobody can be asked again.
        thoughts: whether what is said of the thought may stand there.
    """
    reply = version.reply if version is not None else exchange.best
    if reply is None and not growing:
        return ""
    if reply is None or not reply.answer_text:
        waits = growing and (reply is None or reply.usage is None)
        why = _waiting_html(exchange) if reply is None or waits else html.escape(reply.why_no_answer)
        return f'<section class="lf-verdict"><p class="lf-quiet" role="status">{why}</p></section>'
    said = inline_html(reply.answer_text, formulas(reply.answer_text))
    if why := reply.why_no_answer:  # half an answer is not shown as one
        half = f'<div class="lf-half">{said}</div><p class="lf-open">{html.escape(why)}</p>'
        return f'<section class="lf-verdict" aria-label="Answer">{half}</section>'
    long = " lf-long" if len(reply.answer_text) > LONG_ANSWER else ""
    copied = html.escape(visible(reply.answer or reply.answer_text), quote=True)
    copy = f'<button type="button" class="lf-tool" data-act="copy" data-text="{copied}">Copy</button>'
    parts = [
        f'<div class="lf-said{long}">{said}</div>',
        trust_html(reply) if thoughts else "",
        _changes_html(version, alone=alone),
        _vote_line(exchange.vote, exchange),
    ]
    return f'<section class="lf-verdict" aria-label="Answer">{"".join(parts)}{copy}</section>'


def _waiting_html(exchange: Exchange) -> str:
    """What a person waits for, with the seconds that ``page.js`` counts and the tokens until now; only the word is read aloud."""
    tokens = sum(reply.tokens for reply in exchange.replies)
    told = f", {tokens:,} token{'' if tokens == 1 else 's'}" if tokens else ""
    word = "Thinking" if any(reply.text for reply in exchange.replies) else "Reading the picture" if exchange.pictures else "Reading"
    return f'{word} …<span aria-hidden="true"> <span class="lf-clock"></span>{told}</span>'


def trust_html(reply: Reply) -> str:
    """How far the answer is traced, in one line with links into the steps; nothing while it grows."""
    trust = reply.trust
    if trust is None:
        return ""
    reasons = "; ".join(_reason_html(reason, reply.steps) for reason in trust.reasons[:3])
    return f'<p class="lf-trust lf-{trust.level}"><strong>{trust.level.capitalize()}</strong>: {reasons}</p>'


def _reason_html(reason: str, steps: Sequence[Step]) -> str:
    """A reason, with a link to the step that it speaks of where one can be told."""
    shown = html.escape(visible(reason))
    step = next(
        (
            step.number
            for step in steps
            if any(source.why and source.why == reason for source in step.sources)
            or any(claim.verdict == "false" and f"“{claim.text}”" in reason for claim in step.claims)
        ),
        None,
    )
    return shown if step is None else f'{shown} <button type="button" class="lf-go" data-go="{step}">step {step}</button>'


def _changes_html(version: Version | None, *, alone: bool) -> str:
    if version is None:
        return ""
    told = "; ".join(
        f"{html.escape(visible(name)) or 'a reading'} is <strong>{html.escape(visible(new))}</strong>, not {html.escape(visible(was))}"
        for name, was, new in version.changes
    )
    again = "" if alone else '<button type="button" class="lf-tool" data-act="again">Ask again with this reading</button>'
    rest = "" if version.whole else "<br>What follows from it cannot be computed alone."
    return f'<p class="lf-changed">With your correction: {told}.{rest} {again}</p>'


def _vote_line(vote: Vote, exchange: Exchange) -> str:
    """The vote in one bar."""
    if len(exchange.replies) < 2 or not vote.cast:
        return ""
    share = 100 * vote.confidence
    told = f"{vote.votes} of {vote.cast + len(vote.abstained)} traces agree"
    return (
        f'<p class="lf-agree"><span class="lf-meter" role="img" aria-label="{share:.0f} percent">'
        f'<span style="width:{share:.0f}%"></span></span> {told}</p>'
    )


def sheets_html(sheets: Sequence[Sheet], chosen: int | None, first: int = 0, first_read: int = 0) -> str:
    """Pictures, one large and the others as tabs, each with a box for every text that was read and every value that was measured.

    Args:
        sheets: the pictures.
        chosen: the large one; None shows all below each other, as a file does.
        first, first_read: how many pictures, and pictures that were read, were shown before these.
    """
    if not sheets:
        return ""
    tabs = "".join(
        f'<button type="button" role="tab" aria-selected="{str(i == chosen).lower()}" data-tab="{i}">{html.escape(sheet.name)}</button>'
        for i, sheet in enumerate(sheets)
    )
    bar = f'<div class="lf-tabs" role="tablist" aria-label="Pictures">{tabs}</div>' if len(sheets) > 1 and chosen is not None else ""
    read = first_read - 1
    shown = []
    for i, sheet in enumerate(sheets):
        read += sheet.writing is not None
        shown.append(_sheet_html(sheet, first + i, read, hidden=chosen is not None and i != chosen))
    return f'<div class="lf-stage">{bar}{"".join(shown)}{_TOOLS if chosen is not None else ""}</div>'


_TOOLS = (
    '<div class="lf-tools" role="toolbar" aria-label="Picture">'
    '<button type="button" class="lf-tool" data-act="in" aria-label="Larger">+</button>'
    '<button type="button" class="lf-tool" data-act="out" aria-label="Smaller">−</button>'
    '<button type="button" class="lf-tool" data-act="fit">Fit</button>'
    '<button type="button" class="lf-tool" data-act="all" aria-pressed="false">Show all text</button>'
    '<button type="button" class="lf-tool" data-act="closer" aria-pressed="false">Look closer</button>'
    '<button type="button" class="lf-tool" data-act="table">As a table</button></div>'
)


def _sheet_html(sheet: Sheet, number: int, read: int, *, hidden: bool) -> str:
    """One picture; ``read`` is its number among those that were read, by which chips name its boxes."""
    width, height = sheet.size
    writing = sheet.writing or Writing(size=sheet.size)
    # Bars lie below the numbers that stand on them.
    boxes = "".join(
        _box_html(f"{read}:d{i}", drawn.box.left, drawn.box.top, drawn.box.width, drawn.box.height, drawn_words(drawn), "lf-drawn")
        for i, drawn in enumerate(writing.drawn)
    )
    boxes += "".join(
        _box_html(f"{read}:{i}", text.box.left, text.box.top, text.box.width, text.box.height, text.text)
        for i, text in enumerate(writing.texts)
    )
    listed = html.escape(visible("; ".join([*(text.text for text in writing.texts), *map(drawn_words, writing.drawn)])), quote=True)
    told = read_words(sheet.writing)
    alt = f"{html.escape(sheet.name)}. Read in it: {listed}" if listed else html.escape(sheet.name)
    image = f'<img src="{html.escape(sheet.url, quote=True)}" alt="{alt}" draggable="false">' if sheet.url else f"<p>{alt} is gone.</p>"
    view_width, view_height = writing.size
    return (
        f'<figure class="lf-sheet" data-sheet="{number}" data-width="{width}" data-height="{height}"{" hidden" if hidden else ""}>'
        f'<div class="lf-frame"><div class="lf-zoom" style="aspect-ratio:{width}/{height};--lf-ratio:{width / height:.4f}">'
        f"{image}"
        f'<svg viewBox="0 0 {view_width} {view_height}" preserveAspectRatio="none" aria-hidden="true">{boxes}</svg></div></div>'
        f"<figcaption>{html.escape(told)}</figcaption></figure>"
    )


def _box_html(name: str, left: float, top: float, width: float, height: float, text: str, kind: str = "") -> str:
    shown = html.escape(visible(text))
    return (
        f'<rect class="lf-box {kind}" data-box="{name}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{shown}</title></rect>"
    )


def drawn_words(drawn: Drawn) -> str:
    """A value that was measured, in words: ``Museum: about 64``."""
    return f"{drawn.name}{', ' + drawn.series if drawn.series else ''}: about {drawn.about}"


def read_words(writing: Writing | None) -> str:
    """How much was read in a picture."""
    if writing is None:
        return ""
    count, drawn = len(writing.texts), len(writing.drawn)
    told = f"{count} text{'' if count == 1 else 's'} read in the picture" if count else "No text was found in the picture"
    return told + (f", {drawn} value{'' if drawn == 1 else 's'} measured" if drawn else "")


def cards_html(examples: Sequence[tuple[str, str]]) -> str:
    """An empty page: what to begin with, as pictures with their questions; ``examples`` are addresses and questions."""
    cards = "".join(
        f'<button type="button" class="lf-card" data-act="example" data-number="{i}">'
        f'<img src="{html.escape(url, quote=True)}" alt="" loading="lazy"><span>{html.escape(question)}</span></button>'
        for i, (url, question) in enumerate(examples)
    )
    return (
        '<div class="lf-begin"><p>Ask a chart, a table or a figure. You see where each number was read, and which step would have to be '
        "wrong.</p>"
        f'<div class="lf-cards">{cards}</div></div>'
    )


_ORIGINS = {
    "printed": "printed here",
    "drawn": "measured against the axis",
    "read": "read by the model, not told by its place",
    "typed": "typed by you",
}


def table_html(table: Table, picture: int, *, alone: bool = False) -> str:
    """The values of a chart as a table whose cells light their boxes and can be edited, with copy and CSV; ``alone`` they stay."""
    if not table.rows:
        return '<section class="lf-values"><p class="lf-quiet">No values were found: is it a chart or a table?</p></section>'
    heads = "".join(f'<th scope="col">{html.escape(visible(head))}</th>' for head in table.heads)
    rows = []
    for row, (name, cells) in enumerate(table.rows):
        shown = "".join(_cell_html(cell, f"{picture}:{row}:{column}", alone=alone) for column, cell in enumerate(cells))
        rows.append(f'<tr><th scope="row">{html.escape(visible(name))}</th>{shown}</tr>')
    origins = {cell.origin for *_, cell in table.cells} | (set() if alone else {"typed"})
    legend = " · ".join(f'<span class="lf-{origin}">{meaning}</span>' for origin, meaning in _ORIGINS.items() if origin in origins)
    tools = (
        '<button type="button" class="lf-tool" data-act="csv">Save as CSV</button>'
        '<button type="button" class="lf-tool" data-act="copy-table">Copy</button>'
    )
    note = "" if alone else '<p class="lf-quiet">Click a value to type what really stands there. Later questions take the table along.</p>'
    return (
        f'<section class="lf-values" aria-label="Values"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f'<p class="lf-quiet">{legend}</p>{note}{tools}</section>'
    )


def _cell_html(cell: Cell | None, place: str, *, alone: bool) -> str:
    """A value with its origin; ``place`` is its picture, row and column."""
    if cell is None:
        return "<td></td>"
    instead = f"; {'it was' if cell.origin == 'typed' else 'the model read'} {cell.said}" if cell.said else ""
    box = cell.box
    area = f' data-area="{box.left:.1f} {box.top:.1f} {box.width:.1f} {box.height:.1f}"' if box else ""
    edit = ' tabindex="0"' if alone else ' contenteditable="plaintext-only"'
    title = html.escape(visible(_ORIGINS[cell.origin] + instead), quote=True)
    return f'<td class="lf-{cell.origin}"{edit} data-cell="{place}"{area} title="{title}">{html.escape(visible(cell.value))}</td>'
