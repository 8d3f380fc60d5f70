"""Many traces, one answer: votes over the answers of independent traces, and when it is safe to stop drawing more.

Answers are clustered by strict equivalence (:func:`vision.answers.answers.equivalent`), never by a tolerance, which would
not be transitive. A trace that is cut off or ends without an answer abstains. Ties go to the answer that was
found first, so the same traces always elect the same answer.

Self-consistency: Wang et al. 2022 (arXiv 2203.11171). Stopping rule: adaptive consistency, Aggarwal et al. 2023
(arXiv 2305.11860).

>>> vote = tally(["70", "70.0", None, "68", "70"])
>>> vote.winner, vote.votes, vote.abstained
('70', 3, (2,))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vision.answers.answers import equivalent

Weighing = Literal["count", "probability", "claims", "trust"]
"""How traces weigh in a vote: all the same; by the mean probability of their tokens; by the share of their arithmetic claims
that hold; by how far they are traced."""

SETTLED = 0.95
"""Probability that the leader would keep its lead at which no further trace is drawn."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Traces that agree.

    Attributes:
        answer: as the first of them wrote it.
        traces: their indices, in order.
        weight: of them together; their number where every trace weighs the same.
    """

    answer: str
    traces: tuple[int, ...]
    weight: float


@dataclass(frozen=True, kw_only=True)
class Vote:
    """The standing of a vote.

    Attributes:
        clusters: by weight, those of equal weight in the order of their first traces.
        abstained: indices of the traces that ended without an answer.
    """

    clusters: tuple[Cluster, ...] = ()
    abstained: tuple[int, ...] = ()

    @property
    def winner(self) -> str:
        """The leading answer, "" where every trace abstained."""
        return self.clusters[0].answer if self.clusters else ""

    @property
    def votes(self) -> int:
        """Votes for the winner."""
        return len(self.clusters[0].traces) if self.clusters else 0

    @property
    def cast(self) -> int:
        """Traces that voted."""
        return sum(len(cluster.traces) for cluster in self.clusters)

    @property
    def confidence(self) -> float:
        """Share of all traces that have ended, the abstaining ones too, that elected the winner, 0 to 1."""
        ended = self.cast + len(self.abstained)
        return self.votes / ended if ended else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of :attr:`confidence` (:func:`wilson`)."""
        return wilson(self.votes, self.cast + len(self.abstained))

    @property
    def lead(self) -> float:
        """Probability that the winner is more frequent than the runner-up, however many traces were drawn.

        With a uniform prior it is the share above one half of Beta(winner + 1, runner-up + 1).
        """
        second = len(self.clusters[1].traces) if len(self.clusters) > 1 else 0
        return _above_half(self.votes, second)

    def settled(self, left: int, threshold: float = SETTLED) -> bool:
        """Whether the ``left`` traces that are still to come need not be drawn.

        Either they cannot change the winner, or :attr:`lead` has reached ``threshold``.
        """
        second = len(self.clusters[1].traces) if len(self.clusters) > 1 else 0
        return self.votes > 0 and (self.votes - second > left or self.lead >= threshold)


def tally(
    answers: Sequence[str | None] | Mapping[int, str | None],
    same: Callable[[str, str], bool] = equivalent,
    weights: Mapping[int, float] | None = None,
) -> Vote:
    """The vote over the ``answers`` of traces; None or an empty text abstains.

    Args:
        answers: one for each trace that has ended, in the order of the traces, or by their indices.
        same: whether two answers are the same.
        weights: of the traces, above 0; each weighs 1 where left out.
    """
    by_trace = answers if isinstance(answers, Mapping) else dict(enumerate(answers))
    found: list[tuple[str, list[int]]] = []
    abstained = []
    for index, answer in by_trace.items():
        if not answer:
            abstained.append(index)
            continue
        for first, traces in found:
            if same(first, answer):
                traces.append(index)
                break
        else:
            found.append((answer, [index]))
    clusters = [
        Cluster(answer=answer, traces=tuple(traces), weight=sum(weights[i] for i in traces) if weights else float(len(traces)))
        for answer, traces in found
    ]
    clusters.sort(key=lambda cluster: -cluster.weight)  # stable: the first found stays before its equals
    return Vote(clusters=tuple(clusters), abstained=tuple(abstained))


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), 0 to 1; the whole range where nothing was counted.

    >>> [round(bound, 3) for bound in wilson(85, 100)]
    [0.767, 0.907]
    """
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    center = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low, high = (center - spread) / scale, (center + spread) / scale
    return (0.0 if hits == 0 else max(0.0, low)), (1.0 if hits == total else min(1.0, high))


def _above_half(a: int, b: int) -> float:
    """Share of Beta(a + 1, b + 1) above one half, by its sum of binomial terms."""
    total = a + b + 1
    return float(sum(math.comb(total, k) for k in range(a + 1)) / 2**total)
