from __future__ import annotations

from pathlib import Path

import pytest

from app.page.render import answer_html, chat_messages, exchange_html, place_of, reasoning_html, step_html, votes_html
from app.page.running import Running
from app.talks.values import Conversation, Exchange, Options
from vision import Reply, Text, Usage, Writing, steps_of, tally
from vision.pictures.box import Box

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
        votes_html(tally([NASTY, "7"])),
        exchange_html(Exchange(question=NASTY, replies=(Reply(question=NASTY, answer_text=NASTY, usage=USAGE),) * 2)),
    ],
    ids=["steps", "answer", "votes", "traces"],
)
def test_everything_that_was_written_is_escaped(made: str) -> None:
    assert "<script" not in made and "<img" not in made and "&lt;script&gt;" in made


def test_the_footer_tells_times_counts_and_why_it_ended() -> None:
    made = reasoning_html(Reply(question="q", thought="Read it.", usage=USAGE))
    assert "thought for 0.6 s, 12 tokens" in made and "answer 4 tokens" in made and "15 tokens a second" in made


def test_an_answer_that_is_missing_says_why() -> None:
    cut = Usage(prompt_tokens=9, thought_tokens=12, answer_tokens=0, first_token_s=0.1, thinking_s=0.6, total_s=1.1, end="length")
    assert "tokens ran out" in answer_html(Reply(question="q", thought="a", thinking=True, usage=cut))


def test_a_conversation_is_shown_message_by_message() -> None:
    done = Reply(question="q", answer_text="The answer is 7.", usage=USAGE)
    conversation = Conversation(
        exchanges=(
            Exchange(question="*How* <b>many</b>?", pictures=("a" * 64, "b" * 64), replies=(done,)),
            Exchange(question="And now?", replies=(Reply(question="q", thought="Look", thinking=True),)),
        )
    )
    made = chat_messages(conversation, lambda name: Path(f"/pictures/{name[0]}.png"))
    assert [message["role"] for message in made] == ["user", "user", "user", "assistant", "user", "assistant"]
    assert made[0]["content"] == {"path": "/pictures/a.png"} and made[2]["content"] == "\\*How\\* \\<b\\>many\\</b\\>?"
    assert made[3]["content"] == "The answer is 7." and "interrupted" in made[5]["content"]
    assert [place_of(conversation, index) for index in range(8)] == [0, 0, 0, 0, 1, 1, None, None]
    assert chat_messages(conversation, Path, busy=True)[-1]["content"] == "thinking …"
    assert "went wrong" in chat_messages(conversation, Path, error="It went wrong.")[-1]["content"]


def test_an_answer_shows_no_picture_and_no_tag() -> None:
    said = "**7** ![a](http://x/?q=secret) ![b][c] <img src=http://x> 3 < 4"
    exchange = Exchange(question="q", replies=(Reply(question="q", answer_text=said, usage=USAGE),))
    made = chat_messages(Conversation(exchanges=(exchange,)), Path)[-1]["content"]
    assert made.startswith("**7** ") and "![" not in made and "<" not in made


def test_a_vote_shows_bars_and_traces_to_open() -> None:
    replies = tuple(Reply(question="q", thought="Read.", answer_text=f"The answer is {answer}.", usage=USAGE) for answer in (7, 7, 8))
    made = exchange_html(Exchange(question="q", replies=replies, options=Options(traces=5)))
    assert made.count("<details") == 3 and "67 % of 3 traces" in made and "lf-won" in made


def test_a_stop_reaches_its_own_session_only() -> None:
    running = Running()
    mine, yours = running.begin("a", "talk"), running.begin("b", "talk")
    running.stop("a")
    assert mine.stopped and not yours.stopped
    running.answer_now("b")
    assert yours.wants_answer and not mine.wants_answer
    again = running.begin("b", "talk")
    assert yours.stopped and not again.stopped, "a session's second question ends its first"
    running.end("b", yours)
    running.stop("b")
    assert again.stopped, "the end of the first does not forget the second"
    running.end("a", mine)
    running.end("b", again)
    assert len(running) == 0


def test_a_name_with_markup_in_it_is_escaped_where_it_is_looked_up() -> None:
    writing = Writing(size=(99, 99), texts=(Text(text='Park "<b>x', box=Box(1, 1, 9, 9)),))
    (step,) = steps_of('The highest is Park "<b>x then.', "?", (writing,))
    made = step_html(step, (writing,))
    assert "lf-lookup" in made and 'data-lights="0:0"' in made and "<b>" not in made and "&lt;b&gt;" in made


def test_a_second_model_that_was_left_while_it_was_loaded_is_not_shown_for_ever() -> None:
    exchange = Exchange(
        question="?", replies=(Reply(question="?", answer_text="7", usage=USAGE),), rival=Reply(question="?"), rival_model="b (Loading b …)"
    )
    assert "Loading b" in exchange_html(exchange, growing=True) and "Loading b" not in exchange_html(exchange)
