"""Conversations kept on the server, each browser's own: an SQLite file and pictures named by the hash of their bytes.

A browser is known by a long random key that it keeps; every row and every picture belongs to keys, and nothing is
handed out to a key that it does not belong to. Each write is one transaction, so a crash leaves the last whole state.
"""

from __future__ import annotations

import builtins
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Float, String, Text, create_engine, delete, event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from app.talks.values import Conversation, conversation_as_json, conversation_from_json
from vision.errors import ConversationError, SettingsError, first_line
from vision.files import half_of, write_text

MAX_CONVERSATIONS = 500
"""Conversations kept for one key; the oldest goes when another comes."""
MAX_PICTURE_BYTES = 500 * 1024 * 1024
"""Bytes of pictures kept for one key."""


class _Table(DeclarativeBase):
    pass


class _ConversationRow(_Table):
    __tablename__ = "talks"
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)  # what is searched: questions and answers in small letters
    value: Mapped[str] = mapped_column(Text)
    changed: Mapped[float] = mapped_column(Float, index=True)  # seconds since 1970


class _PictureRow(_Table):
    __tablename__ = "pictures"
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(8))
    size: Mapped[int]


class _VerdictRow(_Table):
    __tablename__ = "verdicts"
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation: Mapped[str] = mapped_column("talk", String(32), primary_key=True)
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the judged exchange as it was
    value: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A kept conversation in a list.

    Attributes:
        id, title: of the conversation.
    """

    id: str
    title: str


class History:
    """The store in ``folder``, which is made when it is missing; safe to use from several threads.

    Raises:
        SettingsError: when ``folder`` cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = threading.Lock()  # a picture is not swept while another key begins to keep it
        where, waiting = f"sqlite:///{folder / 'history.sqlite'}", {"timeout": 30}
        self._engine = create_engine(where, connect_args=waiting, poolclass=NullPool)  # each connection is closed after its use

        @event.listens_for(self._engine, "connect")
        def _write_ahead(connection: object, _: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]

        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "pictures").mkdir(exist_ok=True)
            self._key = self._random("users.key").encode()
            self.secret = self._random("secret")  # what browsers' keys are encrypted with
            _Table.metadata.create_all(self._engine)
        except (OSError, SQLAlchemyError) as exc:
            why = first_line(exc)
            raise SettingsError(
                f"conversations cannot be kept in {folder} ({why}); set LOGICFLOW_DATA_DIR to a folder of your own"
            ) from exc

    def key_of(self, user: str) -> str:
        """The key of a user who has signed in, the same in every browser; nobody can guess it from the name."""
        return hmac.new(self._key, f"user {user}".encode(), hashlib.sha256).hexdigest()

    def _random(self, name: str) -> str:
        """The random text in file ``name``, made when it is missing and the same after a restart."""
        path = self.folder / name
        if not path.exists():
            write_text(path, secrets.token_urlsafe(24), mode=0o600)
        return path.read_text()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    def save(self, owner: str, conversation: Conversation, *, anew: bool = True) -> bool:
        """Keep ``conversation`` as it is now, in place of an earlier state of it; whether it is kept.

        With ``anew`` off a conversation that was deleted meanwhile stays deleted.
        """
        text = " ".join(part for exchange in conversation.exchanges for part in (exchange.question, exchange.answer_text)).casefold()
        with self._session() as session:
            if not anew and session.get(_ConversationRow, (_hidden(owner), conversation.id)) is None:
                return False
            session.merge(
                _ConversationRow(
                    owner=_hidden(owner),
                    id=conversation.id,
                    title=conversation.title,
                    text=f"{conversation.title.casefold()} {text}",
                    value=json.dumps(conversation_as_json(conversation), ensure_ascii=False),
                    changed=time.time(),
                )
            )
            of_owner = select(_ConversationRow.id).where(_ConversationRow.owner == _hidden(owner))
            old = list(session.scalars(of_owner.order_by(_ConversationRow.changed.desc()).offset(MAX_CONVERSATIONS)))
        for id_ in old:
            self.delete(owner, id_)
        return True

    def judge(self, owner: str, conversation: Conversation) -> None:
        """Keep the verdict on the last exchange of ``conversation``, a corrected reading too, or take it back where there is none."""
        last = conversation.exchanges[-1]
        mark = hashlib.sha256(json.dumps([last.pictures, last.question, [reply.text for reply in last.replies]]).encode()).hexdigest()
        with self._session() as session:
            if last.liked is None and not last.corrections:
                row = session.get(_VerdictRow, (_hidden(owner), conversation.id, mark))
                if row is not None:
                    session.delete(row)
                return
            value = json.dumps(conversation_as_json(conversation), ensure_ascii=False)
            session.merge(_VerdictRow(owner=_hidden(owner), conversation=conversation.id, mark=mark, value=value))

    def verdicts(self, owner: str | None = None) -> builtins.list[Conversation]:
        """The conversations of ``owner``, or of all, that end with a judged exchange."""
        query = select(_VerdictRow.value)
        if owner is not None:
            query = query.where(_VerdictRow.owner == _hidden(owner))
        judged = []
        with self._session() as session:
            for value in session.scalars(query):
                with suppress(ConversationError):  # one that cannot be read any more takes no other with it
                    judged.append(conversation_from_json(json.loads(value)))
        return judged

    def load(self, owner: str, id_: str) -> Conversation:
        """The kept conversation.

        Raises:
            ConversationError: when ``owner`` has none of this name.
        """
        with self._session() as session:
            row = session.get(_ConversationRow, (_hidden(owner), id_))
            if row is None:
                raise ConversationError("this conversation is not kept here any more")
            return conversation_from_json(json.loads(row.value))

    def list(self, owner: str, search: str = "", most: int = 100) -> list[Kept]:
        """Kept conversations, the latest change first; with ``search`` only those that have all its words."""
        query = select(_ConversationRow.id, _ConversationRow.title).where(_ConversationRow.owner == _hidden(owner))
        for word in search.casefold().split()[:10]:
            query = query.where(_ConversationRow.text.contains(word, autoescape=True))
        with self._session() as session:
            rows = session.execute(query.order_by(_ConversationRow.changed.desc()).limit(most))
            return [Kept(id=row.id, title=row.title) for row in rows]

    def delete(self, owner: str, id_: str) -> None:
        """Forget one conversation, the verdicts on it, and the pictures that only it had."""
        with self._session() as session:
            session.execute(delete(_ConversationRow).where(_ConversationRow.owner == _hidden(owner), _ConversationRow.id == id_))
            session.execute(delete(_VerdictRow).where(_VerdictRow.owner == _hidden(owner), _VerdictRow.conversation == id_))
            values = [
                *session.scalars(select(_ConversationRow.value).where(_ConversationRow.owner == _hidden(owner))),
                *session.scalars(select(_VerdictRow.value).where(_VerdictRow.owner == _hidden(owner))),
            ]
            used = {name for value in values for exchange in json.loads(value)["exchanges"] for name in exchange["pictures"]}
            held = session.scalars(select(_PictureRow.name).where(_PictureRow.owner == _hidden(owner)))
            unused = [name for name in held if name not in used]
            session.execute(delete(_PictureRow).where(_PictureRow.owner == _hidden(owner), _PictureRow.name.in_(unused)))
        self._sweep(unused)

    def delete_everything(self, owner: str) -> None:
        """Forget all that ``owner`` has."""
        with self._session() as session:
            names = list(session.scalars(select(_PictureRow.name).where(_PictureRow.owner == _hidden(owner))))
            for table in (_ConversationRow, _VerdictRow, _PictureRow):
                session.execute(delete(table).where(table.owner == _hidden(owner)))
        self._sweep(names)

    def keep_picture(self, owner: str, data: bytes) -> str:
        """Keep a picture's bytes; its name, by which :meth:`picture` finds it again.

        Raises:
            ConversationError: when ``owner`` would keep more than :data:`MAX_PICTURE_BYTES`.
        """
        name = hashlib.sha256(data).hexdigest()
        with self._files, self._session() as session:
            if session.get(_PictureRow, (_hidden(owner), name)) is None:
                held = session.scalar(select(func.coalesce(func.sum(_PictureRow.size), 0)).where(_PictureRow.owner == _hidden(owner)))
                if int(held or 0) + len(data) > MAX_PICTURE_BYTES:
                    raise ConversationError(f"kept pictures would exceed {MAX_PICTURE_BYTES / 1e6:.0f} MB; delete conversations first")
                path = self._path(name, kind_of(data))
                if not path.exists():
                    with half_of(path) as half:
                        half.write_bytes(data)
                session.add(_PictureRow(owner=_hidden(owner), name=name, kind=kind_of(data), size=len(data)))
        return name

    def picture(self, owner: str, name: str) -> bytes:
        """The bytes of a picture that ``owner`` keeps.

        Raises:
            ConversationError: when there is none.
        """
        return self.path(owner, name).read_bytes()

    def path(self, owner: str, name: str) -> Path:
        """The file of a picture that ``owner`` keeps.

        Raises:
            ConversationError: when there is none.
        """
        with self._session() as session:
            row = session.get(_PictureRow, (_hidden(owner), name))
            path = self._path(name, row.kind) if row is not None else None
        if path is None or not path.is_file():
            raise ConversationError("a picture of this conversation is not kept here any more")
        return path

    def any_picture(self, name: str) -> bytes:
        """The bytes of a picture, whoever keeps it: for the one who runs the page, not for those who use it.

        Raises:
            ConversationError: when there is none.
        """
        for path in (self.folder / "pictures").glob(f"{self._file_name(name)}.*"):
            return path.read_bytes()
        raise ConversationError(f"picture {name[:12]}… is not kept any more")

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / "pictures" / f"{self._file_name(name)}.{kind}"

    def _file_name(self, name: str) -> str:
        """What a picture is called on disk: the page serves these files, so nobody may guess it from the picture's hash."""
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    def _sweep(self, names: builtins.list[str]) -> None:
        """Remove the files of those pictures that no key has any more."""
        for name in names:
            with self._files, self._session() as session:
                if session.scalar(select(_PictureRow.name).where(_PictureRow.name == name).limit(1)) is None:
                    for path in (self.folder / "pictures").glob(f"{self._file_name(name)}.*"):
                        path.unlink()


def kind_of(data: bytes) -> str:
    """The format of a picture by its first bytes, as a file name ends: ``png``, ``jpeg``, …"""
    if data[4:8] == b"ftyp":
        return "avif" if data[8:12] in (b"avif", b"avis") else "heic"
    kinds = {b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"BM": "bmp", b"RIFF": "webp", b"II*": "tiff", b"MM\0*": "tiff"}
    return next((kind for start, kind in kinds.items() if data.startswith(start)), "png")


def _hidden(owner: str) -> str:
    """What the file holds in place of a browser's key, so that reading the file gives no key away."""
    return hashlib.sha256(owner.encode()).hexdigest()
