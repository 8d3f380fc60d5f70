"""The test sets that answers are measured on, and that nothing may be trained on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A test set on the Hub.

    Attributes:
        repo, config, split: where it lies.
        question: the column that holds the question.
    """

    repo: str
    config: str | None = None
    split: str = "test"
    question: str = "question"


BENCHMARKS = {
    "gsm8k": Benchmark(repo="openai/gsm8k", config="main"),
    "math500": Benchmark(repo="HuggingFaceH4/MATH-500", question="problem"),
    "mathvision": Benchmark(repo="MathLLMs/MathVision", split="testmini"),
}
"""By the names that commands take."""
