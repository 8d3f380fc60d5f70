"""Steps, claims and votes as HTML, conversations as messages. What people and models wrote goes through :mod:`app.page.safe`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.page.evidence import chip_html, name_html, trust_html
from app.page.safe import formulas, harmless, inline_html, plain, visible
from app.talks.correcting import Version
from app.talks.values import Conversation, Exchange
from vision.answers.consensus import Vote
from vision.errors import LogicFlowError
from vision.pictures.writing import Writing
from vision.replies import Reply
from vision.thoughts.marks import Claim
from vision.thoughts.steps import Step

_MARKS = {"true": ("✓", "holds"), "false": ("✗", "is wrong"), "unchecked": ("?", "was not checked")}


def claim_html(claim: Claim, shown: str) -> str:
    """One claim, ``shown`` as this HTML, with its mark; a false one shows what is right."""
    mark, meaning = _MARKS[claim.verdict]
    right = f' <span class="lf-right">{html.escape(claim.correct_value)}</span>' if claim.correct_value is not None else ""
    return (
        f'<span class="lf-claim lf-{claim.verdict}" title="this claim {meaning}">'
        f'{shown} <span class="lf-mark" aria-label="{meaning}">{mark}</span>{right}</span>'
    )


_CHIP_AND_MARK = re.compile(r'<button [^>]*class="lf-chip[^>]*>[^<]*</button>[,.;:!?)]+')
"""A number and the punctuation behind it, which begins no line."""


def step_html(step: Step, writing: Sequence[Writing] = (), *, fixable: bool = False) -> str:
    """One numbered step, its claims marked in place and its numbers as chips; those that were read may be ``fixable``."""
    math = formulas(step.text)
    chips = [(source.start, source.end, chip_html(source, step, writing, fixable=fixable)) for source in step.sources]
    chips += [(name.start, name.end, name_html(name, writing)) for name in step.lookups]
    pieces, at = [], 0
    for claim in _apart(step.claims):
        if any(start < claim.end and claim.start < end for start, end, _ in math):
            continue
        # Links of a chain share a side: the shared part is shown once, with the first of them.
        start = max(claim.start, at)
        pieces.append((start, claim.end, claim_html(claim, _part(step.text, start, claim.end, chips))))
        at = claim.end
    for start, end, drawn in math:
        for claim in step.claims:
            if start < claim.end and claim.start < end:
                drawn = claim_html(claim, drawn)
        pieces.append((start, end, drawn))
    taken = [(start, end) for start, end, _ in pieces]
    pieces += [chip for chip in chips if not any(start < chip[1] and chip[0] < end for start, end in taken)]
    wrong = dict.fromkeys(source.why for source in step.sources if source.verdict == "false")
    notes = "".join(f'<span class="lf-note lf-false"><span class="lf-mark">✗</span> {html.escape(visible(why))}</span>' for why in wrong)
    shown = _CHIP_AND_MARK.sub(r'<span class="lf-kept">\g<0></span>', inline_html(step.text, sorted(pieces)))
    return f'<li value="{step.number}">{shown}{notes}</li>'


def _part(text: str, start: int, end: int, chips: Sequence[tuple[int, int, str]]) -> str:
    """A part of a step with the chips in it."""
    inside = [(a - start, b - start, chip) for a, b, chip in sorted(chips) if start <= a and b <= end]
    return inline_html(text[start:end], inside)


def _apart(claims: Sequence[Claim]) -> list[Claim]:
    """``claims`` of which none lies in another one: of such two the false one stays, or else the outer one."""
    shown = list(claims)
    for inner in claims:
        for outer in claims:
            if outer is not inner and outer.start <= inner.start and inner.end <= outer.end:
                gone = outer if inner.verdict == "false" != outer.verdict else inner
                shown = [claim for claim in shown if claim is not gone]
    return shown


def reasoning_html(reply: Reply, *, fixable: bool = False, trust: bool = True) -> str:
    """The reasoning pane: steps with their claims and numbers, which may be ``fixable`` once all is said, then what the thought took."""
    fixable = fixable and reply.usage is not None
    steps = "".join(step_html(step, reply.writing, fixable=fixable) for step in reply.steps)
    if steps:
        body = f'<ol class="lf-steps" tabindex="0" aria-label="Steps">{steps}</ol>'
    elif reply.usage is None:
        body = '<p class="lf-quiet">Reading the picture …</p>'
    else:
        body = '<p class="lf-quiet">The model answered without showing steps.</p>'
    return f'<div class="lf-reasoning" role="log" aria-live="polite">{body}{trust_html(reply) if trust else ""}{_footer(reply)}</div>'


def _footer(reply: Reply) -> str:
    usage = reply.usage
    if usage is None:
        return ""
    notes = []
    if usage.thought_tokens:
        notes.append(f"thought for {usage.thinking_s:.1f} s, {usage.thought_tokens} tokens")
    notes.append(f"answer {usage.answer_tokens} tokens")
    spent = usage.total_s - usage.first_token_s
    tokens = usage.thought_tokens + usage.answer_tokens
    if spent > 0 and tokens > 1:
        notes.append(f"{(tokens - 1) / spent:.0f} tokens a second")
    if usage.end == "stopped":
        notes.append("stopped")
    elif usage.end == "failed":
        notes.append("given up by the server")
    elif reply.truncated:
        notes.append("cut off by the token budget")
    elif usage.thought_closed_by == "budget":
        notes.append("thought closed by its budget")
    return f'<p class="lf-quiet">{html.escape("; ".join(notes))}</p>'


def answer_html(reply: Reply) -> str:
    """The answer pane: the model's words."""
    if reply.answer_text:
        why = f'<p class="lf-quiet">{html.escape(reply.why_no_answer)}</p>' if reply.why_no_answer else ""
        return f'<div class="lf-answer">{inline_html(reply.answer_text, formulas(reply.answer_text))}</div>{why}'
    if reply.usage is None:
        return '<div class="lf-answer lf-quiet">…</div>'
    return f'<div class="lf-answer lf-quiet">{html.escape(reply.why_no_answer)}</div>'


