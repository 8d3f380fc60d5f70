from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from os.path import commonprefix
from typing import Any

import pytest
from PIL import Image

from finetune.charts.records import Record
from finetune.merge import merge
from tests.browser.conftest import free_port
from tests.servers import VLLM, Handler, Write, fails, merged_nano, says, scripted, transformers_serve, vllm_serve
from vision import (
    Control,
    GenerationError,
    ModelError,
    Prompt,
    Sampling,
    Settings,
    Turn,
    Usage,
    open_engine,
)
from vision.ask import elect, follow
from vision.engines.local.engine import LocalEngine
from vision.engines.remote.engine import FINISH, RemoteEngine
from vision.settings import NANO

PICTURE = Image.new("RGB", (40, 30), "red")
ASKED = Prompt(turns=(Turn(question="How many?", images=(PICTURE,)),))
THOUGHT = ["<think>", "\nRead", " it.", "\n</think>", "\n\nThe answer", " is 7."]


@pytest.fixture(scope="module", params=[transformers_serve, vllm_serve])
def nano_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteEngine]:
    if request.param is vllm_serve and not VLLM.exists():
        pytest.skip("no vLLM here; 'make vllm' sets it up")
    folder = tmp_path_factory.mktemp("merged")
    # vLLM computes in bf16, so it takes what make merge writes; the other server is held to the same words as fp32 here.
    model = merge(str(NANO), folder / "model") if request.param is vllm_serve else merged_nano(folder)
    with request.param(model, free_port()) as (url, _):
        yield RemoteEngine(url, model=str(model))


def test_a_real_server_answers_as_the_local_engine_does(
    nano_server: RemoteEngine, engine: LocalEngine, chart: Record, request: pytest.FixtureRequest
) -> None:
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    here, there = ([*follow(each, talk, Sampling())][-1] for each in (engine, nano_server))
    # vLLM serves bf16, which may part from fp32 where two digits are nearly as likely
    same = len(commonprefix([there.text, here.text]))
    assert there.text == here.text or ("vllm" in request.node.callspec.id and same >= 16)
    assert there.usage is not None and here.usage is not None
    assert there.usage.end == "end" and there.usage.prompt_tokens == here.usage.prompt_tokens
    assert there.text != here.text or abs(there.usage.thought_tokens - here.usage.thought_tokens) <= 3


def test_a_spent_budget_is_answered_by_a_second_request(nano_server: RemoteEngine, chart: Record) -> None:
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    *_, reply = follow(nano_server, talk, Sampling(max_thought_tokens=10))
    assert reply.usage is not None and reply.usage.thought_closed_by == "budget" and reply.usage.thought_tokens <= 11
    assert reply.answer_text.startswith("The answer is ") and not reply.truncated and "<think>" not in reply.answer_text


def test_a_real_server_votes(nano_server: RemoteEngine, chart: Record) -> None:
    talk = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    *_, ballot = elect(nano_server, talk, Sampling(seed=3), (0.0, 0.0, 1.0))
    assert ballot.done and ballot.vote.cast + len(ballot.vote.abstained) + ballot.spared == 3 and ballot.vote.cast >= 2


# What servers do, one thing at a time.


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "reasoning_text"])
def test_a_thought_in_a_field_of_its_own_is_a_thought(field: str) -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        says("Read", " it.", field=field)(handler, body, lambda chunk: write(chunk) if isinstance(chunk, dict) and field in chunk else None)
        says("The answer", " is 7.", tokens=4)(handler, body, write)

    with scripted(behave) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling())
    assert (reply.thought.strip(), reply.answer_text, reply.answer) == ("Read it.", "The answer is 7.", "7")
    assert reply.usage is not None and (reply.usage.thought_tokens, reply.usage.answer_tokens) == (2, 2)


