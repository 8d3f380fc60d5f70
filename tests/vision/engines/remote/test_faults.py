"""What goes wrong with a server is one sentence, and costs no word that was written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from finetune.charts.records import Record
from tests.browser.conftest import free_port
from tests.servers import Handler, Write, fails, merged_nano, says, scripted, transformers_serve
from vision import (
    GenerationError,
    ModelError,
    Prompt,
    PromptError,
    Sampling,
    SettingsError,
    Turn,
)
from vision.ask import elect, follow
from vision.engines.remote.engine import RemoteEngine
from vision.settings import NANO

PICTURE = Image.new("RGB", (40, 30), "red")
ASKED = Prompt(turns=(Turn(question="How many?", images=(PICTURE,)),))
THOUGHT = ["<think>", "\nRead", " it.", "\n</think>", "\n\nThe answer", " is 7."]


def breaks(how: str) -> Any:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        write({"content": "<think>\nRead it."})
        if how == "cut":
            write(b"data: {")
            handler.connection.close()
        elif how == "garbage":
            write(b"data: what?\n\n")
        elif how == "silence":
            time.sleep(3)
        elif how == "error":
            write(b'data: {"error": {"message": "the GPU is gone", "type": "x", "code": 500}}\n\n')

    return behave


@pytest.mark.parametrize(
    ("behaviour", "error", "sentence"),
    [
        (fails(401, "no"), GenerationError, "does not accept the key; set LOGICFLOW_ENGINE_KEY"),
        (fails(404, "no such model"), ModelError, "has no model wrong; it serves m"),
        (fails(400, "maximum context length is 4096\ntokens"), PromptError, "refuses the question: maximum context length is 4096 tokens"),
        (fails(500, "boom"), GenerationError, "failed with status 500: boom"),
        (breaks("cut"), GenerationError, "broke off in the middle|ended in the middle"),
        (breaks("end"), GenerationError, "ended in the middle of its answer; what it had written is kept"),
        (breaks("garbage"), GenerationError, "sent what is no chat completion"),
        (breaks("silence"), GenerationError, "sent nothing for 0.5 seconds; what it had written is kept"),
        (breaks("error"), GenerationError, "failed: the GPU is gone; what it had written is kept"),
    ],
)
def test_a_fault_is_one_sentence_and_loses_nothing(
    behaviour: Any, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision.engines.remote.engine.RETRIES", 0)
    with scripted(behaviour) as server:
        engine, thoughts = RemoteEngine(server.url, model="wrong", quiet_s=0.5), []
        with pytest.raises(error, match=sentence) as told:
            thoughts.extend(reply.thought for reply in follow(engine, ASKED, Sampling()))
    assert "\n" not in str(told.value)
    if "middle" in sentence or "kept" in sentence or "completion" in sentence:
        assert "Read it." in thoughts[-1]


def endless(field: str, piece: str) -> Any:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        for _ in range(100_000):
            write({field: piece})

    return behave


@pytest.mark.parametrize("piece", ["x" * 30_000, "12 "], ids=["long pieces", "many pieces"])
@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_server_that_sends_without_end_is_left_within_the_budget(field: str, piece: str) -> None:
    with scripted(endless(field, piece)) as server:
        started = time.monotonic()
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling(max_thought_tokens=50, max_answer_tokens=50))
        assert server.left.wait(5), "the connection is closed"
    assert time.monotonic() - started < 10 and len(reply.text) < 20_000
    assert reply.usage is not None and reply.usage.end == "length" and not reply.answer
    assert reply.why_no_answer.startswith("no answer: ") and "raise the token budgets" in reply.why_no_answer


def test_an_answer_that_holds_nothing_says_so() -> None:
    with scripted(says()) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling())
    assert reply.why_no_answer.startswith("no answer: the model wrote nothing")
    with scripted(says("<think>2 + 2</think>")) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling())
    assert reply.why_no_answer.startswith("no answer: the model ended after its thought")
    with scripted(says(finish="tool_calls")) as server, pytest.raises(GenerationError, match="called a tool instead of answering"):
        list(follow(RemoteEngine(server.url), ASKED, Sampling()))


def test_an_answer_that_is_cut_off_is_none() -> None:
    with scripted(says("The answer", " is 7", finish="length")) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling())
        *_, ballot = elect(RemoteEngine(server.url), ASKED, Sampling(), (0.0, 1.0))
    assert (reply.answer, reply.answer_text) == ("", "The answer is 7") and "its answer was cut off" in reply.why_no_answer
    assert reply.trust is not None and reply.trust.reasons == ("there is no answer",)
    assert not ballot.vote.winner and ballot.vote.abstained == (0, 1)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    with scripted(fails(status, "busy", times=2)) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling())
        assert reply.answer == "7" and len(server.asked) == 3


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:\d+/v1 cannot be reached; is the server running"):
        RemoteEngine(f"http://127.0.0.1:{free_port()}/v1")


def test_a_server_that_dies_in_the_middle_of_a_thought(tmp_path: Path, chart: Record) -> None:
    model = merged_nano(tmp_path)
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    kept = []
    with transformers_serve(model, free_port()) as (url, process), pytest.raises(GenerationError, match="in the middle"):
        for reply in follow(RemoteEngine(url, model=str(model)), talk, Sampling()):
            kept.append(reply.text)
            process.kill()
    assert kept and kept[-1].startswith("<think>"[: len(kept[-1])])


def test_settings_refuse_what_cannot_be() -> None:
    from vision import load_settings

    with pytest.raises(SettingsError, match="engine_url is 'localhost:8000': expected an address such as"):
        load_settings(engine_url="localhost:8000")
    there = {"engine_url": "http://localhost:8000/v1", "model": "google/gemma-3-4b-it", "engine_key": "hidden"}
    with pytest.raises(SettingsError, match="model is 'google/gemma-3-4b-it' and engine_model 'other'; give one of them") as told:
        load_settings(**there, engine_model="other")
    assert "hidden" not in str(told.value)
    settings = load_settings(**there)
    assert (settings.engine_model, settings.model) == ("google/gemma-3-4b-it", str(NANO)), "a model beside a server is the server's"
