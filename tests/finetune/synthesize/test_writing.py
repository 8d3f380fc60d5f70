"""A teacher that can be planned: good and bad problems at known rates, a busy, slow, half-writing server, batch files, kills."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from finetune.synthesize import planning
from finetune.synthesize.__main__ import main, problems_in
from finetune.synthesize.journal import bill_of, replies_in
from finetune.synthesize.planning import Folder, Plan
from finetune.synthesize.prices import Price, Tokens, price_of
from finetune.synthesize.teacher import Teacher
from tests.finetune.synthesize import planted
from tests.servers import Handler, scripted

PROMPT, REPLY = 100, 40
"""Tokens that the scripted teacher says it used."""
PRICE = Price(input=Decimal("0.15"), cached=Decimal("0.075"), output=Decimal("0.60"), batch=Decimal("0.5"))


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps(problem.as_row()) + "\n" for problem in planted.clean(12, 77)))
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds."""
    original = Teacher.__init__

    def init(self: Teacher, **settings: object) -> None:
        original(self, **settings | {"pause_s": 0.01})  # type: ignore[arg-type]

    monkeypatch.setattr(Teacher, "__init__", init)


def problems_for(body: dict) -> list[dict]:
    """What the teacher writes for a prompt: one problem in four has a false sum."""
    user = body["messages"][-1]["content"]
    number = int(hashlib.sha256(user.encode()).hexdigest(), 16)
    count = int(match[1]) if (match := re.search(r"Write (\d+) new", user)) else 1
    good = planted.clean(count, number)
    spoiled = planted.spoil("mathematics", good)
    return [(spoiled if (number + i) % 4 == 0 else good)[i].as_row() for i in range(count)]


def completion(body: dict, text: str) -> dict:
    usage = {
        "prompt_tokens": PROMPT,
        "completion_tokens": REPLY,
        "total_tokens": PROMPT + REPLY,
        "prompt_tokens_details": {"cached_tokens": 20},
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice], "usage": usage}


def teach(handler: Handler, body: dict, write: object) -> None:
    handler.reply(200, completion(body, "\n".join(map(json.dumps, problems_for(body)))))