def test_the_request_holds_the_picture_the_sampling_and_the_key() -> None:
    with scripted(says(*THOUGHT)) as server:
        sampling = Sampling(temperature=0.4, top_p=0.9, seed=5, max_thought_tokens=100, max_answer_tokens=50)
        *_, reply = follow(RemoteEngine(server.url, key="secret"), ASKED, sampling)
        body = server.asked[0]
    assert reply.answer == "7" and reply.usage is not None and reply.usage.prompt_tokens == 300
    assert (body["model"], body["temperature"], body["top_p"], body["seed"], body["max_tokens"]) == ("m", 0.4, 0.9, 5, 150)
    system, user = body["messages"]
    assert isinstance(system["content"], str) and "step by step" in system["content"]
    assert user["content"][0]["image_url"]["url"].startswith("data:image/png;base64,") and user["content"][1]["text"] == "How many?"


def test_the_only_model_is_found_and_several_are_listed() -> None:
    with scripted(says(*THOUGHT), ("google/gemma-3-27b-it",)) as server:
        assert open_engine(Settings(engine_url=server.url)).name == "google/gemma-3-27b-it"
    with scripted(says(*THOUGHT), ("a", "b")) as server, pytest.raises(ModelError, match="serves a, b; choose one"):
        RemoteEngine(server.url)


@pytest.mark.parametrize("said", [(" 7", "."), ("The answer", " is 7.")], ids=["goes on", "begins anew"])
def test_an_order_to_answer_goes_on_from_the_closed_thought(said: tuple[str, ...]) -> None:
    """The draft ends with the answer's first words, which a template does not trim; they are written once."""

    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if body["messages"][-1]["role"] == "assistant":
            return says(*said)(handler, body, write)
        for _ in range(1000):
            write({"content": "<think>\n" if not server.asked[1:] and _ == 0 else "Look. "})
            time.sleep(0.01)

    control = Control()
    with scripted(behave) as server:
        replies = follow(RemoteEngine(server.url), ASKED, Sampling(), control)
        for _ in range(4):
            next(replies)
        control.answer_now()
        *_, reply = replies
        assert server.left.wait(5), "the first request was closed"
        second = server.asked[1]
    assert second["continue_final_message"] is True and second["messages"][-1]["content"] + " 7." == reply.text
    assert reply.answer_text == "The answer is 7."
    assert reply.answer == "7" and reply.usage is not None and reply.usage.thought_closed_by == "user"


def test_a_server_that_counts_more_tokens_than_it_sends_pieces_is_asked_on() -> None:
    """Five tokens a piece: its limit is reached long before ours, and its own count is the one that is told."""

    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if body["messages"][-1]["role"] == "assistant":
            return says("The answer is 7.", tokens=6)(handler, body, write)
        says("<think>\nLook at", " it and look", finish="length", tokens=15)(handler, body, write)

    with scripted(behave) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling(max_thought_tokens=10, max_answer_tokens=5))
        assert [body["max_tokens"] for body in server.asked] == [15, 5]
    assert reply.answer == "7" and reply.usage is not None and reply.usage.thought_closed_by == "budget"
    assert (reply.usage.thought_tokens, reply.usage.answer_tokens) == (15, 6)


def test_a_thought_that_goes_on_in_a_field_is_closed_before_the_answer() -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        write({"reasoning": " it."})
        says("The answer", " is 7.", tokens=3)(handler, body, write)

    with scripted(behave) as server:
        *_, reply = follow(RemoteEngine(server.url), replace(ASKED, draft="<think>\nRead"), Sampling())
    assert (reply.thought.strip(), reply.answer_text) == ("Read it.", "The answer is 7.")


def test_an_answer_is_not_written_twice_by_a_server_that_cannot_go_on() -> None:
    with scripted(fails(400, "unknown field continue_final_message")) as server:
        engine = RemoteEngine(server.url)
        with pytest.raises(GenerationError, match="cannot go on from inside an answer; ask the question again"):
            list(follow(engine, replace(ASKED, draft="<think>\nRead.\n</think>\n\nThe answer is"), Sampling()))
        assert len(server.asked) == 1


