"""What a teacher was asked and said: a reply a line, on the disk as it comes, so that nothing is lost and nothing is asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path

from finetune.files import grown_rows
from finetune.synthesize.prices import Price, Tokens


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back for a request.

    Attributes:
        id: of the request.
        text: as the teacher wrote it; "" for a refused request.
        finish: why it ended, in the provider's word.
        model: that answered.
        tokens: that were used.
        batch: whether it came by a batch file.
        error: why there is no text, "" where there is one. Such a request is not asked again: it was refused, not lost.
    """

    id: str
    text: str
    finish: str = ""
    model: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    batch: bool = False
    error: str = ""

    def as_row(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def replies_in(path: Path) -> Iterator[Reply]:
    """Replies of a journal, each request's first."""
    seen: set[str] = set()
    for row in grown_rows(path):
        if row["id"] not in seen:
            seen.add(row["id"])
            yield Reply(**(row | {"tokens": Tokens(**row["tokens"])}))


@dataclass
class Bill:
    """What replies cost together.

    Attributes:
        price: of the teacher, None where it is not known.
        tokens: of live requests and of batches.
        batch_tokens: of batches.
        replies: that were counted.
    """

    price: Price | None
    tokens: Tokens = field(default_factory=Tokens)
    batch_tokens: Tokens = field(default_factory=Tokens)
    replies: int = 0

    def add(self, reply: Reply) -> None:
        """Count ``reply``."""
        self.replies += 1
        if reply.batch:
            self.batch_tokens += reply.tokens
        else:
            self.tokens += reply.tokens

    @property
    def dollars(self) -> Decimal | None:
        """In all; None where prices are not known."""
        if self.price is None:
            return None
        return self.price.of(self.tokens) + self.price.of(self.batch_tokens, batch=True)

    def __str__(self) -> str:
        used = self.tokens + self.batch_tokens
        cost = "at a price that is not known" if self.dollars is None else f"{self.dollars:.4f} dollars"
        return f"{self.replies} replies, {used.input:,} tokens of prompts, {used.output:,} of replies, {cost}"


def bill_of(path: Path, price: Price | None) -> Bill:
    """What the replies of a journal cost."""
    bill = Bill(price)
    for reply in replies_in(path):
        bill.add(reply)
    return bill
