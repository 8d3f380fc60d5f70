from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.answers.consensus import Vote, tally, wilson


@pytest.mark.parametrize(
    ("answers", "winner", "votes", "abstained", "why"),
    [
        (["70", "70", "68"], "70", 2, (), "the majority wins"),
        (["70", "70.0", "$70", "68"], "70", 3, (), "one number written in three ways is one answer"),
        ([r"\frac{1}{2}", "0.5", "2"], r"\frac{1}{2}", 2, (), "a fraction and its decimal agree"),
        (["Blue.", "blue", "red"], "Blue.", 2, (), "words agree whatever their case"),
        (["(B)", "b", "C"], "(B)", 2, (), "choices agree in brackets or without"),
        (["3", "4"], "3", 1, (), "a tie goes to the first found"),
        (["4", "3", "3", "4"], "4", 2, (), "also when the other one reached its votes first"),
        ([None, "", "7"], "7", 1, (0, 1), "unclosed and empty traces abstain"),
        (["100", "102", "104"], "100", 1, (), "two per cent off is another answer"),
        ([None, None], "", 0, (0, 1), "nobody voted"),
        ([], "", 0, (), "nothing yet"),
    ],
)
def test_votes_are_counted(answers: list[str | None], winner: str, votes: int, abstained: tuple[int, ...], why: str) -> None:
    vote = tally(answers)
    assert (vote.winner, vote.votes, vote.abstained) == (winner, votes, abstained), why


def test_confidence_counts_those_who_abstain() -> None:
    vote = tally(["7", "7", None, "8"])
    assert vote.confidence == 0.5
    low, high = vote.interval
    assert 0.14 < low < 0.16 and 0.84 < high < 0.86
    assert Vote().confidence == 0.0 and Vote().interval == (0.0, 1.0) and wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("answers", "left", "settled", "why"),
    [
        (["7", "7", "7"], 2, True, "two more cannot overtake three"),
        (["7", "7"], 3, False, "three more could"),
        (["7", "7", "7", "8"], 1, True, "one more can no longer draw level with three against one"),
        (["7", "7", "8"], 1, False, "one more could draw level"),
        (["7"] * 4, 100, True, "four to nothing: 31 / 32 that seven stays ahead"),
        (["7"] * 3, 100, False, "three to nothing: 15 / 16"),
        ([None, None], 3, False, "nobody has voted yet"),
        (["7"], 0, True, "no trace is left"),
    ],
)
def test_a_vote_is_settled_when_it_cannot_reasonably_turn(answers: list[str | None], left: int, settled: bool, why: str) -> None:
    assert tally(answers).settled(left) is settled, why


def test_the_lead_is_what_drawing_from_its_beta_distribution_gives() -> None:
    rng = random.Random(0)
    vote = tally(["a"] * 5 + ["b"] * 2)
    drawn = sum(rng.betavariate(6, 3) > 0.5 for _ in range(40_000)) / 40_000
    assert vote.lead == pytest.approx(drawn, abs=0.01)


@given(st.lists(st.sampled_from(["1", "2", "3", "", None]), max_size=9), st.randoms())
def test_every_trace_is_in_one_place_and_order_changes_no_count(answers: list[str | None], rng: random.Random) -> None:
    vote = tally(answers)
    placed = sorted([trace for cluster in vote.clusters for trace in cluster.traces] + list(vote.abstained))
    assert placed == list(range(len(answers)))
    shuffled = list(answers)
    rng.shuffle(shuffled)
    counts = [{cluster.answer: len(cluster.traces) for cluster in tally(some).clusters} for some in (answers, shuffled)]
    assert counts[0] == counts[1]