def test_a_server_that_cannot_go_on_is_not_asked_to_think_again() -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if "continue_final_message" in body:
            return fails(422, "unexpected field continue_final_message")(handler, body, write)
        says(*(["The answer", " is 7."] if FINISH in json.dumps(body["messages"]) else ["<think>\nLook"]))(handler, body, write)

    with scripted(behave) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling(max_thought_tokens=1))
        first, *_, last = server.asked
    assert reply.answer_text == "The answer is 7."
    assert [message["role"] for message in last["messages"]] == ["user"], "the system prompt asks for a thought"
    assert "\\nLook\\n" in json.dumps(last["messages"]), "what was thought is not lost"
    assert first["messages"][0]["role"] == "system"


def test_what_might_have_become_a_mark_is_given_out_at_the_end() -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if body["messages"][-1]["role"] == "assistant":
            return says("3", " <")(handler, body, write)
        says("<think>\nLook", finish="length")(handler, body, write)

    with scripted(behave) as server:
        *_, reply = follow(RemoteEngine(server.url), ASKED, Sampling(max_thought_tokens=1))
    assert reply.answer_text == "3 <"


def test_a_server_that_never_begins_is_given_up_in_time() -> None:
    """Asking again does not begin the time anew, nor do lines that keep a connection alive."""

    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        for _ in range(100):
            write(b": still here\n\n")
            time.sleep(0.05)

    for silent in (behave, lambda handler, body, write: time.sleep(1.5)):
        with scripted(silent) as server:
            engine, started = RemoteEngine(server.url, quiet_s=0.6), time.monotonic()
            with pytest.raises(GenerationError, match="sent nothing for 0.6 seconds$"):
                list(follow(engine, ASKED, Sampling()))
            assert time.monotonic() - started < 4


def drip(handler: Handler, body: dict[str, Any], write: Write) -> None:
    for _ in range(2000):
        write({"content": "Look. "})
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["stop", "close"])
def test_a_stop_closes_the_stream_so_that_the_server_stops(how: str) -> None:
    control, threads = Control(), threading.active_count()
    with scripted(drip) as server:
        replies = follow(RemoteEngine(server.url), ASKED, Sampling(max_answer_tokens=5000), control)
        next(replies)
        if how == "stop":
            control.stop()
            *_, reply = replies
            assert isinstance(reply.usage, Usage) and reply.usage.end == "stopped" and reply.answer_text
        else:
            replies.close()
        assert server.left.wait(5)
    assert threading.active_count() <= threads + 1


def test_traces_run_side_by_side_and_a_settled_vote_ends_the_rest() -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        says(*THOUGHT)(handler, body, write) if body["seed"] < 3 else drip(handler, body, write)

    with scripted(behave) as server:
        *_, ballot = elect(RemoteEngine(server.url), ASKED, Sampling(max_answer_tokens=5000), (0.2, 0.4, 0.6, 0.8, 1.0))
        assert sorted((body["seed"], body["temperature"]) for body in server.asked) == [(i, round(0.2 + 0.2 * i, 1)) for i in range(5)]
    assert (ballot.vote.winner, ballot.vote.votes, ballot.spared) == ("7", 3, 2)


def test_a_trace_that_its_server_gives_up_abstains_from_the_vote() -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        if body["seed"] == 1:
            write({"content": "<think>\nRead it."})
            return write(b'data: {"error": {"message": "the GPU is gone", "type": "x", "code": 500}}\n\n')
        says(*THOUGHT)(handler, body, write)

    with scripted(behave) as server:
        *_, ballot = elect(RemoteEngine(server.url), ASKED, Sampling(), (0.0, 0.0, 1.0))
    assert (ballot.vote.winner, ballot.vote.votes, ballot.vote.abstained) == ("7", 2, (1,))
    assert ballot.replies[1].thought and ballot.replies[1].why_no_answer == "no answer: the server gave this trace up"


# Faults: one clear sentence each, and what had come is kept.
