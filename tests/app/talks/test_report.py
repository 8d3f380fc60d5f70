from __future__ import annotations

import json
import re

from app.talks.report import to_report
from app.talks.values import Conversation, Exchange, Options
from tests.app.talks.test_correcting import PICTURE, WRITING
from vision import Reply, Usage

TOOK = Usage(prompt_tokens=9, thought_tokens=9, answer_tokens=4, first_token_s=0.1, thinking_s=0.1, total_s=1.0, end="end")


def told(thought: str = "Read Oslo 46.") -> dict[str, object]:
    reply = Reply(question="How much?", thought=thought, answer_text="The answer is 46.", usage=TOOK)
    options = Options(seed=7, temperature=0.4, writing="on")
    last = Exchange(question="How much is Oslo?", pictures=(PICTURE,), writing=(WRITING,), options=options, replies=(reply,), model="nano")
    report = to_report(Conversation(exchanges=(Exchange(question="Before?"), last)))
    return {title: json.loads(body) for title, body in re.findall(r"## ([^\n]+)\n\n```json\n(.*?)\n```", report, re.DOTALL)}


def test_a_report_holds_all_that_reproduces_an_answer_and_no_picture() -> None:
    parts = told()
    asked = parts["How it was asked"]
    assert isinstance(asked, dict) and asked["model"] == "nano" and asked["version"].startswith("0.")
    assert asked["settings"]["seed"] == 7 and asked["settings"]["writing"] == "on" and asked["before"][0]["question"] == "Before?"
    assert parts["Question"] == "How much is Oslo?" and parts["Text read in the picture"][0][0] == ["Oslo", 20, 280, 50, 292]
    answered = parts["Answer, thought, claims, sources, trust"]
    assert answered["thought"] == "Read Oslo 46." and answered["trust"]["level"] == "traced" and answered["steps"][0]["sources"]


def test_what_a_model_wrote_cannot_leave_its_fence() -> None:
    thought = "```\n# Injected\n<script>alert(1)</script>\n```json"
    answered = told(thought)["Answer, thought, claims, sources, trust"]
    assert isinstance(answered, dict) and answered["thought"] == thought
