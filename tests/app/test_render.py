from __future__ import annotations

import pytest

from app.render import answer_html, error_html, reasoning_html, step_html
from app.session import Running
from vision import Reply, Usage, steps_of

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> & 3 < 4"
USAGE = Usage(prompt_tokens=9, thought_tokens=12, answer_tokens=4, first_token_s=0.1, thinking_s=0.6, total_s=1.1, end="end")


def test_a_false_claim_shows_what_is_right() -> None:
    made = step_html(steps_of("Add 39 + 31 = 71.")[0])
    assert "lf-false" in made and "✗" in made and ">70</span>" in made


def test_a_true_claim_is_marked() -> None:
    made = step_html(steps_of("Add 39 + 31 = 70.")[0])
    assert "lf-true" in made and "✓" in made and "lf-right" not in made


def test_a_chain_is_shown_once() -> None:
    made = step_html(steps_of("So 2 + 3 = 5 = 10 / 2 now")[0])
    assert made.count("lf-claim") == 2 and made.count("10 / 2") == 1 and "now" in made


@pytest.mark.parametrize(
    "made",
    [
        reasoning_html(Reply(question="q", thought=f"{NASTY}\n1 + 1 = 3 {NASTY}", usage=USAGE)),
        answer_html(Reply(question="q", answer_text=NASTY)),
        error_html(NASTY),
    ],
    ids=["steps", "answer", "error"],
)
def test_everything_that_was_written_is_escaped(made: str) -> None:
    assert "<script" not in made and "<img" not in made and "&lt;script&gt;" in made


def test_the_footer_tells_times_counts_and_why_it_ended() -> None:
    made = reasoning_html(Reply(question="q", thought="Read it.", usage=USAGE))
    assert "thought for 0.6 s, 12 tokens" in made and "answer 4 tokens" in made and "15 tokens a second" in made


def test_an_answer_that_is_missing_says_why() -> None:
    cut = Usage(prompt_tokens=9, thought_tokens=12, answer_tokens=0, first_token_s=0.1, thinking_s=0.6, total_s=1.1, end="length")
    assert "tokens ran out" in answer_html(Reply(question="q", thought="a", thinking=True, usage=cut))


def test_a_stop_reaches_its_own_session_only() -> None:
    running = Running()
    mine, yours = running.begin("a"), running.begin("b")
    running.stop("a")
    assert mine.stopped and not yours.stopped
    running.answer_now("b")
    assert yours.wants_answer and not mine.wants_answer
    again = running.begin("b")
    assert yours.stopped and not again.stopped, "a session's second question ends its first"
    running.end("b", yours)
    running.stop("b")
    assert again.stopped, "the end of the first does not forget the second"
    running.end("a", mine)
    running.end("b", again)
    assert len(running) == 0