def votes_html(vote: Vote, left: int = 0) -> str:
    """A bar for each answer, longest first, with its votes; ``left`` traces are still to come."""
    ended = vote.cast + len(vote.abstained)
    rows = [(cluster.answer, len(cluster.traces), "lf-won" if i == 0 else "") for i, cluster in enumerate(vote.clusters)]
    if vote.abstained:
        rows.append(("no answer", len(vote.abstained), "lf-quiet"))
    bars = "".join(
        f'<div class="lf-bar {kind}"><span class="lf-name">{html.escape(visible(answer))}</span>'
        f'<span class="lf-fill" style="width:{100 * votes / (ended + left):.1f}%"></span><span>{votes}</span></div>'
        for answer, votes, kind in rows
    )
    low, high = vote.interval
    sure = (
        f"{100 * vote.confidence:.0f} % of {ended} traces (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
        if ended
        else "drawing traces …"
    )
    return f'<div class="lf-votes" role="status" aria-live="polite">{bars}<p class="lf-quiet">{sure}</p></div>'


def exchange_html(exchange: Exchange, version: Version | None = None, *, growing: bool = False, fixable: bool = False) -> str:
    """The steps pane for one exchange: its vote with every trace to open, or its only trace; beside it the second model's.

    Args:
        version: the answer as a person corrected it.
        growing: whether it is still being answered.
        fixable: whether readings of the trace that stands for the answer may be corrected: of the last exchange, once it has ended.
    """
    rival = exchange.rival
    if rival is None or (not growing and rival.usage is None and not rival.text):  # it was left while it was being loaded
        return _ours(exchange, version, growing=growing, fixable=fixable)
    ours = _ours(exchange, version, growing=False, fixable=fixable)
    ours = _side(exchange.model, exchange.best or Reply(question=exchange.question), ours)
    return f'<div class="lf-sides">{ours}{_side(exchange.rival_model, rival, reasoning_html(rival))}</div>'


