"""A teacher behind any OpenAI-compatible server, asked many things at once, as fast as it lets us and no further than the budget.

Busy servers, lost connections, time-outs and half-written answers are tried again with growing pauses (``Retry-After`` where it is told);
a request that is refused is noted and not asked again; a key or a model that is refused ends the run.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from finetune.synthesize.journal import Bill, Reply
from finetune.synthesize.planning import Request
from finetune.synthesize.prices import Tokens
from vision.errors import GenerationError, first_line

ATTEMPTS = 8
"""Times that a request is tried before it is left for the next run."""
LONGEST_PAUSE_S = 60.0
CONNECT_S = 10.0
MOST_LOST = 5
"""Requests in a row that come to nothing before the run ends: the server is gone."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """How a teacher is asked.

    Attributes:
        url: of the server, up to and with ``/v1``.
        model: as the server names it.
        key: where it wants one.
        manner: what a request tells besides its words (:attr:`finetune.synthesize.planning.Plan.manner`).
        at_once: requests under way at a time.
        quiet_s: seconds after which an answer is no longer waited for.
        pause_s: before the second attempt; doubled for each further one.
    """

    url: str
    model: str
    key: str = ""
    manner: Mapping[str, Any] = field(default_factory=dict)
    at_once: int = 16
    quiet_s: float = 180.0
    pause_s: float = 1.0

    def ask(self, requests: Iterable[Request], bill: Bill, most: Decimal | None, note: Callable[[Reply], None]) -> int:
        """Ask ``requests`` and ``note`` each reply as it comes; how many came to nothing.

        Args:
            bill: of the replies before these; each new one is added to it.
            most: dollars that may be spent in all; a request that could exceed them is not begun.

        Raises:
            GenerationError: when the server refuses the key or the model, or is gone.
        """

        def work() -> int:
            return asyncio.run(self._all(iter(requests), bill, most, note))

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return work()
        with ThreadPoolExecutor(1) as pool:  # in a notebook a loop is running already
            return pool.submit(work).result()

    async def _all(self, requests: Iterator[Request], bill: Bill, most: Decimal | None, note: Callable[[Reply], None]) -> int:
        from openai import AsyncOpenAI, Timeout

        lost = in_a_row = refused = answered = 0
        held: list[Reply] = []
        timeout = Timeout(self.quiet_s, connect=CONNECT_S)
        async with (
            AsyncOpenAI(base_url=self.url, api_key=self.key or "none", timeout=timeout, max_retries=0) as client,
            aclosing(self._answers(client, requests, bill, most)) as replies,
        ):
            async for reply in replies:
                if isinstance(reply, str):
                    lost, in_a_row = lost + 1, in_a_row + 1
                    if in_a_row >= MOST_LOST:
                        raise GenerationError(
                            f"{in_a_row} requests came to nothing one after another, the last because {reply}; run it again"
                        )
                    continue
                refused = refused + 1 if reply.error and not reply.tokens.output else 0
                if refused >= MOST_LOST and answered == 0:
                    raise GenerationError(f"{self.model} refuses every request, the last because {reply.error}; nothing is noted of them")
                in_a_row, answered = 0, answered + (not refused)
                held.append(reply)
                if answered:  # refusals count once it is known that it answers others
                    for each in held:
                        bill.add(each)
                        note(each)
                    held.clear()
            for each in held:
                bill.add(each)
                note(each)
        return lost

    async def _answers(self, client: Any, requests: Iterator[Request], bill: Bill, most: Decimal | None) -> AsyncGenerator[Reply | str]:
        """Replies as they come, :attr:`at_once` under way; why there is none for a request that came to nothing."""
        under_way: dict[asyncio.Task[Reply | str], Decimal] = {}
        left: Request | None = next(requests, None)
        try:
            while under_way or left is not None:
                while left is not None and len(under_way) < self.at_once:
                    dearest = self._dearest(left, bill)
                    if most is not None and (bill.dollars or 0) + sum(under_way.values()) + dearest > most:
                        break
                    under_way[asyncio.create_task(self._one(client, left))] = dearest
                    left = next(requests, None)
                if not under_way:
                    return  # the budget allows no more
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del under_way[task]
                for task in sorted(done, key=lambda task: task.exception() is not None):  # what was answered first, then what ends the run
                    yield task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    @staticmethod
    def _dearest(request: Request, bill: Bill) -> Decimal:
        """Dollars that a request costs at most."""
        return Decimal(0) if bill.price is None else bill.price.of(Tokens(input=request.tokens, output=request.max_tokens))

    async def _one(self, client: Any, request: Request) -> Reply | str:
        from openai import (
            APIConnectionError,
            APIResponseValidationError,
            APIStatusError,
            AuthenticationError,
            NotFoundError,
            PermissionDeniedError,
        )

        why = ""
        for attempt in range(ATTEMPTS):
            wait = min(self.pause_s * 2**attempt, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)
            try:
                return self._reply(request, await self._once(client, request))
            except (AuthenticationError, PermissionDeniedError, NotFoundError) as exc:
                raise GenerationError(f"{self.url} refuses {self.model} ({_said(exc)}); check --model and LOGICFLOW_ENGINE_KEY") from exc
            except APIStatusError as exc:
                why = f"it said {exc.status_code} ({_said(exc)})"
                if exc.status_code == 402:
                    raise GenerationError(
                        f"{self.url} wants to be paid ({_said(exc)}); what it has answered is kept, run it again"
                    ) from exc
                if exc.status_code < 500 and exc.status_code not in (408, 409, 429):
                    return Reply(id=request.id, text="", error=why)
                wait = max(wait, _retry_after(exc))
            except (APIConnectionError, APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError, ValueError) as exc:
                why = f"it could not be heard ({first_line(exc)})"
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(min(wait, LONGEST_PAUSE_S))
        return why

    async def _once(self, client: Any, request: Request) -> Any:
        return await client.chat.completions.create(
            model=self.model, messages=request.messages, max_completion_tokens=request.max_tokens, **self.manner
        )

    @staticmethod
    def _reply(request: Request, said: Any) -> Reply:
        return reply_of(request.id, said.model_dump() if hasattr(said, "model_dump") else {})


def reply_of(id: str, body: dict[str, Any], *, batch: bool = False) -> Reply:
    """A chat completion as a reply.

    Raises:
        ValueError: for what is no chat completion.
    """
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError("the answer holds no choices")
    message = choices[0].get("message") or {}
    usage = body.get("usage") or {}
    tokens = Tokens(
        input=int(usage.get("prompt_tokens") or 0),
        output=int(usage.get("completion_tokens") or 0),
        cached=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
    )
    finish = str(choices[0].get("finish_reason") or "")
    text = str(message.get("content") or "")
    error = "" if text else str(message.get("refusal") or "it wrote nothing")
    return Reply(id=id, text=text, finish=finish, model=str(body.get("model") or ""), tokens=tokens, batch=batch, error=error)


def _said(exc: Any) -> str:
    body = getattr(exc, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    return first_line(Exception(str(said))) if said else first_line(exc)


def _retry_after(exc: Any) -> float:
    """Seconds that a busy server asks to wait; 0 where it does not say."""
    try:
        return max(0.0, float(exc.response.headers.get("retry-after", 0)))
    except (ValueError, AttributeError):
        return 0.0
