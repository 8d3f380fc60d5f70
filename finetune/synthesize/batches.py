"""A provider's batch files: requests out, results in, at half the price and within a day. OpenAI's form and Anthropic's.

    OpenAI:     upload requests-001.jsonl with purpose "batch", make a batch for /v1/chat/completions, download its output and error files
    Anthropic:  post {"requests": [a line each]} to /v1/messages/batches, download its results

Results come in any order, may be cut off, may hold what was never asked; a request without a result stays to be asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from finetune.files import grown_rows
from finetune.synthesize.journal import Reply
from finetune.synthesize.planning import Plan, Request
from finetune.synthesize.prices import Tokens
from finetune.synthesize.teacher import reply_of
from vision.files import write_text

Provider = Literal["openai", "anthropic"]

MOST_REQUESTS = {"openai": 50_000, "anthropic": 100_000}
"""In one file."""
MOST_BYTES = {"openai": 200_000_000, "anthropic": 256_000_000}
"""Of one file."""
GONE = {"batch_expired", "batch_cancelled", "request_timeout", "expired", "canceled", "overloaded_error", "rate_limit_error", "api_error",
        "billing_error", "authentication_error", "permission_error", "not_found_error"}  # fmt: skip
"""Errors of requests that were not worked on, and may be asked again."""


def write_batches(folder: Path, requests: Iterable[Request], plan: Plan, provider: Provider) -> dict[Path, int]:
    """Write ``requests`` into ``folder`` as files that the provider takes; how many are in each. Files of an earlier call are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("requests-*.jsonl"):
        old.unlink()
    written = {}
    for number, lines in enumerate(_files(requests, plan, provider), start=1):
        path = folder / f"requests-{number:03}.jsonl"
        write_text(path, "".join(lines))
        written[path] = len(lines)
    return written


def _files(requests: Iterable[Request], plan: Plan, provider: Provider) -> Iterator[list[str]]:
    lines: list[str] = []
    size = 0
    for request in requests:
        line = json.dumps(_line(request, plan, provider), ensure_ascii=False) + "\n"
        length = len(line.encode())
        if lines and (len(lines) >= MOST_REQUESTS[provider] or size + length > MOST_BYTES[provider]):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += length
    if lines:
        yield lines


def _line(request: Request, plan: Plan, provider: Provider) -> dict[str, Any]:
    if provider == "anthropic":
        told = {} if plan.temperature < 0 else {"temperature": plan.temperature}
        asked = [{"role": "user", "content": request.user}]
        params = {"model": plan.model, "max_tokens": request.max_tokens, "system": request.system, "messages": asked, **told}
        return {"custom_id": request.id, "params": params}
    body = {"model": plan.model, "messages": request.messages, "max_completion_tokens": request.max_tokens, **plan.manner}
    return {"custom_id": request.id, "method": "POST", "url": "/v1/chat/completions", "body": body}


@dataclass
class Collected:
    """What a provider's files held.

    Attributes:
        replies: new ones, those that were refused among them.
        twice: results of requests that had one already.
        unknown: ids that were never asked.
        gone: requests that the provider did not work on.
        unreadable: lines that are no result.
    """

    replies: list[Reply] = field(default_factory=list)
    twice: int = 0
    unknown: list[str] = field(default_factory=list)
    gone: int = 0
    unreadable: int = 0


def collect(files: Iterable[Path], asked: set[str], done: set[str]) -> Collected:
    """Read results of requests ``asked`` of which those in ``done`` have a reply already.

    Raises:
        OSError: for a file that cannot be read.
    """
    found, known = Collected(), set(done)
    for path in files:
        lines = sum(1 for line in path.read_bytes().splitlines() if line.strip())
        rows = list(grown_rows(path))
        found.unreadable += lines - len(rows)
        for row in rows:
            id = row.get("custom_id")
            if not isinstance(id, str) or id not in asked:
                found.unknown.append(str(id))
                continue
            try:
                reply = _anthropic(id, row["result"]) if "result" in row else _openai(id, row)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                found.unreadable += 1
                continue
            if reply is None:
                found.gone += 1
            elif id in known:
                found.twice += 1
            else:
                known.add(id)
                found.replies.append(reply)
    return found


def _openai(id: str, row: Mapping[str, Any]) -> Reply | None:
    response = row.get("response")
    if not response:
        error = row["error"]
        return None if error["code"] in GONE else Reply(id=id, text="", batch=True, error=str(error.get("message") or error["code"]))
    if response["status_code"] == 200:
        return reply_of(id, response["body"], batch=True)
    if response["status_code"] in (401, 402, 403, 404, 408, 409, 429) or response["status_code"] >= 500:
        return None
    return Reply(id=id, text="", batch=True, error=str(response["body"]["error"]["message"]))


def _anthropic(id: str, result: Mapping[str, Any]) -> Reply | None:
    kind = result["type"]
    if kind == "succeeded":
        message = result["message"]
        usage = message["usage"]
        cached = int(usage.get("cache_read_input_tokens") or 0)
        text = "".join(part["text"] for part in message["content"] if part.get("type") == "text")
        tokens = Tokens(input=int(usage["input_tokens"]) + cached, output=int(usage["output_tokens"]), cached=cached)
        finish, error = str(message.get("stop_reason") or ""), "" if text else "it wrote nothing"
        return Reply(id=id, text=text, finish=finish, model=str(message.get("model") or ""), tokens=tokens, batch=True, error=error)
    if kind in GONE:
        return None
    error = result["error"]
    inner = error["error"] if isinstance(error.get("error"), Mapping) else error
    return None if inner["type"] in GONE else Reply(id=id, text="", batch=True, error=str(inner["message"]))
