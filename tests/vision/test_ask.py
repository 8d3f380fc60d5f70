from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image

from finetune.charts.records import Record
from tests.fakes import TOOK, SeededEngine
from vision import Control, PromptError, Reply, Sampling, SettingsError, vote, vote_live
from vision.engines.local.engine import LocalEngine
from vision.replies import count_votes

PICTURE = Image.new("RGB", (64, 64), "white")


def test_a_vote_ends_once_it_is_settled() -> None:
    engine = SeededEngine(["7", "7", "7", "8", "8"])
    ballot = vote(PICTURE, "How many?", engine)
    assert (ballot.vote.winner, ballot.vote.votes, ballot.spared, ballot.done) == ("7", 3, 2, True)
    assert [sampling.seed for sampling in engine.drawn] == [0, 1, 2]
    assert [sampling.temperature for sampling in engine.drawn] == [0.2, 0.4, 0.6]


def test_every_trace_is_drawn_while_the_outcome_is_open() -> None:
    ballot = vote(PICTURE, "How many?", SeededEngine(["7", "8", "7", "8", "9"]))
    assert (len(ballot.replies), ballot.spared, ballot.vote.winner) == (5, 0, "7")


def test_a_trace_that_is_cut_off_abstains() -> None:
    ballot = vote(PICTURE, "How many?", SeededEngine(["7", None, "7"]), temperatures=(0.2, 0.6, 1.0))
    assert ballot.vote.abstained == (1,) and ballot.vote.confidence == pytest.approx(2 / 3)


def test_a_stopped_trace_abstains_though_it_had_begun_to_answer() -> None:
    *_, ballot = vote_live(PICTURE, "?", SeededEngine(["7"]), temperatures=(0.2,))
    usage = ballot.replies[0].usage
    assert usage is not None and ballot.vote.winner == "7"
    stopped = replace(ballot.replies[0], answer_text="The answer is 1", usage=replace(usage, end="stopped"))
    assert replace(ballot, replies=(stopped,)).vote.abstained == (0,)


def test_a_ballot_grows_trace_by_trace() -> None:
    standings = [
        (sum(reply.usage is not None for reply in ballot.replies), ballot.vote.cast, ballot.done)
        for ballot in vote_live(PICTURE, "?", SeededEngine(["1", "2"]), temperatures=(0.2, 1.0))
    ]
    assert standings[0] == (0, 0, False) and standings[-1] == (2, 2, True)
    assert standings == sorted(standings)


def test_a_stop_ends_the_vote_and_keeps_what_there_is() -> None:
    control = Control()

    def stopping() -> Iterator[int]:
        for ballot in vote_live(PICTURE, "?", SeededEngine(["1", "2", "3"]), control=control):
            if ballot.vote.cast == 1:
                control.stop()
            yield ballot.vote.cast

    assert max(stopping()) == 1


def test_traces_may_weigh_by_probability_or_by_claims_that_hold() -> None:
    def said(answer: str, thought: str, logprob: float | None) -> Reply:
        return Reply(question="?", thought=thought, answer_text=f"The answer is {answer}.", usage=replace(TOOK, mean_logprob=logprob))

    replies = (said("1", "2 + 2 = 5.", -0.9), said("1", "1 + 1 = 3.", -0.8), said("2", "2 + 2 = 4.\n4 + 4 = 8.", -0.01))
    assert [count_votes(replies, weighing).winner for weighing in ("count", "probability", "claims")] == ["1", "2", "1"]
    assert count_votes(replies[1:], "claims").winner == "2" and count_votes(replies[1:]).winner == "1"
    assert count_votes(replies, "probability").clusters[0].weight == pytest.approx(0.99, abs=0.01)
    silent = SeededEngine(["1"])
    silent.knows_probability = False
    with pytest.raises(SettingsError, match="does not tell the probability"):
        vote(PICTURE, "?", silent, weighing="probability")
    assert not silent.drawn, "nothing was drawn for it"


def test_the_bundled_model_tells_how_probable_its_words_are(engine: LocalEngine, chart: Record) -> None:
    ballot = vote(chart.image, chart.question, engine, temperatures=(0.0, 1.5), weighing="probability")
    cold, hot = (reply.usage.mean_logprob for reply in ballot.replies if reply.usage is not None)
    assert cold is not None and hot is not None and hot < cold < 0 and ballot.spared == 0


def test_a_vote_asks_about_a_question() -> None:
    with pytest.raises(PromptError):
        vote(PICTURE, "  ", SeededEngine(["1"]))


def test_the_bundled_model_votes(engine: LocalEngine, chart: Record) -> None:
    ballot = vote(chart.image, chart.question, engine, sampling=Sampling(seed=3), temperatures=(0.2, 0.6, 1.0))
    assert ballot.done and len(ballot.replies) == 3
    assert ballot.vote.cast + len(ballot.vote.abstained) + ballot.spared == 3
    assert all(reply.usage is not None for reply in ballot.replies) and ballot.vote.winner
