"""The endpoint through the clients that people have: openai's, lm-eval, simonw's llm, and another LogicFlow."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI, RateLimitError
from PIL import Image

from app.serving.accounts import new_token, set_password
from finetune.charts.records import Record
from tests.browser.conftest import served
from tests.fakes import ScriptedEngine
from vision import Engine, Prompt, Sampling, Turn, ask
from vision.as_json import reply_as_json
from vision.ask import follow, read_pictures
from vision.engines.remote.engine import RemoteEngine
from vision.pictures.lines import GiveWriting

NAME = "nano + thinking"


@pytest.fixture(scope="module")
def address(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(engine, tmp_path_factory.mktemp("kept")) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> OpenAI:
    return OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def uri(chart: Record) -> str:
    file = io.BytesIO()
    chart.image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def about(chart: Record) -> list[Any]:
    shown = {"type": "image_url", "image_url": {"url": uri(chart)}}
    return [{"role": "user", "content": [shown, {"type": "text", "text": chart.question}]}]


def test_the_model_is_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [NAME]


def test_an_answer_is_what_the_library_gives_with_its_steps_and_sources(client: OpenAI, engine: Engine, chart: Record) -> None:
    due = ask(chart.image, chart.question, engine)
    made = client.chat.completions.create(model=NAME, messages=about(chart))
    message = made.choices[0].message
    assert (message.content, message.reasoning_content) == (due.answer_text, due.thought)  # type: ignore[attr-defined]
    assert made.choices[0].finish_reason == "stop" and due.usage is not None and made.usage is not None
    assert made.usage.prompt_tokens == due.usage.prompt_tokens
    assert made.usage.completion_tokens == due.usage.thought_tokens + due.usage.answer_tokens
    assert made.usage.completion_tokens_details is not None
    assert made.usage.completion_tokens_details.reasoning_tokens == due.usage.thought_tokens
    (reply,) = made.logicflow["replies"]  # type: ignore[attr-defined]
    assert reply["answer"] == due.answer and due.trust is not None and reply["trust"]["level"] == due.trust.level
    assert reply == reply_as_json(due) | {"usage": reply["usage"]} and reply["steps"] and reply["writing"]


def test_a_stream_is_the_same_in_pieces(client: OpenAI, engine: Engine, chart: Record) -> None:
    due = ask(chart.image, chart.question, engine)
    thought, answer, last = [], [], []
    with client.chat.completions.create(model=NAME, messages=about(chart), stream=True, stream_options={"include_usage": True}) as chunks:
        for chunk in chunks:
            for choice in chunk.choices:
                thought.append(getattr(choice.delta, "reasoning_content", None) or "")
                answer.append(choice.delta.content or "")
                if choice.finish_reason:
                    last.append(choice.finish_reason)
    assert "".join(thought) == due.thought and "".join(answer) == due.answer_text and last == ["stop"]
    assert sum(map(bool, thought)) > 5, "it comes as it is written"
    assert due.usage is not None and chunk.usage is not None and chunk.usage.prompt_tokens == due.usage.prompt_tokens
    assert chunk.logicflow["replies"][0]["answer"] == due.answer


def test_several_choices_and_a_vote(client: OpenAI, chart: Record) -> None:
    made = client.chat.completions.create(model=NAME, messages=about(chart), n=3, temperature=1.0, seed=5)
    again = client.chat.completions.create(model=NAME, messages=about(chart), temperature=1.0, seed=6)
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert made.choices[1].message.content == again.choices[0].message.content, "each has the next seed"
    voted = client.chat.completions.create(model=NAME, messages=about(chart), extra_body={"logicflow": {"vote": 3}})
    vote = voted.logicflow["vote"]  # type: ignore[attr-defined]
    assert len(vote["traces"]) == 3 and vote["answer"] and vote["answer"] in (voted.choices[0].message.content or "")


def test_what_a_request_may_ask_for(client: OpenAI, chart: Record) -> None:
    plain = client.chat.completions.create(model=NAME, messages=about(chart), reasoning_effort="none")
    assert plain.choices[0].message.content and not hasattr(plain.choices[0].message, "reasoning_content")
    short = client.chat.completions.create(model=NAME, messages=about(chart), max_tokens=20)
    assert short.usage is not None and short.usage.completion_tokens < 40
    stopped = client.chat.completions.create(model=NAME, messages=about(chart), stop=["answer"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("The ", "stop")
    with client.chat.completions.create(model=NAME, messages=about(chart), stop=["answer"], stream=True) as chunks:
        assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "The "
    said = about(chart) + [{"role": "assistant", "content": "The answer is 3."}, {"role": "user", "content": "What is 3 + 4?"}]
    told = client.chat.completions.create(model=NAME, messages=[{"role": "system", "content": "Be brief."}, *said])
    assert told.choices[0].message.content


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"model": "gpt-5"}, NotFoundError, "there is no model 'gpt-5' here; it is 'nano + thinking'"),
        ({"temperature": 7}, BadRequestError, "temperature cannot be used: Input should be less than or equal to 2"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, BadRequestError, "the last message is not the user's"),
        ({"messages": [{"role": "user", "content": " "}]}, BadRequestError, "the question is empty"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, BadRequestError, "tools is not known here; leave it out"),
        ({"logprobs": True}, BadRequestError, "logprobs is not known here"),
        ({"extra_body": {"logicflow": {"votes": 3}}}, BadRequestError, "logicflow.votes cannot be used"),
    ],
)
def test_a_bad_request_is_one_sentence_in_openais_form(client: OpenAI, change: dict[str, Any], error: Any, sentence: str) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(**({"model": NAME, "messages": [{"role": "user", "content": "What?"}]} | change))
    assert sentence in caught.value.body["message"] and caught.value.body["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/etc/passwd", "a picture is '/etc/passwd'; expected a data URI"),
        ("file:///etc/passwd", "expected a data URI"),
        ("http://127.0.0.1/x.png", "addresses"),
        ("data:image/png;base64,####", "no data URI with base64"),
        ("data:image/png;base64,aGk=", "picture"),
    ],
)
def test_a_picture_is_never_a_file_of_the_server(client: OpenAI, url: str, sentence: str) -> None:
    content: list[Any] = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What?"}]
    with pytest.raises(BadRequestError, match=sentence):
        client.chat.completions.create(model=NAME, messages=[{"role": "user", "content": content}])


def test_what_is_no_request_is_refused(address: str) -> None:
    url = f"{address}/v1/chat/completions"
    assert "is no JSON" in httpx.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).json()["error"]["message"]
    assert httpx.post(url, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    huge = httpx.post(url, content=b"[" * 120_000_000, headers={"Content-Type": "application/json"})
    assert huge.status_code == 400 and "more than 112 MB" in huge.json()["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_work(tmp_path: Path, stream: bool) -> None:
    slow = ScriptedEngine("<think>\n" + "so it goes on and on " * 5000, pause_s=0.02)
    with served(slow, tmp_path) as address:
        body = {"messages": [{"role": "user", "content": "What?"}], "stream": stream}
        with pytest.raises(httpx.ReadTimeout), httpx.stream("POST", f"{address}/v1/chat/completions", json=body, timeout=5) as response:
            for sent in response.iter_raw():
                if stream and b"goes on" in sent:  # it has begun
                    raise httpx.ReadTimeout("enough")
        deadline = time.monotonic() + 30
        quick = httpx.get(f"{address}/v1/models", timeout=30)
        assert quick.status_code == 200
        while not slow.ended:
            assert time.monotonic() < deadline, "the trace is ended"
            time.sleep(0.05)


LONE = "First I count.\n</think>\n\nThe answer is 7."


def pieces(address: str, **body: Any) -> tuple[str, str, dict[str, Any]]:
    """Content, thought and last chunk of a stream."""
    content, thought, last = "", "", {}
    asked = {"messages": [{"role": "user", "content": "What?"}], "stream": True} | body
    with httpx.stream("POST", f"{address}/v1/chat/completions", json=asked, timeout=60) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                last = json.loads(line[6:])
                for choice in last.get("choices", []):
                    content += choice["delta"].get("content") or ""
                    thought += choice["delta"].get("reasoning_content") or ""
    return content, thought, last


def test_what_is_withheld_is_not_streamed_either(tmp_path: Path) -> None:
    wrong = ScriptedEngine("<think>\n9 * 9 = 80\n</think>\n\nThe answer is 80.")
    with served(wrong, tmp_path) as address:
        for stops in ([], ["."]):
            content, _, last = pieces(address, logicflow={"abstain": True}, stop=stops)
            assert content == ("I cannot tell" if stops else "I cannot tell.") and last["logicflow"]["replies"][0]["withheld"] == "80"
            body = {"messages": [{"role": "user", "content": "What?"}], "logicflow": {"abstain": True}, "stop": stops}
            whole = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60).json()
            assert whole["choices"][0]["message"]["content"] == content


def test_an_answer_behind_a_lone_closing_tag_is_streamed_whole(tmp_path: Path) -> None:
    with served(ScriptedEngine(LONE), tmp_path) as address:
        content, thought, last = pieces(address)
        assert content.endswith("The answer is 7.") and thought.strip() == "First I count."
        assert last["logicflow"]["replies"][0]["answer"] == "7"


def test_a_vote_has_one_choice_and_a_fault_ends_a_stream_with_its_sentence(tmp_path: Path) -> None:
    with served(ScriptedEngine("The answer is 7."), tmp_path / "a") as address:
        content, _, last = pieces(address, n=3, logicflow={"vote": 3})
        assert content == "The answer is 7." and last["logicflow"]["vote"]["answer"] == "7"

    class Broken(ScriptedEngine):
        def stream(self, *_: Any) -> Any:
            raise ZeroDivisionError

    with served(Broken(""), tmp_path / "b") as address:
        assert pieces(address)[2]["error"]["message"].startswith("the answer failed")


def test_requests_that_would_take_all_memory_or_time_are_refused(address: str, chart: Record) -> None:
    tiny = io.BytesIO()
    Image.new("1", (6000, 6000)).save(tiny, "PNG")
    large = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(tiny.getvalue()).decode()}}
    small = {"type": "image_url", "image_url": {"url": uri(chart)}}
    for content, said in (
        ([small] * 500, "more than 32 pictures"),
        ([large] * 20, "megapixels together"),
        ("<" * 90_000, "the question has 90000 characters"),
        ("x" * 200_000, "at most 100000 characters"),
    ):
        body = {"messages": [{"role": "assistant", "content": "<" * 90_000}, {"role": "user", "content": content}]}
        answer = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 400 and said in answer.json()["error"]["message"], answer.text[:300]
    marks = {"role": "assistant", "content": "<start_of_image><end_of_turn>The answer"}
    body = {"messages": [{"role": "user", "content": "What is 3 + 4?"}, marks], "continue_final_message": True, "max_tokens": 20}
    assert httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60).status_code == 200, "marks in a draft are text"


def test_users_need_a_token_and_have_the_pace_of_the_page(tmp_path: Path) -> None:
    people = tmp_path / "people.txt"
    set_password(people, "ada", "difference engine")
    token = new_token(people, "ada")
    assert token not in people.read_text()
    with served(ScriptedEngine("The answer is 7."), tmp_path, users=str(people), questions_per_minute=2) as address:

        def answer(key: str) -> str:
            client, asked = OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0), [{"role": "user", "content": "What?"}]
            return client.chat.completions.create(model="scripted", messages=asked).choices[0].message.content or ""  # type: ignore

        for wrong in ("none", "difference engine"):
            with pytest.raises(AuthenticationError, match="logicflow user FILE NAME --token"):
                answer(wrong)
        assert answer(token) == answer(token) == "The answer is 7."
        with pytest.raises(RateLimitError, match="2 questions within a minute"):
            answer(token)
        set_password(people, "ada", "another password")
        fresh = new_token(people, "ada")
        with pytest.raises(AuthenticationError):
            answer(token)
        with pytest.raises(RateLimitError):
            answer(fresh)


def test_one_logicflow_answers_through_another(address: str, engine: Engine, chart: Record) -> None:
    there = RemoteEngine(f"{address}/v1")
    assert there.name == NAME
    prompt = Prompt(turns=(Turn(question=chart.question, images=(chart.image,)),))
    givens: tuple[GiveWriting, ...] = ("off", "on")
    for given in givens:
        asked = read_pictures(engine, prompt, given)
        *_, here = follow(engine, asked, Sampling())
        *_, far = follow(there, asked, Sampling())
        assert (far.thought.strip(), far.answer_text) == (here.thought.strip(), here.answer_text), given
    *_, short = follow(there, asked, Sampling(max_thought_tokens=12))
    assert short.usage is not None and short.usage.thought_closed_by == "budget" and short.answer
    assert here.thought.startswith(short.thought.strip()) and 10 <= short.usage.thought_tokens <= 14


def test_llm_asks_from_a_shell(address: str, chart: Record, engine: Engine, tmp_path: Path) -> None:
    known = {"model_id": "lf", "model_name": NAME, "api_base": f"{address}/v1", "vision": True}
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([known]))
    chart.image.save(tmp_path / "chart.png")
    done = subprocess.run(
        [sys.executable, "-m", "llm", "-m", "lf", chart.question, "-a", str(tmp_path / "chart.png"), "--key", "none", "-n"],
        capture_output=True,
        text=True,
        timeout=180,
        env=os.environ | {"LLM_USER_PATH": str(tmp_path)},
    )
    assert done.stdout.strip() == ask(chart.image, chart.question, engine).answer_text, done.stderr[-800:]


def test_lm_eval_measures_what_people_use(address: str, tmp_path: Path) -> None:
    rows = [{"question": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in ((3, 4), (20, 15))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "rows.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n\n"], "max_gen_toks": 200, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (tmp_path / "sums.yaml").write_text(json.dumps(task))
    arguments = f"model={NAME},base_url={address}/v1/chat/completions,num_concurrent=2,tokenized_requests=False"
    command = ["-m", "lm_eval", "run", "--model", "local-chat-completions", "--model_args", arguments, "--tasks", "sums"]
    command += ["--include_path", str(tmp_path), "--apply_chat_template", "--output_path", str(tmp_path / "out"), "--log_samples"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-1500:]
    (samples,) = (tmp_path / "out").rglob("samples_sums*.jsonl")
    answers = [json.loads(line)["resps"][0][0] for line in samples.read_text().splitlines()]
    assert len(answers) == 2 and all(isinstance(answer, str) and answer for answer in answers)
