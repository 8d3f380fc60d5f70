from __future__ import annotations

from vision import Control, Prompt, Sampling, Turn, Usage
from vision.engines.local.engine import LocalEngine
from vision.engines.local.rows import Job
from vision.engines.local.trace import Trace


def test_a_caller_is_told_all_before_it_is_told_that_it_is_over(engine: LocalEngine) -> None:
    """Another caller's thread may take the step, so a trace that has ended may not be known as over before its end is written."""
    trace = Trace(engine.tokenizer, engine.ends, Sampling(), Control())
    job = Job(engine.encoder.encode(Prompt(turns=(Turn(question="What?"),))), [trace])
    text = trace.cut("length")
    assert not job.over and not job.written
    job.write(0, text)
    assert job.over and isinstance(job.written[-1][1], Usage)
