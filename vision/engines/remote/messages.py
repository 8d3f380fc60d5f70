"""What goes to a server and what it says of a fault: messages and pictures in OpenAI's form."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

from PIL import Image

from vision.prompts import Prompt, messages


def messages_of(prompt: Prompt) -> list[dict[str, Any]]:
    """The chat as OpenAI's protocol has it, pictures as PNG in data URIs."""
    pictures = iter(prompt.images)
    made = []
    for message in messages(prompt):
        parts: list[dict[str, Any]] = []
        for part in message["content"]:
            if part["type"] == "image":
                parts.append({"type": "image_url", "image_url": {"url": _data_uri(next(pictures))}})
            else:
                parts.append(part)
        plain = message["role"] != "user"
        made.append({"role": message["role"], "content": "".join(part["text"] for part in parts) if plain else parts})
    return made


def _data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def listed(names: Sequence[str]) -> str:
    """The first names of a server's models."""
    shown = ", ".join(name[:80] for name in names[:5]) + (" …" if len(names) > 5 else "")
    return shown or "no model"


def said_by(exc: Any) -> str:
    """The server's own words, short and on one line."""
    body: Any = exc.body if isinstance(getattr(exc, "body", None), dict) else {}
    inner: Any = body["error"] if isinstance(body.get("error"), dict) else body
    text = inner.get("message") or body.get("detail") or exc.message
    return " ".join((text if isinstance(text, str) else json.dumps(text)).split())[:300]