def _side(model: str, reply: Reply, steps: str) -> str:
    return f"<section><h3>{html.escape(visible(model))}</h3>{answer_html(reply)}{steps}</section>"


def _ours(exchange: Exchange, version: Version | None, *, growing: bool, fixable: bool) -> str:
    corrected = corrected_html(version)
    if len(exchange.replies) < 2 and exchange.options.traces < 2:
        only = exchange.replies[0] if exchange.replies else Reply(question=exchange.question)
        return corrected + _folded(only, bool(corrected), fixable)
    traces, left = [], sum(reply.usage is None for reply in exchange.replies) if growing else 0
    for number, reply in enumerate(exchange.replies, start=1):
        opened = " open" if growing and number == 1 else ""
        said = "not needed" if reply.spared else visible(reply.answer) or ("…" if reply.usage is None else "no answer")
        steps = reasoning_html(reply, fixable=fixable and reply is exchange.best)
        traces.append(f"<details{opened}><summary>Trace {number}: {html.escape(said)}</summary>{steps}</details>")
    return corrected + votes_html(exchange.vote, left) + "".join(traces)


def corrected_html(version: Version | None) -> str:
    """The steps with what a person corrected; its readings cannot be corrected once more, those of the first version can."""
    if version is None:
        return ""
    steps = "".join(step_html(step, version.reply.writing) for step in version.reply.steps)
    listed = f'<ol class="lf-steps" tabindex="0" aria-label="Corrected steps">{steps}</ol>'
    return f'<section class="lf-version"><h3>With your correction</h3>{listed}</section>'


def _folded(reply: Reply, folded: bool, fixable: bool) -> str:
    steps = reasoning_html(reply, fixable=fixable, trust=folded)
    return f"<details><summary>As the model wrote it</summary>{steps}</details>" if folded else steps


def chat_messages(conversation: Conversation, path: Callable[[str], Path], *, busy: bool = False, error: str = "") -> list[dict[str, Any]]:
    """The conversation as a chatbot takes it: for each exchange its pictures, the question, and the answer.

    Args:
        conversation: what to show.
        path: the file of a picture by its name.
        busy: whether the last exchange is still being answered.
        error: a sentence to end with.
    """
    made: list[dict[str, Any]] = []
    for exchange in conversation.exchanges:
        for name in exchange.pictures:
            try:
                content: Any = {"path": str(path(name))}
            except LogicFlowError as exc:
                content = plain(str(exc))
            made.append({"role": "user", "content": content})
        made.append({"role": "user", "content": plain(exchange.question)})
        last = exchange is conversation.exchanges[-1]
        made.append({"role": "assistant", "content": _said(exchange, growing=busy and last, failed=bool(error) and last)})
    if error:
        made.append({"role": "assistant", "content": f"⚠️ {plain(error)}"})
    return made


def _said(exchange: Exchange, *, growing: bool, failed: bool) -> str:
    best = exchange.best
    if best is not None and best.answer_text:
        vote = exchange.vote
        sure = f"\n\n*{vote.votes} of {vote.cast + len(vote.abstained)} traces agree*" if len(exchange.replies) > 1 and vote.cast else ""
        cut = "" if growing else best.why_no_answer if best.usage is not None else "interrupted"
        return harmless(best.answer_text) + sure + (f"\n\n*{cut}*" if cut else "")
    if growing:
        return "thinking …" if best is not None and best.thinking else "…"
    if best is None or best.usage is None:
        return "*no answer*" if failed else "*interrupted*"
    return f"*{best.why_no_answer}*"


def place_of(conversation: Conversation, index: int | tuple[int, int] | list[int]) -> int | None:
    """The exchange to which message ``index`` of :func:`chat_messages` belongs; None for what is no part of it, such as an error."""
    left = index if isinstance(index, int) else index[0]
    for place, exchange in enumerate(conversation.exchanges):
        left -= len(exchange.pictures) + 2
        if left < 0:
            return place
    return None
