"""Who may use the page and the endpoint, and how often: a file of users with hashed passwords, and a limit of questions a minute.

logicflow user people.txt ada           # asks for a password
logicflow user people.txt ada --token   # prints a token for programs
logicflow serve --users people.txt
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from vision.errors import SettingsError
from vision.files import write_text

if TYPE_CHECKING:
    import gradio as gr

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")
"""Checked for names that are not known, so that the time taken does not tell which are."""
TOKEN = "sha256$"
"""How a token's hash begins; a random token of 256 bits needs no slow one."""
LEAST_CHARS = 8
"""Shortest password."""


class Accounts:
    """The users in ``path``, a line ``name:hash`` or ``name:hash:hash of a token`` each, read again when the file changes.

    Raises:
        SettingsError: when the file cannot be read or a line is no user.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read_at = -1.0
        self._hashes: dict[str, str] = {}
        self._refresh()

    def admits(self, name: str, password: str) -> bool:
        """Whether ``name`` is a user with this ``password``."""
        with contextlib.suppress(SettingsError):  # half-edited just now: those who were known stay known
            self._refresh()
        known = self._hashes.get(name, "").partition(":")[0] or None
        try:
            return _HASHER.verify(known or _NOBODY, password) and known is not None
        except (Argon2Error, InvalidHashError):
            return False

    def user_of(self, token: str) -> str | None:
        """The user whose ``token`` this is; None for nobody's."""
        with contextlib.suppress(SettingsError):
            self._refresh()
        given = _of_token(token)
        matching = [name for name, hashed in self._hashes.items() if hmac.compare_digest(hashed.partition(":")[2], given)]
        return matching[0] if token and matching else None

    def _refresh(self) -> None:
        with self._lock:
            try:
                changed = self.path.stat().st_mtime
                if changed != self._read_at:
                    self._hashes, self._read_at = read_users(self.path), changed
            except OSError as exc:
                raise SettingsError(
                    f"users cannot be read from {self.path} ({exc.strerror}); add one: logicflow user {self.path} NAME"
                ) from exc


def read_users(path: Path) -> dict[str, str]:
    """Name to hash, with that of a token behind a colon, of the users in ``path``.

    Raises:
        SettingsError: for a line that is no user.
    """
    users = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, colon, hashed = line.strip().partition(":")
        if not line.strip():
            continue
        if not colon or not hashed.startswith("$argon2"):
            raise SettingsError(f"line {number} of {path} is no user; expected name:hash as 'logicflow user' writes it")
        users[name] = hashed
    return users


def set_password(path: Path, name: str, password: str) -> None:
    """Add user ``name`` to ``path``, or give a known one this ``password``.

    Raises:
        SettingsError: for a name or password that cannot be used.
    """
    if not re.fullmatch(r"[\w.@-]{1,64}", name):
        raise SettingsError(f"the name is {name!r}; expected up to 64 letters, digits, and . @ - _")
    if len(password) < LEAST_CHARS:
        raise SettingsError(f"the password has {len(password)} characters; expected at least {LEAST_CHARS}")
    users = read_users(path) if path.exists() else {}
    token = users.get(name, "").partition(":")[2]
    _write(path, users | {name: _HASHER.hash(password) + (f":{token}" if token else "")})


def new_token(path: Path, name: str) -> str:
    """Give the user ``name`` in ``path`` a new token, instead of the one there was; only its hash is kept.

    Raises:
        SettingsError: when there is no such user.
    """
    users = read_users(path) if path.exists() else {}
    if name not in users:
        raise SettingsError(f"there is no user {name!r} in {path}; add one first: logicflow user {path} {name}")
    token = f"lf-{secrets.token_urlsafe(32)}"
    _write(path, users | {name: f"{users[name].partition(':')[0]}:{_of_token(token)}"})
    return token


def bearer(header: str) -> str:
    """The token in an ``Authorization`` header, "" where there is none."""
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _of_token(token: str) -> str:
    return TOKEN + hashlib.sha256(token.encode()).hexdigest()


def _write(path: Path, users: dict[str, str]) -> None:
    write_text(path, "".join(f"{name}:{hashed}\n" for name, hashed in users.items()), mode=0o600)


def caller(request: gr.Request) -> str:
    """Who asks, as far as is known: the user who signed in, else the address."""
    return str(request.username or (request.client.host if request.client is not None else ""))


class Pace:
    """At most ``per_minute`` questions in any minute for each key; 0 for no limit."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, key: str) -> None:
        """Count a question of ``key``.

        Raises:
            SettingsError: when it is one too many.
        """
        if self.per_minute and not self._limiter.hit(RateLimitItemPerMinute(self.per_minute), key):
            raise SettingsError(f"that were {self.per_minute} questions within a minute, which is the limit here; wait a little")
