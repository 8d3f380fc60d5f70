"""Links that reopen a question: the query of an address, with the question, its settings and the names of its pictures.

>>> from app.talks.values import Exchange, Options, Conversation
>>> query_of(Conversation(exchanges=(Exchange(question="How many?", options=Options(traces=5)),)))
'?question=How+many%3F&traces=5'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from app.talks.values import Conversation, Exchange, Options
from vision.errors import SettingsError

_EXCHANGE = TypeAdapter(Exchange)


def query_of(conversation: Conversation) -> str:
    """The query that asks the last question of ``conversation`` again; of its settings only those that are not the usual ones."""
    last = conversation.exchanges[-1]
    usual = asdict(Options())
    settings = {name: value for name, value in asdict(last.options).items() if value != usual[name]}
    pictures = last.pictures or tuple(dict.fromkeys(name for exchange in conversation.exchanges for name in exchange.pictures))
    return "?" + urlencode({"question": last.question, **settings, **({"pictures": ",".join(pictures)} if pictures else {})})


def asked_of(query: Mapping[str, str]) -> Exchange | None:
    """The question that ``query`` brings, None where it brings none that can be asked."""
    if not query.get("question", "").strip():
        return None
    known = {name: query[name] for name in asdict(Options()) if name in query}
    pictures = [name for name in query.get("pictures", "").split(",") if name]
    try:
        asked = _EXCHANGE.validate_python({"question": query["question"], "pictures": pictures, "options": known})
        asked.options.sampling()
    except (ValidationError, SettingsError):
        return None
    return asked
