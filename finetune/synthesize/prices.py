"""What a teacher costs: tokens by a table of prices, exactly.

>>> price = Price(input=Decimal("0.15"), cached=Decimal("0.075"), output=Decimal("0.60"), batch=Decimal("0.5"))
>>> price.of(Tokens(input=1_000_000, output=500_000)), price.of(Tokens(input=1_000_000, output=500_000), batch=True)
(Decimal('0.45'), Decimal('0.225'))
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

PRICES = Path(__file__).parent / "prices.yaml"
MILLION = 1_000_000


class PriceError(Exception):
    """A table of prices that cannot be read, in one sentence with the remedy."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of a request.

    Attributes:
        input: of the prompt, those that were cached among them.
        output: of the reply, a hidden thought among them.
        cached: of the prompt, kept by the provider from an earlier one.
    """

    input: int = 0
    output: int = 0
    cached: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.input + other.input, self.output + other.output, self.cached + other.cached)


@dataclass(frozen=True, kw_only=True)
class Price:
    """Dollars per million tokens; ``batch`` is the share of them that a batch file costs."""

    input: Decimal
    cached: Decimal
    output: Decimal
    batch: Decimal = Decimal(1)

    def of(self, tokens: Tokens, *, batch: bool = False) -> Decimal:
        """Dollars for ``tokens``."""
        whole = (tokens.input - tokens.cached) * self.input + tokens.cached * self.cached + tokens.output * self.output
        return (whole * (self.batch if batch else 1) / MILLION).normalize()


def price_of(model: str, path: Path = PRICES) -> Price | None:
    """The price of ``model`` by the table in ``path``: by its name, or by its name without a date; None where it does not stand there.

    Raises:
        PriceError: for a file that is no table of prices.
    """
    table = _table(path)
    undated = re.sub(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})$", "", model)
    return next((table[name] for name in (model, undated, undated.rpartition("/")[2]) if name in table), None)


def _table(path: Path) -> dict[str, Price]:
    import yaml

    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(name): _price(row) for name, row in written.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, KeyError, InvalidOperation, ValueError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise PriceError(f"{path} is no table of prices ({reason}); expected NAME: {{input: 0.15, output: 0.60}} in dollars") from exc


def _price(row: Any) -> Price:
    told = {key: Decimal(str(row.get(key, row["input"] if key == "cached" else 1))) for key in ("input", "cached", "batch")}
    price = Price(**told, output=Decimal(str(row["output"])))
    if not all(value.is_finite() and value >= 0 for value in (price.input, price.cached, price.output, price.batch)):
        raise ValueError("a price below 0")
    return price
