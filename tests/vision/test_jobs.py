from __future__ import annotations

from vision import Control, Conversation, Sampling, Turn, Usage
from vision.jobs import Job
from vision.local import LocalEngine
from vision.trace import Trace


def test_a_caller_is_told_all_before_it_is_told_that_it_is_over(engine: LocalEngine) -> None:
    """Another caller's thread may take the step, so a trace that has ended may not be known as over before its end is written."""
    trace = Trace(engine.tokenizer, engine._ends, Sampling(), Control())
    job = Job(engine._encode(Conversation(turns=(Turn(question="What?"),))), [trace])
    text = trace.cut("length")
    assert not job.over and not job.written
    job.write(0, text)
    assert job.over and isinstance(job.written[-1][1], Usage)
