"""The engine on transformers in this process.

Whoever waits for a piece of text has the next step taken for all, one caller at a time, on the one thread that computes, and
a step moves every row of every caller on by one token. So several traces of one question, and several users, cost
little more than one; an error reaches its caller as an exception; a caller that goes away takes its rows with it; and nothing is computed
that nobody waits for.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Literal

from PIL import Image

from vision.engines.engine import Control, Piece, Sampling
from vision.engines.loading import Loaded
from vision.engines.local.batch import Batch, share_steps, shares
from vision.engines.local.cache import Features, Prefixes
from vision.engines.local.computing import computed
from vision.engines.local.drawing import drawn, knobs_of
from vision.engines.local.encoding import Encoder
from vision.engines.local.memory import Memory, out_of_memory
from vision.engines.local.plain import PlainBatch
from vision.engines.local.prefill import Prefill
from vision.engines.local.recorded import RecordedBatch, records, warm_up
from vision.engines.local.rows import Job, Row
from vision.engines.local.trace import Trace
from vision.errors import GenerationError, LogicFlowError, first_line
from vision.pictures.crops import PanAndScan, Seen
from vision.prompts import Prompt
from vision.settings import Compiling

log = logging.getLogger(__name__)

TURN_S = 0.03
"""Seconds between two looks of a waiting caller. Callers that are woken at every step hold the interpreter's lock up for the
one that works: eight at once were slower than eight in turn."""
MAX_ROWS = 32
"""Traces that share a step; further ones wait for their turn."""


class LocalEngine:
    """Answers with a loaded model.

    Args:
        loaded: from :func:`vision.engines.loading.load`.
        reuse_bytes: memory for what need not be computed twice, halved between pictures and beginnings of prompts.
        compiling: ``on`` compiles the steps of one row and of a few right away, ``auto`` records them where that is possible, which is
            on a GPU, ``off`` does neither (:mod:`vision.engines.local.recorded`).
    """

    concurrent: int | None = MAX_ROWS
    knows_probability = True

    def __init__(self, loaded: Loaded, reuse_bytes: int = 1 << 30, *, compiling: Compiling = "auto") -> None:
        self.loaded = loaded
        self.name, self.sees = loaded.name, loaded.sees
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.encoder = Encoder(loaded)
        self.shares = _shares(self.model)
        self.features, self.prefixes = Features(reuse_bytes // 2), Prefixes(reuse_bytes // 2)
        self.prefill = Prefill(self.model, self.features, self.prefixes, shares=self.shares)
        self.memory = Memory(self.model)
        self.ends = ends_of(self.model, loaded.processor)
        self.steps = self._kind_of_steps(compiling)
        log.info("%s: %s", self.name, self.path)
        self._batch = self.new_batch()
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._leading = False

    @property
    def path(self) -> str:
        """How its rows are stepped, in a line for people."""
        if not self.shares:
            return "each question is stepped on its own, as generate does it: this kind of model does not share its steps"
        return f"questions and traces share their steps, which are {self.steps}; pictures and beginnings of prompts are kept"

    @property
    def busy(self) -> bool:
        """Whether anything is being answered, or waits for it."""
        return bool(self._batch.rows or self._waiting)

    def _kind_of_steps(self, compiling: Compiling) -> Literal["plain", "recorded", "compiled"]:
        if not self.shares or compiling == "off":
            return "plain"
        if compiling == "on":
            computed(partial(warm_up, self.model, compiled=True))
            return "compiled"
        return "recorded" if computed(records, self.model) else "plain"

    def streams(self, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None) -> Generator[tuple[int, Piece]]:
        """See :class:`vision.engines.engine.Engine`."""
        control = control or Control()
        try:
            encoded = computed(self.encoder.encode, prompt)
            traces = [Trace(self.tokenizer, self.ends, sampling, control, prompt.draft, encoded.opening) for sampling in samplings]
            job = Job(encoded, traces)
        except Exception as exc:  # templates and processors raise what they like
            raise _told(exc) from exc
        with self._changed:
            self._waiting.append(job)
        try:
            while True:
                if self._my_turn(job):
                    self._lead(self._turn)
                over = job.over  # looked at first: what comes in between is taken in the next round
                while job.written:
                    yield job.written.popleft()
                if over:
                    break
            if job.error is not None:
                raise _told(job.error)
        finally:
            with self._changed:
                job.left = True
                free, self._leading = not self._leading, True
            if free:
                self._lead(self._sweep)
            with self._changed:
                self._changed.notify_all()

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen | None:
        """See :class:`vision.engines.engine.Engine`."""
        return self.encoder.seen(image, pan_and_scan)

    def new_batch(self) -> AnyBatch:
        """An empty batch of the kind that :attr:`steps` asks for."""
        if not self.shares:
            return PlainBatch(self.model)
        return Batch(self.model) if self.steps == "plain" else RecordedBatch(self.model, compiled=self.steps == "compiled")

    # Whose turn it is.

    def _my_turn(self, job: Job) -> bool:
        """Wait until there is something for ``job``, or until its caller has to take the next step: True."""
        with self._changed:
            while True:
                if job.written or job.over:
                    return False
                if not self._leading:
                    self._leading = True
                    return True
                self._changed.wait(TURN_S)

    def _lead(self, work: Callable[[], None]) -> None:
        """Have ``work`` done for all, then let another caller lead."""
        try:
            computed(work)
            while self._littered():
                computed(self._sweep)
        except BaseException:
            with self._changed:
                self._leading = False
            raise

    def _littered(self) -> bool:
        """Whether something is left of a caller that has gone away; if not, another caller may lead from now on."""
        with self._changed:
            self._leading = any(job.left for job in (*self._waiting, *(row.job for row in self._batch.rows)))
            return self._leading

    # What is done in a turn, on the computing thread.

    def _turn(self) -> None:
        """One step for all, or the prompt of one."""
        import torch

        with torch.inference_mode():
            if not self._admit():
                self._step()

    def _sweep(self) -> None:
        """Let the rows and requests go whose callers have gone away."""
        import torch

        with self._changed, torch.inference_mode():
            self._waiting = deque(job for job in self._waiting if not job.left)
            self._batch.keep([i for i, row in enumerate(self._batch.rows) if not row.job.left])

    def _admit(self) -> bool:
        """Read the prompt that has waited longest, if there is room for its rows; whether one was read."""
        with self._changed:
            job = self._waiting[0] if self._waiting else None
            rows = self._batch.rows
            if job is None or (rows and len(rows) + len(job.traces) > MAX_ROWS):
                return False
        try:
            added = [Row(job, i, trace) for i, trace in enumerate(job.traces)]
            lacking = self._lacking(job)
            if lacking and rows:
                return False  # it fits when the others have ended
            if lacking:
                raise GenerationError(lacking)
            if len(added) == 1:  # only a row that is alone may quote
                job.traces[0].remember(job.encoded.ids[0].tolist())
            begun = self.prefill.read(job.encoded)
            going = self._write(added, drawn(begun.logits.expand(len(added), -1), knobs_of(job.traces)))
            if going:
                self._batch.join([added[i] for i in going], begun)
        except Exception as exc:
            self._recover(exc)
            job.fail(exc)
        with self._changed:
            self._waiting.remove(job)
        return True

    def _lacking(self, job: Job) -> str:
        """Why ``job`` does not fit into memory, "" where it does; what was kept for later gives way to it."""
        needed = self.memory.reading(job.encoded.length, job.encoded.pictures)
        traces = [(job.encoded.length, trace) for trace in job.traces]
        traces += [(row.job.encoded.length, row.trace) for row in self._batch.rows]
        if isinstance(self._batch, RecordedBatch):  # its buffers have their whole size from the start
            ends = [length + each.sampling.max_thought_tokens + each.sampling.max_answer_tokens for length, each in traces]
            needed += self._batch.bytes_for(len(traces), max(ends))
        else:
            needed += sum(self.memory.writing([each.sampling], each.made) for _, each in traces)
        if not self.memory.lacking(needed):
            return ""
        self.forget()
        return self.memory.lacking(needed)

    def _step(self) -> None:
        """One token for every row."""
        rows = self._batch.rows
        if not rows:
            return
        try:
            batch = self._batch
            guess = rows[0].trace.guess() if batch.alone else []
            if isinstance(batch, Batch) and guess:
                self._quote(batch, rows[0], guess)
            else:
                batch.keep(self._write(rows, batch.draw([row.token for row in rows], knobs_of([row.trace for row in rows]))))
        except Exception as exc:
            self._batch = self.new_batch()
            self._recover(exc)
            for row in rows:
                row.job.fail(exc)

    def _quote(self, batch: Batch[Row], row: Row, guess: list[int]) -> None:
        """Several tokens in one step: what the row would write after each guessed one is drawn as ever, for as long as it agrees."""
        logits = batch.look_ahead([row.token, *guess])
        for i in range(len(logits)):
            going = self._write([row], drawn(logits[i : i + 1], knobs_of([row.trace])))
            if not going:
                batch.keep([])
                return
            if i < len(guess) and row.token != guess[i]:
                batch.take_back(len(guess) - i)
                return

    def _write(self, rows: list[Row], tokens: Sequence[tuple[int, float]]) -> list[int]:
        """Write the next token of each of ``rows``, drawn with its log-probability; the indices of those that go on."""
        going = []
        for i, (row, (token, logprob)) in enumerate(zip(rows, tokens, strict=True)):
            row.token, text = row.trace.take(token, logprob)
            row.trace.remember([row.token])
            if row.trace.end is None and row.job.encoded.length + row.trace.made + 8 > self.encoder.context:
                text += row.trace.cut("length")
            row.job.write(row.index, text)
            if row.trace.end is None:
                going.append(i)
        return going

    def _recover(self, exc: Exception) -> None:
        if out_of_memory(exc):
            self.forget()

    def forget(self) -> None:
        """Give back the memory of what was only kept for later."""
        import torch

        self.features.clear()
        self.prefixes.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


AnyBatch = Batch[Row] | RecordedBatch[Row] | PlainBatch[Row]


def _shares(model: Any) -> bool:
    """Whether the rows of ``model`` share their steps; what nano is made of is known to."""
    if model.config.model_type in ("gemma3", "gemma3_text"):
        share_steps(model)
        return True
    return bool(computed(shares, model))


def ends_of(model: Any, processor: Any) -> frozenset[int]:
    """The tokens that end a turn: those that the model names, and the one that its template writes behind an answer.

    A checkpoint that was pretrained alone, or came as a GGUF file, often names the end of a text only, and its tune ends turns.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    ends = model.generation_config.eos_token_id
    known = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id, _end_of_turn(processor, tokenizer)}
    return frozenset(end for end in known if end is not None)


def _end_of_turn(processor: Any, tokenizer: Any) -> int | None:
    from jinja2.exceptions import TemplateError

    for content in ("Yes", [{"type": "text", "text": "Yes"}]):
        talk = [{"role": "user", "content": content}, {"role": "assistant", "content": content}]
        try:
            written = processor.apply_chat_template(talk, tokenize=False)
        except (TemplateError, TypeError, ValueError, KeyError):
            continue
        behind = written.rpartition("Yes")[2].lstrip()
        special = [token for token in tokenizer.added_tokens_decoder.items() if token[1].special and behind.startswith(str(token[1]))]
        return int(max(special, key=lambda token: len(str(token[1])))[0]) if special else None
    return None


def _told(exc: Exception) -> LogicFlowError:
    """``exc`` as one sentence."""
    if isinstance(exc, LogicFlowError):
        return exc
    if out_of_memory(exc):
        told = GenerationError("the machine ran out of memory while answering; use fewer or smaller pictures, or --precision 4bit")
    else:
        told = GenerationError(f"the model failed while answering: {first_line(exc)}")
    told.__cause__ = exc
    return told
