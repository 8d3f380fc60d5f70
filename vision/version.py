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
    noted = json.loads(installed.read_text("direct_url.json") or "{}")  # pip's, of what it installed from a repository
    known = commit() or str(noted.get("vcs_info", {}).get("commit_id", ""))[:12]
    return f"{installed.version} (commit {known})" if known else installed.version


def commit() -> str:
    """The commit of the code that runs, "+" behind it where files were changed since; "" outside a checkout."""
    if not (ROOT / ".git").exists():
        return ""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10)
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() and head.returncode == 0 else "")