class Trouble:
    """A server that fails each prompt's first attempts in its own way, then teaches."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, handler: Handler, body: dict, write: object) -> None:
        key = body["messages"][-1]["content"]
        with self.lock:
            self.tries[key] += 1
            attempt, kind = self.tries[key], int(hashlib.sha256(key.encode()).hexdigest(), 16) % 6
        if attempt > 1 or kind == 0:
            return teach(handler, body, write)
        if kind == 1:
            return handler.reply(429, {"error": {"message": "slow down"}})
        if kind == 2:
            return handler.reply(503, {"error": {"message": "overloaded"}})
        if kind == 3:
            time.sleep(1.5)  # longer than the client waits
            return None
        whole = json.dumps(completion(body, "x")).encode()
        half = whole[: len(whole) // 2]
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(half) if kind == 4 else len(whole)))  # broken JSON, or a connection that breaks
        handler.end_headers()
        handler.wfile.write(half)
        return None


def write(seeds: Path, out: Path, url: str, *more: str) -> int:
    return main(["write", "--seeds", str(seeds), "--out", str(out), "--model", "gpt-4o-mini", "--engine-url", url, *more])


def test_through_all_trouble_nothing_is_lost_and_nothing_comes_twice(seeds, tmp_path, capsys):
    trouble = Trouble()
    with scripted(trouble) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "119", "--quiet-seconds", "0.5", "--at-once", "12") == 0
    ids = [reply.id for reply in replies_in(tmp_path / "out" / "replies.jsonl")]
    assert sorted(ids) == [f"p{i:06}" for i in range(1, 31)]
    assert max(trouble.tries.values()) >= 2
    problems = list(problems_in(Folder(tmp_path / "out")))
    assert len(problems) == 119 == len({problem.id for problem in problems})
    bill = bill_of(tmp_path / "out" / "replies.jsonl", PRICE)
    assert bill.tokens == Tokens(input=30 * PROMPT, output=30 * REPLY, cached=30 * 20)
    assert bill.dollars == Decimal(30) * (80 * PRICE.input + 20 * PRICE.cached + REPLY * PRICE.output) / 1_000_000
    assert "30 replies, 3,000 tokens of prompts, 1,200 of replies, 0.0011 dollars" in capsys.readouterr().out


def test_the_share_of_bad_problems_is_what_the_filters_find(seeds, tmp_path):
    with scripted(teach) as server:
        write(seeds, tmp_path / "out", server.url, "--count", "120")
        bad = sum(
            (int(hashlib.sha256(body["messages"][-1]["content"].encode()).hexdigest(), 16) + i) % 4 == 0
            for body in server.asked
            for i in range(4)
        )
    assert main(["filter", str(tmp_path / "out"), "--against"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    by = {stage["name"]: stage["dropped"] for stage in report["stages"]}
    assert abs(by["mathematics"] - bad) <= 0.05 * bad + 1 and report["kept"] >= 120 - bad - 4
    assert "gpt-4o-mini" in (tmp_path / "out" / "data" / "README.md").read_text()


def test_a_killed_run_goes_on_where_it_was(seeds, tmp_path):
    out = tmp_path / "out"

    def slowly(handler: Handler, body: dict, _: object) -> None:
        time.sleep(0.05)
        teach(handler, body, _)

    with scripted(slowly) as server:
        command = [sys.executable, "-m", "finetune.synthesize", "write", "--seeds", str(seeds), "--out", str(out), "--model", "m"]
        command += ["--engine-url", server.url, "--count", "240", "--at-once", "2"]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(list(replies_in(out / "replies.jsonl"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait()
        before = len(list(replies_in(out / "replies.jsonl")))
        assert 10 <= before < 60
        with (out / "replies.jsonl").open("ab") as file:
            file.write(b'{"id": "p000060", "text": "cut o')  # as a kill in a line leaves it
        assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
        assert len(server.asked) <= 60 + 2  # what was under way when it was killed is asked again
    ids = [json.loads(line)["id"] for line in (out / "replies.jsonl").read_text().splitlines() if line.endswith("}")]
    assert sorted(ids) == [f"p{i:06}" for i in range(1, 61)]


def test_the_budget_is_never_exceeded_and_more_money_goes_on(seeds, tmp_path, capsys):
    with scripted(teach) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "80", "--max-dollars", "0.0015", "--at-once", "4") == 0
        assert "could exceed 0.0015 dollars" in capsys.readouterr().out
        spent = bill_of(tmp_path / "out" / "replies.jsonl", PRICE)
        assert 0 < spent.replies < 20 and spent.dollars <= Decimal("0.0015")
        assert write(seeds, tmp_path / "out", server.url, "--count", "80", "--max-dollars", "5") == 0
        assert len(server.asked) == 20


def test_a_refused_key_ends_the_run_and_a_refused_request_does_not(seeds, tmp_path, capsys):
    with scripted(lambda handler, body, _: handler.reply(401, {"error": {"message": "no such key"}})) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "8") == 2
        assert "refuses gpt-4o-mini (no such key)" in capsys.readouterr().err
    with scripted(lambda handler, body, _: handler.reply(400, {"error": {"message": "unfit"}})) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "8") == 0
        assert write(seeds, tmp_path / "out", server.url, "--count", "8") == 0
        assert len(server.asked) == 2  # refused, not lost: not asked again
    assert all("unfit" in reply.error for reply in replies_in(tmp_path / "out" / "replies.jsonl"))


def test_a_server_that_is_gone_is_told(seeds, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("finetune.synthesize.teacher.ATTEMPTS", 2)
    assert write(seeds, tmp_path / "out", "http://127.0.0.1:9/v1", "--count", "40") == 2
    assert "came to nothing one after another" in capsys.readouterr().err


def test_the_cost_is_told_before(seeds, tmp_path, capsys):
    assert write(seeds, tmp_path / "out", "http://127.0.0.1:9/v1", "--count", "1000", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "250 requests" in told and re.search(r"about \d+\.\d\d dollars", told) and not (tmp_path / "out").exists()
    assert main(["write", "--seeds", str(seeds), "--out", str(tmp_path), "--model", "unheard", "--max-dollars", "1"]) == 2
    assert "--max-dollars needs the price of unheard" in capsys.readouterr().err


def test_another_plan_in_a_folder_is_refused(seeds, tmp_path, capsys):
    with scripted(teach) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "8") == 0
        assert write(seeds, tmp_path / "out", server.url, "--count", "8", "--shots", "2") == 2
        assert "was begun with another shots (4)" in capsys.readouterr().err
        assert write(seeds, tmp_path / "out", server.url, "--count", "12") == 0
        assert len(server.asked) == 3


def test_requests_follow_from_plan_and_number_alone(seeds):
    known = planning.read_seeds(seeds)
    plan = Plan(seeds=planning.digest(known), count=40, charts=2, model="m")
    first, second = list(plan.requests(known)), list(plan.requests(known))
    assert first == second and len({request.user for request in first}) == 12
    assert all(f"Write {planted_count} new" in request.user for request, planted_count in zip(first[:10], [4] * 10, strict=True))
    assert "shows these values" in first[-1].user


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_batches_are_written_and_collected(provider, seeds, tmp_path, capsys):
    out = tmp_path / "out"
    assert write(seeds, out, "unused", "--count", "40", "--batch", provider) == 0
    lines = [json.loads(line) for line in (out / "batch" / "requests-001.jsonl").read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [f"p{i:06}" for i in range(1, 11)]
    results = [result_of(provider, line, i) for i, line in enumerate(lines)]
    results += [
        result_of(provider, lines[0], 0),
        result_of(provider, lines[0] | {"custom_id": "p999999"}, 0),
        "{broken",
        "[]",
        json.dumps({"custom_id": "p000002"}),
    ]
    (tmp_path / "results.jsonl").write_text("\n".join(results[::-1]))  # in any order
    assert main(["collect", str(out), str(tmp_path / "results.jsonl")]) == 1
    told = capsys.readouterr()
    assert (
        "8 new replies" in told.out
        and "1 of them refused" in told.out
        and "p999999" in told.out
        and "3 lines that are no result" in told.out
    )
    assert "2 requests that the provider did not work on" in told.out and "2 requests are left" in told.err
    bill = bill_of(out / "replies.jsonl", PRICE)
    assert bill.batch_tokens == Tokens(input=7 * PROMPT, output=7 * REPLY, cached=7 * 20)
    assert bill.dollars == PRICE.of(bill.batch_tokens) / 2
    assert write(seeds, out, "unused", "--count", "40", "--batch", provider) == 0
    left = [json.loads(line)["custom_id"] for line in (out / "batch" / "requests-001.jsonl").read_text().splitlines()]
    assert left == ["p000008", "p000009"]
    assert main(["collect", str(out), str(tmp_path / "results.jsonl")]) == 1
    assert "0 new replies" in capsys.readouterr().out


def result_of(provider: str, line: dict, number: int) -> str:
    """A line of the provider's results: refused for 9, not worked on for 7 and 8."""
    id, asked = line["custom_id"], line.get("body") or line["params"]
    text = "\n".join(map(json.dumps, problems_for(asked)))
    if provider == "openai":
        if number in (7, 8):
            return json.dumps({"id": "b", "custom_id": id, "response": None, "error": {"code": "batch_expired", "message": "too late"}})
        body = completion(asked, text) if number != 9 else {"error": {"message": "unfit"}}
        return json.dumps(
            {"id": "b", "custom_id": id, "response": {"status_code": 400 if number == 9 else 200, "body": body}, "error": None}
        )
    if number in (7, 8):
        return json.dumps({"custom_id": id, "result": {"type": "expired" if number == 7 else "canceled"}})
    if number == 9:
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": "unfit"}}
        return json.dumps({"custom_id": id, "result": {"type": "errored", "error": error}})
    usage = {"input_tokens": PROMPT - 20, "cache_read_input_tokens": 20, "output_tokens": REPLY}
    message = {"type": "message", "model": "m", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage}
    return json.dumps({"custom_id": id, "result": {"type": "succeeded", "message": message}})


