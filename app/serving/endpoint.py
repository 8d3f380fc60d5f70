"""OpenAI's chat completions, answered by what answers on the page: harnesses, agents and other pages see what people see.

    curl localhost:7860/v1/chat/completions -H 'Content-Type: application/json' -d '{"model": "nano + thinking", "messages": [...]}'

Thoughts come in ``reasoning_content``, the rest of the protocol is as OpenAI has it. What it has no word for stands under one key,
``logicflow``: in a request whether to think, to vote and to be given the text of pictures (:class:`app.serving.chat.Wishes`), in a
reply the checked steps with the source of every number, the trust, and the vote.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from app.serving.accounts import Accounts, Pace, bearer
from app.serving.chat import MOST_LARGE, UNKNOWN, Completion, budgets, prompt_of
from vision.as_json import ballot_as_json, reply_as_json
from vision.ask import elect, grow, limits_of, read_pictures, sampling_of, spread
from vision.engines.engine import Control, Engine, Sampling
from vision.errors import GenerationError, LogicFlowError, PromptError, SettingsError
from vision.pictures.lines import HEADER
from vision.prompts import Prompt
from vision.replies import Ballot, Reply
from vision.settings import Settings
from vision.thoughts.reasoning import ReasoningParser

log = logging.getLogger(__name__)

WAITING = 64
"""Requests that are answered or wait for an answer; one more is told to come back."""
LOOK_S = 0.2
"""Seconds between two looks whether the client is still there."""


@dataclass(frozen=True)
class Asked:
    """A request as the engine takes it."""

    prompt: Prompt
    samplings: list[Sampling]
    temperatures: tuple[float, ...]
    stops: tuple[str, ...]
    abstain: bool


class Endpoint:
    """The routes around ``engine``.

    Args:
        accounts: users whose tokens are asked for; None lets everybody in.
        pace: of the page.
    """

    def __init__(self, engine: Engine, settings: Settings, accounts: Accounts | None, pace: Pace) -> None:
        self.engine, self.settings, self.accounts, self.pace = engine, settings, accounts, pace
        self.waiting = 0
        self._turns = anyio.CapacityLimiter(engine.concurrent or WAITING)
        self.router = APIRouter()
        self.router.add_api_route("/v1/models", self.models, methods=["GET"], response_model=None)
        self.router.add_api_route("/v1/chat/completions", self.complete, methods=["POST"], response_model=None)

    async def models(self, request: Request) -> Any:
        """The one model that answers."""
        if self._who(request) is None:
            return NOT_IN
        listed = {"id": self.engine.name, "object": "model", "created": STARTED, "owned_by": "logicflow"}
        return {"object": "list", "data": [listed]}

    async def complete(self, request: Request) -> Any:
        """An answer, or its pieces as they come."""
        who = self._who(request)
        if who is None:
            return NOT_IN
        if self.waiting >= WAITING:
            return _failed(503, f"{WAITING} requests are being answered or wait already; ask again later", "overloaded")
        self.waiting += 1
        streams = False
        try:
            answer = await self._answered(request, who)
            streams = isinstance(answer, StreamingResponse)
            return answer
        finally:
            if not streams:  # a stream counts until it has ended
                self.waiting -= 1

    async def _answered(self, request: Request, who: str) -> Any:
        try:
            body = await self._body(request)
            self.pace.check(who)
        except PromptError as exc:
            return _failed(400, str(exc))
        except SettingsError as exc:
            return _failed(429, str(exc), "rate_limit_exceeded")
        if body.model not in ("", self.engine.name):
            return _failed(404, f"there is no model {body.model!r} here; it is {self.engine.name!r}", "model_not_found")
        control = Control()
        try:
            asked = await anyio.to_thread.run_sync(self._asked, body)
            if body.stream:
                return StreamingResponse(self._streamed(body, asked, control), media_type="text/event-stream", headers=NO_BUFFER)
            return await self._whole(request, body, asked, control)
        except LogicFlowError as exc:
            return _failed(500 if isinstance(exc, GenerationError) else 400, str(exc))

    def _who(self, request: Request) -> str | None:
        """Who asks: the user of the token, or the address where everybody may; None for nobody."""
        if self.accounts is None:
            return request.client.host if request.client is not None else ""
        return self.accounts.user_of(bearer(request.headers.get("authorization", "")))

    async def _body(self, request: Request) -> Completion:
        """The request, checked.

        Raises:
            PromptError: naming the field that cannot be used.
        """
        most = int(self.settings.max_image_mb * 1.4e6 * MOST_LARGE)  # as base64
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise PromptError("the request is no JSON; send it with Content-Type: application/json")
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > most:
                raise PromptError(f"the request has more than {most / 1e6:.0f} MB; send fewer or smaller pictures")
        try:
            body = Completion.model_validate_json(bytes(data))
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PromptError(f"{where or 'the request'} cannot be used: {first['msg'][:200]}") from exc
        for name in UNKNOWN:
            value = (body.model_extra or {}).get(name)
            if value and value != {"type": "text"}:
                raise PromptError(f"{name} is not known here; leave it out")
        return body

    def _asked(self, body: Completion) -> Asked:
        """The request as the engine takes it; pictures are opened and read."""
        wishes, settings = body.logicflow, self.settings
        prompt = prompt_of(body, limits_of(settings), wishes.pan_and_scan or settings.pan_and_scan)
        given = any(HEADER in turn.question for turn in prompt.turns)  # another LogicFlow has read them
        prompt = read_pictures(self.engine, prompt, "off" if given else wishes.writing or settings.writing)
        usual = sampling_of(settings)
        thought, answer = budgets(body, usual, thinking=prompt.thinking, draft=prompt.draft)
        prompt = replace(prompt, thinking=prompt.thinking and thought > 0)
        sampling = replace(
            usual,
            temperature=usual.temperature if body.temperature is None else body.temperature,
            top_p=body.top_p or usual.top_p,
            seed=usual.seed if body.seed is None else body.seed,
            max_thought_tokens=thought,
            max_answer_tokens=answer,
        )
        stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
        samplings = [replace(sampling, seed=sampling.seed + i) for i in range(1 if wishes.vote else body.n)]
        abstain = settings.abstain if wishes.abstain is None else wishes.abstain
        return Asked(prompt, samplings, spread(wishes.vote) if wishes.vote else (), tuple(stop for stop in stops if stop), abstain)

    async def _whole(self, request: Request, body: Completion, asked: Asked, control: Control) -> Any:
        """The answer when it is whole; a client that goes away stops the work."""
        found: list[tuple[list[Reply], Ballot | None]] = []

        async def watch(scope: anyio.CancelScope) -> None:
            while not await request.is_disconnected():
                await anyio.sleep(LOOK_S)
            control.stop()
            scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch, tasks.cancel_scope)
                with anyio.CancelScope(shield=True):
                    found.append(await anyio.to_thread.run_sync(self._answer, asked, body, control, limiter=self._turns))
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        replies, ballot = found[0]
        choices = [
            {
                "index": i,
                "message": {"role": "assistant", "content": cut(reply.answer_text, asked.stops)} | _thought(reply),
                "finish_reason": finish_of(reply),
                "logprobs": None,
            }
            for i, reply in enumerate(replies)
        ]
        head = _head(self.engine.name, "chat.completion")
        return head | {"choices": choices, "usage": usage_of(replies, ballot), "logicflow": _extension(replies, ballot)}

    def _answer(self, asked: Asked, body: Completion, control: Control) -> tuple[list[Reply], Ballot | None]:
        """Every choice, and the ballot where they vote."""
        replies: list[Reply] = [Reply(question="")] * len(asked.samplings)
        ballot = None
        for replies, ballot in self._growing(asked, body, control):
            ended = [reply.usage is not None or (stopped(reply.answer_text, asked.stops) and not asked.abstain) for reply in replies]
            if all(ended) and ballot is None:
                control.stop()
        return replies, ballot

    def _growing(self, asked: Asked, body: Completion, control: Control) -> Generator[tuple[list[Reply], Ballot | None]]:
        """All choices as they grow; a vote is one choice, its winner's first trace, when it is over."""
        if asked.temperatures:
            first, weights = asked.samplings[0], body.logicflow.weights
            ballots = elect(self.engine, asked.prompt, first, asked.temperatures, control, weights, abstain=asked.abstain)
            with closing(ballots):
                yield from (([best_of(ballot)], ballot) for ballot in ballots if ballot.done)
            return
        replies = [Reply(question=asked.prompt.turns[-1].question)] * len(asked.samplings)
        with closing(grow(self.engine, asked.prompt, asked.samplings, control, abstain=asked.abstain)) as growing:
            for index, reply in growing:
                replies[index] = reply
                yield replies, None

    async def _streamed(self, body: Completion, asked: Asked, control: Control) -> AsyncIterator[str]:
        """Server-sent events; whoever closes the stream stops the work."""
        head = _head(self.engine.name, "chat.completion.chunk")
        send, receive = anyio.create_memory_object_stream[dict[str, Any] | None](64)

        def work() -> None:
            """Write the chunks from a thread of its own, to the end or until nobody reads them."""
            try:
                with closing(self._chunks(body, asked, control)) as chunks:
                    for chunk in chunks:
                        anyio.from_thread.run(send.send, head | chunk)
            except LogicFlowError as exc:
                anyio.from_thread.run(send.send, _error(str(exc)))
            except anyio.BrokenResourceError:
                control.stop()
            except Exception:
                log.exception("an answer failed")
                anyio.from_thread.run(send.send, _error("the answer failed; what happened stands in the server's log"))
            finally:
                anyio.from_thread.run_sync(send.close)

        def ended(task: asyncio.Task[None]) -> None:
            self.waiting -= 1
            if not task.cancelled():
                task.exception()  # it is looked at: nobody is left to be told

        working = asyncio.create_task(anyio.to_thread.run_sync(work, limiter=self._turns))
        working.add_done_callback(ended)
        try:
            async for chunk in receive:
                yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
            yield "data: [DONE]\n\n"
        finally:  # of a client that has gone away, too: the thread must not wait for it
            control.stop()
            receive.close()

    def _chunks(self, body: Completion, asked: Asked, control: Control) -> Generator[dict[str, Any]]:
        """What each chunk holds, in order."""
        sent = [Sent(asked.stops, asked.prompt.draft, waits=asked.abstain) for _ in asked.samplings]
        replies: list[Reply] = []
        ballot = None
        for index in range(len(sent)):
            yield _chunk(index, {"role": "assistant", "content": ""})
        with closing(self._growing(asked, body, control)) as growing:
            for grown in growing:
                replies, ballot = grown
                for index, (reply, state) in enumerate(zip(replies, sent, strict=True)):
                    yield from (_chunk(index, delta) for delta in state.deltas(reply))
                if all(state.over for state in sent):
                    control.stop()
        for index, reply in enumerate(replies):
            yield _chunk(index, {}, "stop" if sent[index].over else finish_of(reply))
        last: dict[str, Any] = {"choices": [], "logicflow": _extension(replies, ballot)}
        if body.stream_options is not None and body.stream_options.include_usage:
            last["usage"] = usage_of(replies, ballot)
        yield last


