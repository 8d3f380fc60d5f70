from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from finetune.charts.records import Record
from tests.fakes import QueuedEngine, SeededEngine
from tests.servers import Handler, Write, scripted
from vision import Engine, ask
from vision.engines.engine import Delta, Usage


def logicflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments], capture_output=True, text=True, timeout=180, env=os.environ | environment
    )


def test_the_answer_is_on_stdout_and_the_thought_on_stderr(engine: Engine, chart: Record, chart_file: Path) -> None:
    done = logicflow("ask", str(chart_file), chart.question)
    reply = ask(chart_file, chart.question, engine)
    assert done.returncode == 0
    assert done.stdout == reply.answer_text + "\n"
    assert reply.thought in done.stderr and "<think>" not in done.stdout + done.stderr


def test_json_is_one_object_with_steps_and_claims(chart: Record, chart_file: Path) -> None:
    done = logicflow("ask", "--json", str(chart_file), chart.question)
    reply = json.loads(done.stdout)
    assert set(reply) == {"question", "thought", "steps", "answer", "withheld", "trust", "writing", "truncated", "usage"}
    width, height = reply["writing"][0]["size"]
    assert [width, height] == list(chart.image.size) and len(reply["writing"][0]["texts"]) > 4
    for text in reply["writing"][0]["texts"]:
        left, top, right, bottom = text["box"]
        assert text["text"] and -4 <= left < right <= width + 4 and -4 <= top < bottom <= height + 4
    claims = [claim for step in reply["steps"] for claim in step["claims"]]
    assert claims and all(set(claim) == {"text", "verdict", "correct_value"} for claim in claims)
    sources = [source for step in reply["steps"] for source in step["sources"]]
    assert sources and all(0 <= source["start"] < source["end"] and source["why"] for source in sources)
    assert reply["trust"]["level"] in ("traced", "open", "broken") and reply["trust"]["reasons"] and reply["withheld"] == ""
    assert reply["usage"]["end"] == "end" and reply["usage"]["thought_tokens"] > 0
    assert done.stderr == ""


def test_why_tells_the_source_of_each_number(chart: Record, chart_file: Path) -> None:
    told = logicflow("ask", "--why", str(chart_file), chart.question).stderr
    assert re.search(r"^1\. Read .+\n +\d+: .+ (?:stands|printed|picture|drawn)", told, re.MULTILINE)
    assert re.search(r"^(?:Traced|Open|Broken): ", told, re.MULTILINE)


def test_an_unknown_way_of_giving_the_text_is_refused(chart: Record, chart_file: Path) -> None:
    done = logicflow("ask", "--writing", "sometimes", str(chart_file), chart.question)
    assert done.returncode == 2 and "writing is 'sometimes'" in done.stderr and "Traceback" not in done.stderr


def test_no_thinking_answers_without_a_thought(chart: Record, chart_file: Path) -> None:
    reply = json.loads(logicflow("ask", "--json", "--no-thinking", str(chart_file), chart.question).stdout)
    assert reply["thought"] == "" and reply["steps"] == [] and reply["answer"]


