"""Ask one picture several questions and print the checked steps.

python examples/ask.py
"""

from __future__ import annotations

from pathlib import Path

from vision import ask, open_engine

PICTURE = Path(__file__).parent / "harvest.png"
QUESTIONS = ("What is the value of Pear?", "Which fruit has the highest value?", "What is the sum of Apple and Pear?")
MARKS = {"true": "✓", "false": "✗", "unchecked": "?"}


def main() -> None:
    engine = open_engine()
    for question in QUESTIONS:
        reply = ask(PICTURE, question, engine)
        print(f"\n{question}")
        for step in reply.steps:
            checks = "  ".join(f"[{MARKS[claim.verdict]} {claim.text}]" for claim in step.claims)
            print(f"  {step.number}. {step.text}  {checks}".rstrip())
        print(f"  => {reply.answer}")


if __name__ == "__main__":
    main()
