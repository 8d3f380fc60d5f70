"""What is not to be trained on: too long, in another language, in a benchmark's test set, nearly the same as another row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from finetune.samples import Rejected, Sample, sharegpt
from vision.engines.checkpoints import hub_answers

GRAM = 13
"""Words in a row that a sample may not share with a test set's question (as GPT-3's authors had it, arXiv 2005.14165)."""
ALIKE = 0.8
"""Jaccard similarity of their runs of five words from which two questions are nearly the same."""
PERMUTATIONS = 64
SCHEME: Literal["affine32"] = "affine32"
EXACT = 16
"""Bytes of an exact fingerprint; a MinHash has more."""
CHARS_A_TOKEN = 3.0
"""Of Gemma's tokenizer on mathematical English, cautiously, where the tokenizer itself is not at hand."""
FORMAT_TOKENS = 13
"""Of the chat format around system prompt, question and answer."""
PICTURE_MARKS = 4
"""Tokens around a picture's own: its two marks and the empty lines before and after it."""
SHORT = 6
"""Words from which a question that is too short for a run of :data:`GRAM` is compared as a whole."""

_WORD = re.compile(r"[^\W_]+")
_PICTURE = re.compile(r"<image\d*>")
_LATIN = re.compile(r"[A-Za-zÀ-ɏͰ-Ͽ]")
_ENGLISH = frozenset(
    "the of to and a in is it that we so for are with this be as on by have has can from or if let which each "
    "how many much more less than what does did do he she they his her their there all when will per".split()
)


@dataclass(frozen=True, kw_only=True)
class Sieve:
    """Rules for one sample at a time.

    Attributes:
        cutoff: tokens that LLaMA-Factory would cut a row off at.
        tokenizer: Hub id or directory; "" estimates by characters.
        tokens_a_picture: soft tokens of each.
        forbidden: hashes of the test sets' runs of :data:`GRAM` words.
        english: whether other languages are dropped.
    """

    cutoff: int
    tokenizer: str = ""
    tokens_a_picture: int = 256
    forbidden: frozenset[int] = field(default=frozenset(), repr=False)
    english: bool = True

    def tokens(self, sample: Sample) -> int:
        """Tokens of the whole row.

        Raises:
            Rejected: for one that has no business in the rows.
        """
        texts = (sample.question, sample.thought, sample.answer)
        if self.english and not is_english(" ".join(texts)):
            raise Rejected("not English")
        if self.forbidden and any(not self.forbidden.isdisjoint(grams(text)) for text in texts):
            raise Rejected("shares words with a benchmark")
        tokenizer = tokenizer_of(self.tokenizer) if self.tokenizer else None
        count = row_tokens(sharegpt(sample), tokenizer, self.tokens_a_picture)
        if count > self.cutoff:
            raise Rejected("longer than the cutoff")
        return count


def row_tokens(row: Mapping[str, Any], tokenizer: Any, tokens_a_picture: int) -> int:
    """Tokens of a row of LLaMA-Factory's as its template writes it; without a ``tokenizer`` estimated by characters."""
    texts = [str(row.get("system") or ""), *(str(turn.get("value", "")) for turn in row["conversations"])]
    plain = [text.replace("<image>", "") for text in texts if text]
    pictures = len(row.get("images") or []) * (tokens_a_picture + PICTURE_MARKS)
    if tokenizer is None:
        return int(sum(map(len, plain)) / CHARS_A_TOKEN) + FORMAT_TOKENS + pictures
    # FORMAT_TOKENS counts "user" and "model" as the one token that each is in Gemma's vocabulary; one that spells has more
    counts = [len(ids) for ids in tokenizer([*plain, "user", "model"], add_special_tokens=False)["input_ids"]]
    return sum(counts) - 2 + FORMAT_TOKENS + pictures


@cache
def tokenizer_of(name: str) -> Any:
    """The tokenizer at a Hub id or directory; one that was fetched before where the Hub does not answer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name, local_files_only=not Path(name).is_dir() and not hub_answers())


def is_english(text: str) -> bool:
    """Whether ``text`` is in English, as far as its letters and its commonest words tell; formulas alone are.

    >>> is_english("What is the total of all bars?"), is_english("这是什么"), is_english("Combien de pommes dans la boîte de Paul ?" * 5)
    (True, False, False)
    """
    letters = [letter for letter in text if letter.isalpha()]
    if sum(1 for letter in letters if not _LATIN.match(letter)) > 0.1 * len(letters):
        return False
    words = [word for word in _WORD.findall(text.lower()) if len(word) > 1 and not word.isdigit()]
    return len(words) < 30 or sum(word in _ENGLISH for word in words) >= 0.05 * len(words)


def grams(text: str, size: int = GRAM) -> set[int]:
    """Hashes of every run of ``size`` words, case, punctuation and marks of pictures aside; of a shorter text as a whole."""
    words = _WORD.findall(_PICTURE.sub(" ", text.lower()))
    if SHORT <= len(words) < size:
        return {_hash(" ".join(words))}
    return {_hash(" ".join(words[i : i + size])) for i in range(len(words) - size + 1)}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fingerprint(sample: Sample, pictures: Iterable[bytes] = ()) -> bytes:
    """By which :class:`Twins` knows a sample again: a question about pictures exactly, another by its MinHash."""
    digests = b"".join(pictures)
    words = _WORD.findall(sample.question.lower())
    if digests:
        return hashlib.blake2b(" ".join(words).encode() + b"\0" + digests, digest_size=EXACT).digest()
    from datasketch import MinHash

    made = MinHash(num_perm=PERMUTATIONS, scheme=SCHEME, hashfunc=lambda data: _hash(data.decode()) & 0xFFFFFFFF)
    runs = {" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))}
    made.update_batch([run.encode() for run in sorted(runs)])
    return bytes(made.hashvalues.astype("<u4").tobytes())


class Twins:
    """Remembers what came before.

    Args:
        known: fingerprints of an earlier run, one after the other.
        count: of them.
    """

    def __init__(self, known: bytes = b"", count: int = 0) -> None:
        from datasketch import MinHashLSH

        self._exact: set[bytes] = set()
        self._near = MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS)
        self._count = 0
        size = len(known) // max(count, 1)
        for i in range(count):
            self.seen(known[i * size : (i + 1) * size])

    def seen(self, mark: bytes) -> bool:
        """Whether nearly the same came before; if not, it is remembered."""
        if len(mark) == EXACT:
            known = mark in self._exact
            self._exact.add(mark)
            return known
        from datasketch import MinHash

        made = MinHash(num_perm=PERMUTATIONS, scheme=SCHEME, hashvalues=np.frombuffer(mark, dtype="<u4").astype(np.uint64))
        if self._near.query(made):
            return True
        self._count += 1
        self._near.insert(self._count, made)
        return False
