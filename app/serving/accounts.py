"""Who may use the page, and how often: a file of users with hashed passwords, and a limit of questions a minute.

logicflow user people.txt ada        # asks for a password
logicflow serve --users people.txt
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from vision.errors import SettingsError

if TYPE_CHECKING:
    import gradio as gr

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")
"""Checked for names that are not known, so that the time taken does not tell which are."""
LEAST_CHARS = 8
"""Shortest password."""


class Accounts:
    """The users in ``path``, a line ``name:hash`` each, read again when the file changes.

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
        known = self._hashes.get(name)
        try:
            return _HASHER.verify(known or _NOBODY, password) and known is not None
        except (Argon2Error, InvalidHashError):
            return False

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
    """Name to hash, of the users in ``path``.

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
    users[name] = _HASHER.hash(password)
    half = path.with_name(f"{path.name}.half")
    half.touch(mode=0o600)
    half.write_text("".join(f"{name}:{hashed}\n" for name, hashed in users.items()), encoding="utf-8")
    os.replace(half, path)


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
