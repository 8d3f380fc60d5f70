"""An engine that is a server elsewhere: vLLM, SGLang, llama.cpp, or anything else that speaks OpenAI's chat completions.

Pictures travel as data URIs. Each trace is a request of its own: they run side by side, and the server shares their
beginning among them where it keeps prefixes. A thought that has used up its budget, or is to end because somebody wants
the answer now, is closed here, and a second request goes on from there.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from vision.engines.counts import Ledger
from vision.engines.engine import Control, EndReason, Piece, Sampling
from vision.engines.remote.messages import listed, messages_of, said_by
from vision.errors import GenerationError, LogicFlowError, ModelError, PromptError
from vision.pictures.crops import GEMMA_SIDE, GEMMA_TOKENS, MIN_CROP, PanAndScan, Seen, seen
from vision.prompts import Prompt
from vision.thoughts.reasoning import split

POLL_S = 0.05
"""Seconds after which an order to stop is noticed at the latest."""
CONNECT_S = 10.0
RETRIES = 4
"""Attempts after the first, with growing pauses, while nothing has come yet: busy servers, lost connections."""
MARKS = 64
"""Tokens that a trace may take beyond its budgets, for the marks around its thought and for servers that count otherwise."""
MOST_CHARS = 48
"""Characters that a token of a whole trace has at most on average; those of one alone may be more."""
KEPT = "; what it had written is kept"
FINISH = "Give the final answer now."
"""Asked of a server that cannot go on from a draft, under the question and the thought that was closed."""
OPENING = "The answer is"
"""How the system prompt has answers begin. A draft that ends after a thought loses its last newlines in chat templates, Gemma's
among them, and a small model then thinks on; so the draft ends with this."""
_CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""How vLLM and SGLang are told to go on from the last message; llama.cpp does so unasked."""
_THOUGHTS = ("reasoning", "reasoning_content", "reasoning_text")
"""Fields in which servers put the thought when they take it out of the text."""


