from __future__ import annotations

from pathlib import Path

import pytest

from app.serving.accounts import Accounts, Pace, set_password
from vision import SettingsError


def test_a_user_signs_in_with_the_right_password_only(tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    set_password(file, "ada", "difference engine")
    accounts = Accounts(file)
    assert accounts.admits("ada", "difference engine")
    assert not accounts.admits("ada", "analytical engine") and not accounts.admits("bob", "difference engine")
    assert "difference" not in file.read_text() and file.stat().st_mode & 0o077 == 0


def test_a_new_password_counts_at_once_and_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    set_password(file, "ada", "difference engine")
    accounts = Accounts(file)
    set_password(file, "bob", "another password")
    set_password(file, "ada", "analytical engine")
    assert accounts.admits("ada", "analytical engine") and accounts.admits("bob", "another password")
    assert not accounts.admits("ada", "difference engine")


@pytest.mark.parametrize(("name", "password"), [("a:b", "long enough"), ("", "long enough"), ("ada", "short"), ("a\nb", "long enough")])
def test_names_and_passwords_that_cannot_be_used(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        set_password(tmp_path / "people.txt", name, password)
    assert not (tmp_path / "people.txt").exists()


def test_a_missing_or_strange_file_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        Accounts(tmp_path / "nobody.txt")
    (tmp_path / "odd.txt").write_text("ada:plain password\n")
    with pytest.raises(SettingsError, match="line 1"):
        Accounts(tmp_path / "odd.txt")


def test_questions_are_counted_for_each_user() -> None:
    pace = Pace(2)
    pace.check("ada")
    pace.check("ada")
    pace.check("bob")
    with pytest.raises(SettingsError, match="2 questions within a minute"):
        pace.check("ada")
    for _ in range(100):
        Pace(0).check("ada")
