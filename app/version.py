"""Which LogicFlow this is: its version, and the commit where that can be told."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent


def version() -> str:
    """As in ``0.2.0 (commit 1a2b3c4d5e6f)``; without a commit where it was installed from a wheel."""
    try:
        installed = distribution("logicflow")
    except PackageNotFoundError:
        return "unknown"
    commit = _of_checkout() or _of_installation(installed.read_text("direct_url.json"))
    return f"{installed.version} (commit {commit[:12]})" if commit else installed.version


def _of_checkout() -> str:
    if not (ROOT / ".git").exists():
        return ""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip()


def _of_installation(written: str | None) -> str:
    """The commit that pip notes of what it installed from a repository."""
    return str(json.loads(written or "{}").get("vcs_info", {}).get("commit_id", ""))
