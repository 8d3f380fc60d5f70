"""Files that a browser takes away: a conversation in one of three forms, or its verdicts as preference rows."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from app.talks import export
from app.talks.feedback import preference_rows, write_preferences
from app.talks.history import History, kind_of
from app.talks.report import to_report
from app.talks.values import Conversation
from vision.errors import ConversationError

MOST = 32
"""Files that lie ready for download, for all browsers together."""


class Downloads:
    """Makes files for download from ``history``, each in a folder of its own."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._folders: deque[tempfile.TemporaryDirectory[str]] = deque()

    def conversation(self, form: str, thoughts: bool, conversation: Conversation, owner: str) -> str:
        """The path of ``conversation`` as ``Markdown``, ``HTML`` or ``JSON``.

        Raises:
            gr.Error: when one of its pictures is gone.
        """
        try:
            forms: dict[str, Callable[[], tuple[str, str]]] = {
                "Markdown": lambda: (export.to_markdown(conversation, thoughts=thoughts), "md"),
                "HTML": lambda: (export.to_html(conversation, lambda name: self.history.picture(owner, name), thoughts=thoughts), "html"),
                "JSON": lambda: (export.to_json(conversation, lambda name: self.history.picture(owner, name), thoughts=thoughts), "json"),
            }
            made, ending = forms[form]()
        except ConversationError as exc:
            raise gr.Error(str(exc), print_exception=False) from exc
        path = self._folder() / f"conversation.{ending}"
        path.write_text(made, encoding="utf-8")
        return str(path)

    def report(self, conversation: Conversation, owner: str, *, pictures: bool) -> str:
        """The path of a report of the last answer: Markdown, or an archive with the ``pictures`` of its question where they may go along.

        Raises:
            gr.Error: when there is no answer yet, or a picture is gone.
        """
        if not conversation.exchanges:
            raise gr.Error("there is no answer yet; ask something, then report what is wrong with it", print_exception=False)
        folder = self._folder() / "report"
        folder.mkdir()
        (folder / "report.md").write_text(to_report(conversation), encoding="utf-8")
        names = conversation.exchanges[-1].pictures if pictures else ()
        if not names:
            return str(folder / "report.md")
        try:
            for name in names:
                data = self.history.picture(owner, name)
                (folder / f"{name}.{kind_of(data)}").write_bytes(data)
        except ConversationError as exc:
            raise gr.Error(str(exc), print_exception=False) from exc
        return shutil.make_archive(str(folder), "zip", folder)

    def feedback(self, owner: str) -> str:
        """The path of an archive with the verdicts of ``owner`` as preference rows and their pictures.

        Raises:
            gr.Error: when there is no pair yet, or a picture is gone.
        """
        rows = preference_rows(self.history.verdicts(owner))
        if not rows:
            raise gr.Error(
                "there is no pair yet: judge one answer to a question as good and another as bad, or like the answer of a vote",
                print_exception=False,
            )
        folder = self._folder()
        try:
            write_preferences(folder / "feedback", rows, lambda name: self.history.picture(owner, name))
        except ConversationError as exc:
            raise gr.Error(str(exc), print_exception=False) from exc
        made = shutil.make_archive(str(folder / "feedback"), "zip", folder / "feedback")
        shutil.rmtree(folder / "feedback")
        return made

    def _folder(self) -> Path:
        """A fresh folder; the oldest goes when there are many."""
        folder = tempfile.TemporaryDirectory(prefix="logicflow-")
        self._folders.append(folder)
        if len(self._folders) > MOST:
            self._folders.popleft().cleanup()
        return Path(folder.name)