def test_a_thought_without_an_answer_exits_with_one(chart_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(prompt_tokens=1, thought_tokens=2, answer_tokens=0, first_token_s=0.1, thinking_s=0.1, total_s=0.2, end="length")
    monkeypatch.setattr(
        sys.modules["vision.engines.opening"], "open_engine", lambda settings: QueuedEngine([Delta("<think>on and"), Delta(" on"), usage])
    )
    done = CliRunner().invoke(app, ["ask", str(chart_file), "How many?"])
    assert done.exit_code == 1
    assert done.stdout == "" and "on and on" in done.stderr and "raise the token budgets" in done.stderr


def test_an_answer_that_breaks_off_is_kept(chart_file: Path) -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        write({"content": "<think>\nRead it.\n</think>\n\nThe answer"})
        write(b'data: {"error": {"message": "the GPU is gone", "type": "x", "code": 500}}\n\n')

    with scripted(behave) as server:
        done = logicflow("ask", str(chart_file), "How many?", "--engine-url", server.url)
        refused = logicflow("vote", str(chart_file), "How many?", "--engine-url", server.url, "--weights", "probability")
        assert len(server.asked) == 1, "a vote that could not be counted is not drawn"
    assert (done.returncode, done.stdout) == (1, "The answer\n")
    assert "Read it." in done.stderr and done.stderr.endswith("failed: the GPU is gone; what it had written is kept\n")
    assert refused.returncode == 2 and "m does not tell the probability of its tokens; weigh by count" in refused.stderr


def test_a_false_claim_is_reported_beside_the_thought(chart_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(prompt_tokens=1, thought_tokens=9, answer_tokens=4, first_token_s=0.1, thinking_s=0.1, total_s=0.2, end="end")
    text = Delta("<think>\nAdd 2 + 2 = 5.\n</think>\n\nThe answer is 5.")
    monkeypatch.setattr(sys.modules["vision.engines.opening"], "open_engine", lambda settings: QueuedEngine([text, usage]))
    done = CliRunner().invoke(app, ["ask", str(chart_file), "How many?"])
    assert done.exit_code == 0 and done.stdout == "The answer is 5.\n"
    assert "step 1 is wrong: 2 + 2 = 5; it is 4" in done.stderr


def test_a_vote_prints_the_winner_and_how_sure_it_is(chart_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["vision.engines.opening"], "open_engine", lambda settings: SeededEngine(["7", None, "7", "8", "7"]))
    done = CliRunner().invoke(app, ["vote", str(chart_file), "How many?"])
    assert done.exit_code == 0 and done.stdout == "7\n"
    assert "trace 2 (temperature 0.4): no answer" in done.stderr
    assert "3 of 5 traces agree: 60 % (95 % interval 23 to 88 %); 1 without an answer" in done.stderr


def test_a_vote_as_json_holds_every_trace(chart_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["vision.engines.opening"], "open_engine", lambda settings: SeededEngine(["7", "7", "8"]))
    done = CliRunner().invoke(app, ["vote", "--json", "--temperatures", "0.3,0.3,0.9", str(chart_file), "How many?"])
    ballot = json.loads(done.stdout)
    assert (ballot["answer"], ballot["spared"], ballot["abstained"]) == ("7", 1, [])
    assert ballot["clusters"] == [{"answer": "7", "traces": [0, 1]}]
    assert [(trace["temperature"], trace["answer"]) for trace in ballot["traces"]] == [(0.3, "7"), (0.3, "7"), (0.9, "")]
    assert ballot["traces"][2]["usage"]["end"] == "spared"


def test_a_vote_in_which_nobody_votes_exits_with_one(chart_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["vision.engines.opening"], "open_engine", lambda settings: SeededEngine([None, None]))
    done = CliRunner().invoke(app, ["vote", "--traces", "2", str(chart_file), "How many?"])
    assert done.exit_code == 1 and done.stdout == "" and "all 2 traces ended without one" in done.stderr


def test_a_model_tells_what_it_is_and_whether_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["model"])
    assert done.exit_code == 0 and "nano + thinking: gemma3, 12 million parameters" in done.stdout and ": fits" in done.stdout
    monkeypatch.setattr("vision.engines.facts._free", lambda place: 1000)
    done = CliRunner().invoke(app, ["model"])
    assert done.exit_code == 1 and "does not fit: try --precision 4bit" in done.stdout
    assert json.loads(CliRunner().invoke(app, ["model", "--json"]).stdout)["fits"] is False
    done = CliRunner().invoke(app, ["model", "./nowhere"])
    assert done.exit_code == 2 and "there is no directory ./nowhere" in done.stderr


def test_an_answer_that_is_cut_off_exits_with_one(chart_file: Path) -> None:
    done = logicflow("ask", str(chart_file), "How many?", LOGICFLOW_MAX_THOUGHT_TOKENS="5", LOGICFLOW_MAX_ANSWER_TOKENS="2")
    assert done.returncode == 1 and done.stdout == ""
    assert "no answer: its answer was cut off; raise the token budgets" in done.stderr and "\nThe" in done.stderr


def test_a_token_for_programs_is_printed_once(tmp_path: Path) -> None:
    people = str(tmp_path / "people.txt")
    assert "there is no user 'ada'" in CliRunner().invoke(app, ["user", people, "ada", "--token"]).stderr
    CliRunner().invoke(app, ["user", people, "ada", "--password", "difference engine"])
    token = CliRunner().invoke(app, ["user", people, "ada", "--token"]).stdout.strip()
    assert token.startswith("lf-") and token not in Path(people).read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vote", "{chart}", "How many?", "--temperatures", "0.2,warm"], "--temperatures is '0.2,warm'"),
        (["vote", "{chart}", "How many?", "--temperatures", "0.2,3"], "--temperatures has 3"),
        (["vote", "only-a-question"], "at least one picture"),
        (["vote", "{chart}", "How many?", "--weights", "luck"], "--weights is 'luck'; expected count, probability, claims or trust"),
        (["ask", "{chart}", "How many?", "--engine-url", "localhost:8000"], "engine_url is 'localhost:8000': expected an address"),
        (["ask", "{chart}", "How many?", "--engine-url", "http://127.0.0.1:9/v1"], "http://127.0.0.1:9/v1 cannot be reached"),
        (["serve", "--engine-url", "http://x/v1", "--model", "a", "--engine-model", "b"], "model is 'a' and engine_model 'b'; give one"),
        (["ask", "only-a-question"], "at least one picture"),
        (["ask", "no/such.png", "How many?"], "no file no/such.png"),
        (["ask", "{text}", "How many?"], "no picture"),
        (["ask", "{empty}", "How many?"], "empty"),
        (["ask", "{chart}", " "], "question is empty"),
        (["ask", "{chart}", "How many?", "--temperature", "7"], "temperature is 7"),
        (["ask", "{chart}", "How many?", "--precision", "int3"], "precision is 'int3'"),
        (["ask", "{chart}", "How many?", "--model", "./nowhere"], "no directory ./nowhere; point --model"),
        (["ask", "{chart}", "How many?", "--model", "{folder}"], "no config.json"),
        (["ask", "{chart}", "How many?", "--adapter", "./nowhere"], "no directory ./nowhere; point --adapter"),
        (["ask", "{chart}", "How many?", "--model", "google/gemma-3-4b-it"], "google/gemma-3-4b-it"),
        (["serve", "--model", "./nowhere"], "no directory"),
        (["ask", "http://127.0.0.1:9/a.png", "How many?"], "is off"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(arguments: list[str], said: str, chart_file: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("I am no picture at all")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    places = {"chart": chart_file, "text": tmp_path / "text.png", "empty": tmp_path / "empty.png", "folder": tmp_path / "folder"}
    done = logicflow(*(part.format(**places) for part in arguments), HF_HUB_OFFLINE="1")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == ""


def test_an_unknown_option_is_refused() -> None:
    done = logicflow("ask", "--colour", "a", "b")
    assert done.returncode == 2 and "--colour" in done.stderr


def test_an_unknown_variable_is_refused(chart_file: Path) -> None:
    done = logicflow("ask", str(chart_file), "How many?", LOGICFLOW_SEEED="1")
    assert done.returncode == 2 and "did you mean LOGICFLOW_SEED" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    heavy = "print([m for m in ('torch', 'transformers', 'gradio', 'PIL') if m in sys.modules])"
    code = f"import sys, app.cli\ntry: app.cli.app(['ask', '--help'])\nexcept SystemExit: {heavy}"
    *told, loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip().splitlines()
    assert loaded == "[]" and any("--max-thought-tokens" in line for line in told)


def test_a_terminal_is_not_steered_by_what_a_model_writes() -> None:
    from app.terminal import printable

    assert printable("a\x1b[2Jb\x07\n\tc\u202e") == "a�[2Jb�\n\tc�"


def test_ctrl_c_in_the_middle_of_a_thought_ends_quietly() -> None:
    """The model is in the middle of a step on its own thread: the process ends with its exit code and does not abort."""
    command = [sys.executable, "-m", "app.cli", "ask", "examples/visitors.png", "What is the total?"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.read(2)  # the thought has begun
        process.send_signal(signal.SIGINT)
        said, thought = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in thought and "terminate" not in thought