def test_a_batch_file_holds_no_more_than_the_provider_takes(seeds, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("finetune.synthesize.batches", fromlist=["MOST_REQUESTS"]).MOST_REQUESTS, "openai", 4)
    assert write(seeds, tmp_path / "out", "unused", "--count", "40", "--batch", "openai") == 0
    sizes = [len(path.read_text().splitlines()) for path in sorted((tmp_path / "out" / "batch").iterdir())]
    assert sizes == [4, 4, 2]


def test_a_charts_problems_keep_its_truth(seeds, tmp_path):
    def of_charts(handler: Handler, body: dict, _: object) -> None:
        user = body["messages"][-1]["content"]
        gold = re.search(r"The right answer is (.*)\.\n", user)[1]
        question = re.search(r"Somebody asks: (.*)\n", user)[1]
        wrong = len(user) % 2
        row = {
            "question": question,
            "solution": f"I look at the chart.\nIt shows {'no such thing' if wrong else gold}.",
            "answer": f"{gold}{'1' if wrong else ''}",
        }
        handler.reply(200, completion(body, json.dumps(row)))

    with scripted(of_charts) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "0", "--charts", "6") == 0
        wrong = sum(len(body["messages"][-1]["content"]) % 2 for body in server.asked)
    problems = list(problems_in(Folder(tmp_path / "out")))
    assert all(problem.gold and problem.table and (tmp_path / "out" / problem.image).is_file() for problem in problems)
    from finetune.synthesize.filters import mathematics

    assert sum("the chart's is" in mathematics(problem) for problem in problems) == wrong


