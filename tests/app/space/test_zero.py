from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from app.space.zero import BorrowingEngine, seconds_for
from tests.fakes import ScriptedEngine
from vision import Control, GenerationError, Prompt, Sampling, Turn, Usage
from vision.ask import follow

THOUGHT = "<think>\nRead it.\nAdd 3 + 4 = 7.\n</think>\n\nThe answer is 7."
ASKED = Prompt(turns=(Turn(question="How many?"),))


def lend(**asked: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``spaces.GPU`` where there is nothing to borrow."""
    assert asked["size"] == "large" and asked["duration"](ASKED, [Sampling()]) > 0
    return lambda work: work


def test_what_is_borrowed_for_answers_as_the_engine_does() -> None:
    engine = ScriptedEngine(THOUGHT)
    *_, reply = follow(BorrowingEngine(engine, lend), ASKED, Sampling())
    assert reply.answer == "7" and reply.usage is not None and reply.usage.end == "end" and engine.ended == engine.begun == 1


def test_a_stop_gives_the_gpu_back() -> None:
    engine, control = ScriptedEngine(THOUGHT * 50), Control()
    replies = follow(BorrowingEngine(engine, lend), ASKED, Sampling(), control)
    next(replies)
    control.stop()
    *_, last = replies
    assert last.usage is not None and last.usage.end == "stopped" and engine.ended == engine.begun == 1


def test_answer_now_goes_on_from_the_thought_that_there_is() -> None:
    class Answering(ScriptedEngine):
        def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Any:
            self.text = "The answer is 7." if prompt.draft.rstrip().endswith("</think>") else "<think>\n" + "Look. " * 500
            return super().stream(prompt, sampling, control)

    engine, control = Answering(""), Control()
    replies = follow(BorrowingEngine(engine, lend), ASKED, Sampling(), control)
    for _ in range(5):
        next(replies)
    control.answer_now()
    *_, last = replies
    assert last.answer == "7" and "Look." in last.thought and isinstance(last.usage, Usage) and last.usage.thought_closed_by == "user"
    assert engine.ended == engine.begun == 2


def test_a_gpu_that_gives_up_is_a_sentence() -> None:
    class Failing(ScriptedEngine):
        def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Any:
            yield from ()
            raise gr.Error("GPU task aborted")

    with pytest.raises(GenerationError, match="GPU task aborted"):
        list(BorrowingEngine(Failing(""), lend).streams(ASKED, [Sampling()]))


def test_more_tokens_ask_for_more_time_up_to_a_bound() -> None:
    short, long = (seconds_for(ASKED, [Sampling(max_thought_tokens=tokens)]) for tokens in (100, 3000))
    assert 20 < short < long <= 300 == seconds_for(ASKED, [Sampling(max_thought_tokens=60_000)])
