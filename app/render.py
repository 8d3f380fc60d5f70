"""Steps, claims and crops as HTML. Everything that a model or a user wrote is escaped here, and only here."""

from __future__ import annotations

import html

from vision.ask import Reply
from vision.claims import Claim
from vision.steps import Step

_MARKS = {"true": ("✓", "holds"), "false": ("✗", "is wrong"), "unchecked": ("?", "was not checked")}


def claim_html(claim: Claim) -> str:
    """One claim with its mark; a false one shows what is right."""
    mark, meaning = _MARKS[claim.verdict]
    right = f' <span class="lf-right">{html.escape(claim.correct_value)}</span>' if claim.correct_value is not None else ""
    return (
        f'<span class="lf-claim lf-{claim.verdict}" title="this claim {meaning}">'
        f'{html.escape(claim.text)} <span class="lf-mark" aria-label="{meaning}">{mark}</span>{right}</span>'
    )


def step_html(step: Step) -> str:
    """One numbered step, its claims marked in place."""
    parts, at = [], 0
    for claim in step.claims:
        # Links of a chain share a side: the shared part is shown once, with the first of them.
        start = max(claim.start, at)
        parts.append(html.escape(step.text[at:start]))
        parts.append(claim_html(claim if start == claim.start else _rest_of(claim, step.text[start : claim.end], start)))
        at = claim.end
    parts.append(html.escape(step.text[at:]))
    return f'<li value="{step.number}">{"".join(parts).replace(chr(10), "<br>")}</li>'


def _rest_of(claim: Claim, text: str, start: int) -> Claim:
    return Claim(text=text, start=start, end=claim.end, verdict=claim.verdict, correct_value=claim.correct_value)


def reasoning_html(reply: Reply) -> str:
    """The reasoning pane: steps with their claims, then what the thought took."""
    steps = "".join(step_html(step) for step in reply.steps)
    if steps:
        body = f'<ol class="lf-steps">{steps}</ol>'
    elif reply.usage is None:
        body = '<p class="lf-quiet">Reading the picture …</p>'
    else:
        body = '<p class="lf-quiet">The model answered without showing steps.</p>'
    return f'<div class="lf-reasoning" role="log" aria-live="polite">{body}{_footer(reply)}</div>'


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
    elif reply.truncated:
        notes.append("cut off by the token budget")
    elif usage.thought_closed_by == "budget":
        notes.append("thought closed by its budget")
    return f'<p class="lf-quiet">{html.escape("; ".join(notes))}</p>'


def answer_html(reply: Reply) -> str:
    """The answer pane: the model's words, plain and escaped."""
    if reply.answer_text:
        return f'<div class="lf-answer">{html.escape(reply.answer_text)}</div>'
    if reply.usage is None:
        return '<div class="lf-answer lf-quiet">…</div>'
    return f'<div class="lf-answer lf-quiet">{html.escape(reply.why_no_answer)}</div>'


def error_html(sentence: str) -> str:
    """A user's mistake or a model's failure, as the sentence that it is."""
    return f'<div class="lf-error" role="alert">{html.escape(sentence)}</div>'
