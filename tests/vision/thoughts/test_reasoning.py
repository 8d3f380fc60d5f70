from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.thoughts.reasoning import PAIRS, Answer, Parsed, ReasoningParser, Reopened, Thought, split

CASES = {
    "no tags": ("The answer is 4.", Parsed("", "The answer is 4.", False)),
    "an empty text": ("", Parsed("", "", False)),
    "a thought and an answer": ("<think>\n2 + 2\n</think>\n\nIt is 4.", Parsed("2 + 2", "It is 4.", False)),
    "white space before the thought": ("\n  <think>a</think>b", Parsed("a", "b", False)),
    "a lone closing tag": ("2 + 2 = 4</think>It is 4.", Parsed("2 + 2 = 4", "It is 4.", False)),
    "a thought that never closes is no answer": ("<think>2 + 2", Parsed("2 + 2", "", True)),
    "nothing after the opening tag": ("<think>", Parsed("", "", True)),
    "text before a thought is answer": ("Let me see. <think>a</think>4", Parsed("a", "Let me see. 4", False)),
    "a thought behind an answer may be cut off, too": ("Let me see. <think>a", Parsed("a", "Let me see.", True)),
    "several thoughts": (
        "Sure. <think>A</think> Then <think>B</think> The answer is 3.",
        Parsed("A\n\nB", "Sure. Then The answer is 3.", False),
    ),
    "a thought after a lone closing tag": ("A</think>b <think>C</think>d", Parsed("A\n\nC", "b d", False)),
    "a tag between backticks is text": ("Write `<think>` first.", Parsed("", "Write `<think>` first.", False)),
    "a tag in a span of code is text": ("`x = <think> y` is 4", Parsed("", "`x = <think> y` is 4", False)),
    "an open span ends with its line": ("`x\n<think>a</think>4", Parsed("a", "`x\n4", False)),
    "a thought may name its tag": ("<think>`</think>` ends it</think>4", Parsed("`</think>` ends it", "4", False)),
    "a thought may leave a span open": ("<think>`a b</think>4", Parsed("`a b", "4", False)),
    "large letters": ("<THINK>a</THINK>4", Parsed("a", "4", False)),
    "letters that grow when they are made small": ("İİ <THINK>a</THINK>4", Parsed("a", "İİ 4", False)),
    "Ministral": ("[THINK]a[/THINK]4", Parsed("a", "4", False)),
    "brackets are text": ("x[0] = [think twice]", Parsed("", "x[0] = [think twice]", False)),
    "Kimi": ("◁think▷a◁/think▷4", Parsed("a", "4", False)),
    "Seed": ("<seed:think>a</seed:think>4", Parsed("a", "4", False)),
    "gpt-oss": (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|>"
        "<|start|>assistant<|channel|>final<|message|>4<|return|>",
        Parsed("a\n\nb", "4", False),
    ),
    "less-than signs survive": ("x < y > z and 3<4", Parsed("", "x < y > z and 3<4", False)),
    "a tag in a code fence is text": ("```\n</think>\n```\nyes", Parsed("", "```\n</think>\n```\nyes", False)),
    "a fence inside a thought": ("<think>a\n```\n</think>\n```\nb</think>c", Parsed("a\n```\n</think>\n```\nb", "c", False)),
    "an answer tag ends an open thought": ("<reasoning>a<answer>4</answer>", Parsed("a", "4", False)),
    "reasoning and answer": ("<reasoning>a</reasoning>\n<answer>\n4\n</answer>", Parsed("a", "4", False)),
    "working out and solution": ("<start_working_out>a<end_working_out><SOLUTION>4</SOLUTION>", Parsed("a", "4", False)),
    "working out whose end is missing": ("<start_working_out>a<SOLUTION>4", Parsed("a", "4", False)),
    "OpenThoughts": (
        "<|begin_of_thought|>a<|end_of_thought|>\n\n<|begin_of_solution|>4<|end_of_solution|>",
        Parsed("a", "4", False),
    ),
    "Gemma 4's channel": ("<|channel>thought\na<channel|>4", Parsed("a", "4", False)),
    "half a tag at the end is text": ("4 </thi", Parsed("", "4 </thi", False)),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_whole_text_is_taken_apart(text: str, expected: Parsed) -> None:
    assert split(text) == expected


def fed(chunks: list[str]) -> tuple[str, str, bool]:
    parser = ReasoningParser()
    thought = answer = ""
    for event in [*(e for chunk in chunks for e in parser.feed(chunk)), *parser.flush()]:
        if isinstance(event, Thought):
            thought += event.text
        elif isinstance(event, Answer):
            answer += event.text
        elif isinstance(event, Reopened):
            thought, answer = answer, ""
    return thought.strip(), answer.strip(), parser.thinking


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_stream_may_be_cut_anywhere(text: str, expected: Parsed) -> None:
    whole = (expected.thought, expected.answer, expected.truncated)
    for cut in range(len(text) + 1):
        assert fed([text[:cut], text[cut:]]) == whole, cut
    assert fed(list(text)) == whole


@given(st.lists(st.sampled_from([*"ab <>\n/|", "<think>", "</think>", "<answer>", "</answer>", "```", "<thought>"]), max_size=14))
def test_chunks_never_change_the_outcome(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert fed(list(text)) == fed([text])


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
def test_every_pair_of_tags_is_known(opening: str, closing: str) -> None:
    assert split(f"{opening}why{closing}what") == Parsed("why", "what", False)


def test_a_parser_may_start_inside_a_thought() -> None:
    assert split("why</think>what", thinking=True) == Parsed("why", "what", False)
    assert split("why", thinking=True) == Parsed("why", "", True)


def test_text_that_may_become_a_tag_is_held_back_and_nothing_else() -> None:
    parser = ReasoningParser()
    parser.feed("<think>")
    assert parser.feed("2 < 3 </th") == [Thought("2 < 3 ")]
    assert parser.feed("ree") == [Thought("</three")]


def test_a_thought_is_closed_in_letters_as_large_as_it_was_opened() -> None:
    for opening, closing in (("[THINK]", "[/THINK]"), ("<think>", "</think>"), ("<|START_THINKING|>", "<|END_THINKING|>")):
        parser = ReasoningParser()
        parser.feed(opening)
        assert parser.closing == closing


def test_what_might_be_a_tag_a_hundred_thousand_times_takes_no_time() -> None:
    started = time.perf_counter()
    assert split("<" * 100_000).answer == "<" * 100_000
    assert time.perf_counter() - started < 10