@pytest.mark.parametrize(
    ("name", "found"), [("gpt-4o-mini", True), ("gpt-4o-mini-2024-07-18", True), ("openai/gpt-4o-mini", True), ("gpt-4", False)]
)
def test_prices_are_known_by_name_with_and_without_a_date(name, found):
    assert (price_of(name) is not None) == found


@pytest.mark.parametrize("text", ["- a", "m: {input: x, output: 1}", "m: {output: 1}", "m: {input: -1, output: 1}", "m: 3", ": :"])
def test_a_table_of_prices_that_is_none_is_told(text, seeds, tmp_path, capsys):
    (tmp_path / "prices.yaml").write_text(text)
    assert write(seeds, tmp_path / "out", "unused", "--dry-run", "--prices", str(tmp_path / "prices.yaml")) == 2
    assert "is no table of prices" in capsys.readouterr().err


def test_a_seed_without_a_solution_is_told(tmp_path, capsys):
    (tmp_path / "seeds.jsonl").write_text('{"question": "What is 2 + 3?", "answer": "5"}\n')
    assert write(tmp_path / "seeds.jsonl", tmp_path / "out", "unused") == 2
    assert "row 1" in (err := capsys.readouterr().err) and "no solution" in err


def test_a_teacher_that_wants_money_or_refuses_everything_spoils_no_folder(seeds, tmp_path, capsys):
    for status in (402, 400):
        with scripted(lambda handler, body, _, status=status: handler.reply(status, {"error": {"message": "no"}})) as server:
            assert write(seeds, tmp_path / "out", server.url, "--count", "80") == 2
        assert not list(replies_in(tmp_path / "out" / "replies.jsonl"))
    assert "refuses every request" in capsys.readouterr().err
    with scripted(teach) as server:
        assert write(seeds, tmp_path / "out", server.url, "--count", "80") == 0
        assert len(server.asked) == 20


@pytest.mark.parametrize(
    "more",
    [("--batch", "openai", "--max-dollars", "1"), ("--batch", "anthropic", "--reasoning", "low"), ("--count", "9", "--per-request", "4")],
)
def test_what_cannot_be_kept_is_refused(more, seeds, tmp_path, capsys):
    if more[0] == "--count":
        with scripted(teach) as server:
            assert write(seeds, tmp_path / "out", server.url, "--count", "6") == 0
    assert write(seeds, tmp_path / "out", "unused", *more) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("finetune.synthesize: ")
