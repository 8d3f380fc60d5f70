"""What is there already: the same question, nearly the same question, a question of the seeds or of a test set.

Nearly the same is a cosine of :data:`ALIKE` between TF-IDF vectors of words and numbers, found exactly and without comparing all
with all: two questions that are so alike share one of the rare words in which either has the most of its weight, so only those that
share one are compared (prefix filtering: Bayardo, Ma, Srikant, "Scaling up all pairs similarity search", WWW 2007). For millions of
rows there is MinHash.

>>> rows = ["Ann has 6 red pears and eats 2", "Ann has 6 red pears and she eats 2", "A train leaves Oslo at noon"]
>>> near_duplicates(rows)
{1: (0, 0.91)}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from finetune.sieve import GRAM, Twins, grams

ALIKE = 0.85
"""Cosine from which two questions are nearly the same."""
BLOCK = 2_000
"""Rows that are compared at a time."""
PAIRS = 200_000
"""Pairs whose cosine is worked out at a time."""
WORDS = r"(?u)\w+"


def exact_duplicates(questions: Sequence[str]) -> dict[int, int]:
    """Questions that stand before, case and punctuation aside, and where.

    >>> exact_duplicates(["How many?", "What?", "how  many"])
    {2: 0}
    """
    first: dict[str, int] = {}
    found = {}
    for i, question in enumerate(questions):
        key = " ".join(re.findall(WORDS, question.casefold()))
        if first.setdefault(key, i) != i:
            found[i] = first[key]
    return found


def near_duplicates(questions: Sequence[str], alike: float = ALIKE) -> dict[int, tuple[int, float]]:
    """Questions that are nearly the same as one before them that stays: which, and how alike."""
    if not questions:
        return {}
    vectors = _vectors(questions)
    found: dict[int, tuple[int, float]] = {}
    for i, others in _pairs(vectors, vectors, alike, before=True):
        staying = [(j, cosine) for j, cosine in others if j not in found]
        if staying:
            found[i] = max(staying, key=lambda pair: pair[1])
    return found


def near_duplicates_by_minhash(samples: Iterable[Any]) -> set[int]:
    """The same by MinHash of runs of five words (:class:`finetune.sieve.Twins`), which does not say of which; for millions of rows."""
    from finetune.sieve import fingerprint

    twins = Twins()
    return {i for i, sample in enumerate(samples) if twins.seen(fingerprint(sample))}


def overlaps(questions: Sequence[str], others: Sequence[str], alike: float = ALIKE) -> dict[int, tuple[int, str]]:
    """Questions that share :data:`finetune.sieve.GRAM` words in a row with one of ``others``, or are nearly the same: which, and why."""
    if not questions or not others:
        return {}
    known = {gram: at for at, other in enumerate(others) for gram in grams(other)}
    found: dict[int, tuple[int, str]] = {}
    for i, question in enumerate(questions):
        if (at := next((known[gram] for gram in grams(question) if gram in known), None)) is not None:
            found[i] = (at, f"it shares {GRAM} words in a row with “{others[at][:80]}”")
    both = _vectors([*questions, *others])
    for i, pairs in _pairs(both[: len(questions)], both[len(questions) :], alike, before=False):
        at, cosine = max(pairs, key=lambda pair: pair[1])
        found.setdefault(i, (at, f"it is {cosine:.2f} alike to “{others[at][:80]}”"))
    return found


def _vectors(texts: Sequence[str]) -> Any:
    """TF-IDF of words and numbers, each row of length 1, the rarest words in the first columns (CSR, float32)."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(token_pattern=WORDS, dtype=np.float32, min_df=1).fit_transform(texts)
    rows_with = np.bincount(vectors.indices, minlength=vectors.shape[1])
    rank = np.empty(vectors.shape[1], np.int32)
    rank[np.argsort(rows_with, kind="stable")] = np.arange(vectors.shape[1], dtype=np.int32)
    ordered = csr_matrix((vectors.data, rank[vectors.indices], vectors.indptr), shape=vectors.shape)
    ordered.sort_indices()
    return ordered


def _prefixes(vectors: Any, alike: float) -> Any:
    """Of each row its rarest words, so many that the rest is shorter than ``alike``: whatever is so alike shares one of them."""
    from scipy.sparse import csr_matrix

    squares = np.concatenate([[0.0], np.cumsum(vectors.data.astype(np.float64) ** 2)])
    starts, ends = vectors.indptr[:-1], vectors.indptr[1:]
    left = np.repeat(squares[ends], ends - starts) - squares[:-1]  # of each entry: what it and all behind it weigh
    stays = left >= alike**2 - 1e-5
    counts = np.concatenate([[0], np.cumsum(stays)])
    indptr = counts[vectors.indptr]
    return csr_matrix((np.ones(int(stays.sum()), np.int32), vectors.indices[stays], indptr), shape=vectors.shape)


def _pairs(rows: Any, others: Any, alike: float, *, before: bool) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """Each row with those of ``others`` that are as alike, and how alike; only those before it where ``rows`` are ``others``."""
    heads, columns = _prefixes(rows, alike), _prefixes(others, alike).T.tocsr()
    for start in range(0, rows.shape[0], BLOCK):
        block = (heads[start : start + BLOCK] @ columns).tocoo()
        i, j = block.row + start, block.col
        if before:
            earlier = j < i
            i, j = i[earlier], j[earlier]
        cosines = np.concatenate([_cosines(rows, others, i[at : at + PAIRS], j[at : at + PAIRS]) for at in range(0, len(i), PAIRS)] or [[]])
        near = np.flatnonzero(cosines >= alike)
        near = near[np.lexsort((j[near], i[near]))]
        yield from _grouped(i[near], j[near], cosines[near])


def _cosines(rows: Any, others: Any, i: Any, j: Any) -> Any:
    return np.asarray(rows[i].multiply(others[j]).sum(axis=1)).ravel()


def _grouped(i: Any, j: Any, cosines: Any) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    bounds = np.flatnonzero(np.diff(i)) + 1
    for part_i, part_j, part in zip(np.split(i, bounds), np.split(j, bounds), np.split(cosines, bounds), strict=True):
        if len(part_i):
            yield int(part_i[0]), [(int(other), round(float(cosine), 2)) for other, cosine in zip(part_j, part, strict=True)]