class Sent:
    """What of one growing reply a client has been sent.

    Attributes:
        over: whether a stop sequence has come.
    """

    def __init__(self, stops: tuple[str, ...], draft: str, *, waits: bool = False) -> None:
        drafted = ReasoningParser()
        drafted.feed(draft)
        self.stops, self.waits, self.over = stops, waits, False
        self.thought, self.answer = drafted.thought, drafted.answer

    def deltas(self, reply: Reply) -> Iterator[dict[str, Any]]:
        """What has come since; of the answer nothing that might still become a stop sequence, or be withheld.

        A closing tag without an opening one makes what was sent as the answer the thought; the answer then begins anew.
        """
        if len(reply.thought) > len(self.thought):
            new = reply.thought[len(self.thought) :] if reply.thought.startswith(self.thought) else reply.thought
            self.thought = reply.thought
            yield {"reasoning_content": new}
        if self.over or (self.waits and reply.usage is None):
            return
        text = cut(reply.answer_text, self.stops)
        self.over = text != reply.answer_text and not self.waits
        if reply.usage is None and not self.over:
            text = text[: len(text) - _held_back(text, self.stops)]
        if not text.startswith(self.answer) and not self.answer.startswith(text):
            self.answer = ""
        if len(text) > len(self.answer):
            yield {"content": text[len(self.answer) :]}
            self.answer = text


