from __future__ import annotations

import torch

from vision import Control, Sampling
from vision.engines.local.drawing import CANDIDATES, drawn, knobs_of
from vision.engines.local.engine import LocalEngine
from vision.engines.local.trace import MARKS, Trace


def traces(engine: LocalEngine, *samplings: Sampling) -> list[Trace]:
    return [Trace(engine.tokenizer, engine.ends, sampling, Control()) for sampling in samplings]


def draw(logits: torch.Tensor, of: list[Trace]) -> list[tuple[int, float]]:
    return drawn(logits, knobs_of(of))


def test_a_draw_follows_the_probabilities_within_its_share(engine: LocalEngine) -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05] + [1e-9] * 300))
    (trace,) = traces(engine, Sampling(temperature=1.0, top_p=0.9))
    drawn = [draw(logits[None], [trace])[0][0] for _ in range(4000)]
    shares = [drawn.count(token) / 4000 for token in range(5)]
    assert shares[3] == shares[4] == 0, "0.5 + 0.3 + 0.15 hold 0.9 of it; the rest is never drawn"
    for share, expected in zip(shares, (0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95), strict=False):
        assert abs(share - expected) < 0.03


def test_a_flat_distribution_is_drawn_from_beyond_the_first_candidates(engine: LocalEngine) -> None:
    (trace,) = traces(engine, Sampling(temperature=2.0, top_p=0.95))
    drawn = {draw(torch.zeros(1, 2000), [trace])[0][0] for _ in range(2000)}
    assert len(drawn) > 1000 > CANDIDATES


def test_what_a_row_draws_does_not_depend_on_its_neighbours(engine: LocalEngine) -> None:
    torch.manual_seed(0)
    steps, kinds = (
        torch.randn(20, 3, 500) * 3,
        (Sampling(temperature=0.9, seed=1), Sampling(), Sampling(temperature=1.4, top_p=1.0, seed=2)),
    )
    together = traces(engine, *kinds)
    rows = [draw(logits, together) for logits in steps]
    for i, trace in enumerate(traces(engine, *kinds)):
        alone = [draw(logits[i : i + 1], [trace])[0] for logits in steps]
        assert [token for token, _ in alone] == [row[i][0] for row in rows]
        assert torch.allclose(torch.tensor([p for _, p in alone]), torch.tensor([row[i][1] for row in rows]))
    assert [row[1][0] for row in rows] == steps[:, 1].argmax(-1).tolist()


def test_the_log_probability_is_the_models_own_at_temperature_1(engine: LocalEngine) -> None:
    logits = torch.randn(1, 400)
    (trace,) = traces(engine, Sampling(temperature=0.3, seed=4))
    token, logprob = draw(logits, [trace])[0]
    assert abs(logprob - float(logits.log_softmax(-1)[0, token])) < 1e-5


def test_white_space_alone_comes_to_an_end(engine: LocalEngine) -> None:
    (trace,) = traces(engine, Sampling(max_thought_tokens=8, max_answer_tokens=8))
    newline = engine.tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    for _ in range(16 + MARKS):
        assert trace.end is None
        trace.take(newline, -0.1)
    assert trace.end == "length"


def test_a_short_answer_budget_does_not_cut_an_opening_tag(engine: LocalEngine) -> None:
    """The tag's pieces look like an answer until it is whole."""
    (trace,) = traces(engine, Sampling(max_answer_tokens=1))
    tag = engine.tokenizer("<think>\nRead", add_special_tokens=False)["input_ids"]
    for token in tag:
        trace.take(token, -0.1)
    assert trace.end is None and trace.thought_tokens == len(tag) and trace.answer_tokens == 0