class RemoteEngine:
    """Answers through the server at ``url``.

    Args:
        url: up to and with ``/v1``.
        key: for servers that ask for one.
        model: as the server names it; "" for the only one that it serves.
        quiet_s: seconds without a token after which a request is given up.
    """

    concurrent: int | None = None
    knows_probability = False
    sees = True

    def __init__(self, url: str, key: str = "", model: str = "", quiet_s: float = 120.0) -> None:
        self.url, self._key, self.quiet_s = url.rstrip("/"), key, quiet_s
        self.continues = True  # until it refuses to go on from a draft
        self._model = self.name = model or self._only_model()

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen:
        """See :class:`vision.engines.engine.Engine`; as Gemma 3 is shown it, whatever model is served."""
        crop = MIN_CROP if pan_and_scan == "on" else 0
        return seen(image, side=GEMMA_SIDE, tokens_per_image=GEMMA_TOKENS, min_crop=crop)

    def streams(self, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None) -> Generator[tuple[int, Piece]]:
        """See :class:`vision.engines.engine.Engine`."""
        control, pieces = control or Control(), queue.SimpleQueue[tuple[int, Piece] | LogicFlowError | None]()
        gone = threading.Event()

        def work() -> None:
            try:
                asyncio.run(self._all(prompt, samplings, control, pieces, gone))
            except LogicFlowError as exc:
                pieces.put(exc)
            except Exception as exc:  # whatever it is, the caller must hear of it and not wait for ever
                pieces.put(self._told(exc))
            else:
                pieces.put(None)

        worker = threading.Thread(target=work, name="logicflow-remote", daemon=True)
        worker.start()
        try:
            while (piece := pieces.get()) is not None:
                if isinstance(piece, LogicFlowError):
                    raise piece
                yield piece
        finally:
            gone.set()
            worker.join()

    async def _all(
        self,
        prompt: Prompt,
        samplings: Sequence[Sampling],
        control: Control,
        pieces: queue.SimpleQueue[Any],
        gone: threading.Event,
    ) -> None:
        """Every trace to its end; one that fails abstains where another comes to its end.

        Raises:
            LogicFlowError: the first that failed, where all did.
        """
        asked = messages_of(prompt)
        async with self._client() as client:
            requests = [_Request(self, client, asked, prompt, sampling, control, gone) for sampling in samplings]
            failed = await asyncio.gather(*(self._one(request, i, pieces) for i, request in enumerate(requests)))
        if failed[0] is not None and all(failed):
            raise failed[0]

    async def _one(self, request: _Request, index: int, pieces: queue.SimpleQueue[Any]) -> LogicFlowError | None:
        """One trace to its end; what went wrong, None where nothing did."""
        try:
            await request.run(lambda piece: pieces.put((index, piece)))
        except LogicFlowError as exc:
            pieces.put((index, request.ledger.usage("failed")))
            return exc
        return None

    def _client(self) -> Any:
        from openai import AsyncOpenAI, Timeout

        timeout = Timeout(self.quiet_s, connect=CONNECT_S)
        return AsyncOpenAI(base_url=self.url, api_key=self._key or "none", timeout=timeout, max_retries=RETRIES)

    def _served(self) -> list[str]:
        """Names of the models that the server offers."""
        from openai import OpenAI, Timeout

        timeout = Timeout(CONNECT_S)
        with OpenAI(base_url=self.url, api_key=self._key or "none", timeout=timeout, max_retries=1) as client:
            return [model.id for model in client.models.list().data]

    def _only_model(self) -> str:
        try:
            served = self._served()
        except Exception as exc:
            raise ModelError(str(self._told(exc))) from exc
        if len(served) != 1:
            raise ModelError(f"{self.url} serves {listed(served)}; choose one with LOGICFLOW_ENGINE_MODEL or --engine-model")
        return served[0]

    def _told(self, exc: BaseException, begun: bool = False) -> LogicFlowError:
        """``exc`` as one sentence with the remedy; ``begun`` says whether text had come already."""
        import httpx2
        import openai

        if isinstance(exc, BaseExceptionGroup):
            return self._told(exc.exceptions[0], begun)
        if isinstance(exc, LogicFlowError):
            return exc
        kept = KEPT if begun else ""
        connecting = isinstance(exc, httpx2.ConnectTimeout) or isinstance(exc.__cause__, httpx2.ConnectTimeout)
        if isinstance(exc, (openai.APITimeoutError, httpx2.TimeoutException)) and not connecting:
            return GenerationError(f"{self.url} sent nothing for {self.quiet_s:g} seconds{kept}")
        if isinstance(exc, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return GenerationError(f"{self.url} does not accept the key; set LOGICFLOW_ENGINE_KEY")
        if isinstance(exc, openai.NotFoundError):
            return ModelError(self._not_found())
        if isinstance(exc, openai.RateLimitError):
            return GenerationError(f"{self.url} is too busy or its limit is reached ({said_by(exc)}); ask again later{kept}")
        if isinstance(exc, openai.BadRequestError):
            return PromptError(f"{self.url} refuses the question: {said_by(exc)}")
        if isinstance(exc, openai.APIStatusError):
            return GenerationError(f"{self.url} failed with status {exc.status_code}: {said_by(exc)}{kept}")
        if isinstance(exc, (openai.APIConnectionError, httpx2.TransportError)):  # the time to connect is up, too
            if begun:
                return GenerationError(f"{self.url} broke off in the middle of its answer{kept}")
            return GenerationError(f"{self.url} cannot be reached; is the server running, and is LOGICFLOW_ENGINE_URL right?")
        if isinstance(exc, openai.APIError):
            return GenerationError(f"{self.url} failed: {said_by(exc)}{kept}")
        return GenerationError(f"{self.url} sent what is no chat completion ({type(exc).__name__}){kept}")

    def _not_found(self) -> str:
        import openai

        try:
            served = self._served()
        except (openai.OpenAIError, ValueError):
            return f"{self.url} knows no chat completions; the address has to end with /v1"
        return f"{self.url} has no model {self._model}; it serves {listed(served)}"


class _Request:
    """One trace at the server."""

    def __init__(
        self,
        engine: RemoteEngine,
        client: Any,
        asked: list[dict[str, Any]],
        prompt: Prompt,
        sampling: Sampling,
        control: Control,
        gone: threading.Event,
    ) -> None:
        self.engine, self.client, self.asked, self.sampling = engine, client, asked, sampling
        self.prompt = prompt
        self.control, self.gone = control, gone
        self.crops = prompt.pan_and_scan == "on"
        self.opens = prompt.thinking and OPENING in prompt.instructions()
        self.opening = ""  # how the draft of this request ends, until it is known whether the server goes on from there
        self.ledger = Ledger(sampling, prompt.draft)
        self.end: EndReason | None = None

    async def run(self, put: Callable[[Piece], None]) -> None:
        """Request after request until the trace has ended."""
        begun = False
        try:
            while not self.gone.is_set():
                async for text, tokens in self._pieces():
                    begun = True
                    if delta := self.ledger.take(text, tokens):
                        put(delta)
                if self.end is not None:
                    if rest := self.ledger.rest():
                        put(rest)
                    put(self.ledger.usage(self.end))
                    return
                if not self.gone.is_set():
                    put(self.ledger.close_thought("user" if self.control.wants_answer else "budget"))
        except Exception as exc:
            raise self.engine._told(exc, begun) from exc

    async def _pieces(self) -> AsyncIterator[tuple[str, int]]:
        """Text as it comes, with its count of tokens; sets :attr:`end`, unless the thought has to be closed first."""
        if end := self.control.ordered_end:
            self.end = end
            return
        opening = asyncio.ensure_future(self._open())
        waiting: asyncio.Future[Any] = opening
        stream: Any = None
        marks, finished = _Marks(self.ledger.thinking), None
        self.ledger.begin()
        heard, begun = time.monotonic(), False
        try:
            while True:
                await asyncio.wait({waiting}, timeout=POLL_S)
                if end := self.control.ordered_end:
                    self.end = end
                    return
                if self.gone.is_set() or self.ledger.spent or (self.ledger.thinking and self.control.wants_answer):
                    return
                if not waiting.done():
                    if time.monotonic() - heard > self.engine.quiet_s:
                        raise GenerationError(f"{self.engine.url} sent nothing for {self.engine.quiet_s:g} seconds{KEPT if begun else ''}")
                    continue
                if waiting is opening:
                    stream = waiting.result()
                else:
                    try:
                        chunk = waiting.result()
                    except StopAsyncIteration:
                        break
                    if chunk.usage is not None:
                        self.ledger.prompt_tokens = self.ledger.prompt_tokens or chunk.usage.prompt_tokens
                        self.ledger.settle(chunk.usage.completion_tokens or 0)
                    for choice in chunk.choices[:1]:
                        for piece in marks.pieces(choice.delta):
                            heard, begun = time.monotonic(), True
                            if self._overflows(piece[0]):
                                self.end = "length"
                                return
                            if self.opening and piece[0].startswith((" ", ":")):  # it goes on; whoever begins anew does not
                                yield self.opening, 0
                            self.opening = ""
                            yield piece
                        if choice.finish_reason:
                            finished = choice.finish_reason
                waiting = asyncio.ensure_future(anext(stream))
            if finished is None:
                raise GenerationError(f"{self.engine.url} ended in the middle of its answer{KEPT}")
            if finished == "length" and self.ledger.thinking:
                return  # the server counts more tokens than pieces have come
            if finished == "tool_calls" and not self.ledger.answering:
                raise GenerationError(f"{self.engine.url} called a tool instead of answering, and none was offered; ask again")
            for piece in marks.close():
                yield piece
            self.end = "length" if finished == "length" else "end"
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            if stream is not None:
                await stream.close()

    def _overflows(self, text: str) -> bool:
        """Whether a server sends more than it was asked for, which it may do without end."""
        budget = self.sampling.max_thought_tokens + self.sampling.max_answer_tokens + MARKS
        tokens = self.ledger.thought_tokens + self.ledger.answer_tokens
        return tokens > 2 * budget or len(self.ledger.text) + len(text) > MOST_CHARS * budget

    async def _open(self) -> Any:
        import openai

        try:
            return await self._ask()
        except (openai.BadRequestError, openai.UnprocessableEntityError) as exc:
            if not (self.ledger.text and self.engine.continues and any(name in said_by(exc) for name in _CONTINUE)):
                raise
            self.engine.continues = False
            return await self._ask()

    async def _ask(self) -> Any:
        extra: dict[str, Any] = {"mm_processor_kwargs": {"do_pan_and_scan": True}} if self.crops else {}
        asked = self.asked
        self.opening = ""
        if self.ledger.text:
            if self.opens and self.engine.continues and not self.ledger.thinking and not self.ledger.answering:
                self.opening = OPENING
            asked = [*asked, {"role": "assistant", "content": self.ledger.text + self.opening}]
            if self.engine.continues:
                extra |= _CONTINUE
            elif self.ledger.thinking or self.ledger.answering:
                where = "a thought" if self.ledger.thinking else "an answer"
                raise GenerationError(f"{self.engine.url} cannot go on from inside {where}; ask the question again")
            else:
                asked = messages_of(self._with_thought())
        spent = self.ledger.thought_tokens if self.ledger.text else 0
        room = max(self.sampling.max_thought_tokens - spent, 0) if not self.ledger.closed_by else 0
        return await self.client.chat.completions.create(
            model=self.engine._model,
            messages=asked,
            stream=True,
            stream_options={"include_usage": True},
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
            seed=self.sampling.seed % 2**31,
            max_tokens=room + max(self.sampling.max_answer_tokens - self.ledger.answer_tokens, 1),
            extra_body=extra or None,
        )

    def _with_thought(self) -> Prompt:
        """The conversation with what was thought written under its question, and nothing that asks for another thought."""
        *before, last = self.prompt.turns
        told = replace(last, question=f"{last.question}\n{split(self.ledger.text).thought.strip()}\n{FINISH}")
        return replace(self.prompt, turns=(*before, told), thinking=False)


class _Marks:
    """Puts thoughts that a server sends in a field of their own back between tags."""

    def __init__(self, open_already: bool) -> None:
        self.opened = self.inline = open_already

    def pieces(self, delta: Any) -> Iterator[tuple[str, int]]:
        """The text of one chunk, and how many of the model's tokens it is."""
        fields = delta.model_extra or {}
        thought = next((fields[name] for name in _THOUGHTS if isinstance(fields.get(name), str) and fields[name]), "")
        if thought:
            self.inline = False  # where a field brings the thought, nobody else writes its closing tag
            yield (thought if self.opened else f"<think>\n{thought}"), 1
            self.opened = True
        if isinstance(delta.content, str) and delta.content:
            yield from self.close()
            yield delta.content, 1

    def close(self) -> Iterator[tuple[str, int]]:
        """The closing tag where one is owed."""
        if self.opened and not self.inline:
            yield "\n</think>\n\n", 0
        self.opened = False
