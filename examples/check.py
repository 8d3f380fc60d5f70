"""Check the arithmetic of any text, from a file or from standard input; no model is needed.

echo "39 + 31 = 71, so 71 / 2 = 35.5" | python examples/check.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from vision import find_claims


def main(text: str) -> int:
    wrong = 0
    for claim in find_claims(text):
        right = f" (it is {claim.correct_value})" if claim.correct_value is not None else ""
        print(f"{claim.verdict:9} {claim.text}{right}")
        wrong += claim.verdict == "false"
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else sys.stdin.read()))
