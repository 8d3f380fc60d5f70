"""The pictures and questions that an empty page offers: beside the code, or where a wheel puts them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

_CHECKOUT = Path(__file__).parent.parent.parent / "examples"
EXAMPLES = _CHECKOUT if (_CHECKOUT / "harvest.png").is_file() else Path(sysconfig.get_path("data")) / "share" / "logicflow" / "examples"
EXAMPLE_QUESTIONS = (
    ("harvest.png", "How much is Apple?"),
    ("visitors.png", "What is the difference between Museum and Library?"),
    ("budget.png", "What is the sum of Savings and Food?"),
    ("bakery.png", "What comes after Mix?"),
    ("garden.png", "What is the perimeter?"),
)