def _held_back(text: str, stops: tuple[str, ...]) -> int:
    """Characters at the end of ``text`` with which a stop sequence may begin."""
    return max((size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)


def stopped(text: str, stops: tuple[str, ...]) -> bool:
    """Whether a stop sequence has come."""
    return any(stop in text for stop in stops)


def cut(text: str, stops: tuple[str, ...]) -> str:
    """``text`` up to the first stop sequence.

    >>> cut("It is 4. Question: And", ("Question:", "\\n\\n"))
    'It is 4. '
    """
    places = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def best_of(ballot: Ballot) -> Reply:
    """The reply that stands for a vote: the first that gave the winner, else the first."""
    clusters = ballot.vote.clusters
    return ballot.replies[clusters[0].traces[0]] if clusters else ballot.replies[0]


def finish_of(reply: Reply) -> str:
    """Why a choice ended, in the protocol's words."""
    return "length" if reply.truncated else "stop"


def usage_of(replies: list[Reply], ballot: Ballot | None) -> dict[str, Any]:
    """Tokens of all traces; the prompt counts once."""
    usages = [reply.usage for reply in (ballot.replies if ballot is not None else replies) if reply.usage is not None]
    thought, answer = sum(usage.thought_tokens for usage in usages), sum(usage.answer_tokens for usage in usages)
    prompt = max((usage.prompt_tokens for usage in usages), default=0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": thought + answer,
        "total_tokens": prompt + thought + answer,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def _extension(replies: list[Reply], ballot: Ballot | None) -> dict[str, Any]:
    if ballot is not None:
        return {"vote": ballot_as_json(ballot)}
    return {"replies": [reply_as_json(reply) for reply in replies]}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _thought(reply: Reply) -> dict[str, str]:
    return {"reasoning_content": reply.thought} if reply.thought else {}


def _chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}]}


def _error(sentence: str, code: str | None = None, status: int = 500) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": sentence, "type": kind, "param": None, "code": code}}


def _failed(status: int, sentence: str, code: str | None = None) -> JSONResponse:
    return JSONResponse(_error(sentence, code, status), status_code=status)


STARTED = int(time.time())
NO_BUFFER = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
NOT_IN = _failed(401, "send a user's token as 'Authorization: Bearer …'; 'logicflow user FILE NAME --token' makes one", "invalid_api_key")
