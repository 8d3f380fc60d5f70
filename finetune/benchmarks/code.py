"""Whether code that a model wrote passes its tests: run in a process of its own, bounded in time and memory, without a network.

Code from a model is untrusted. It runs only where a network namespace can be had (``unshare``, Linux), in an empty folder that goes
afterwards, with no variables of this process, and only when it is asked for (``--run-code``); it and what it starts end together. It can
still read and write what any program of this user can: run it as a user, or in a container, that has nothing to lose.
"""

from __future__ import annotations

import re
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
from functools import cache

SECONDS = 10
MEMORY_BYTES = 1 << 30
FILE_BYTES = 1 << 20
_APART = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
_BLOCK = re.compile(r"^[ \t]*```[^\n`]*\r?\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_DEFINES = re.compile(r"^\s*(?:async\s+def|def|class)\s", re.MULTILINE)


def code_of(text: str) -> str:
    """The last block in an answer that defines something, else the last; without any the whole text, "" where it is no code.

    >>> code_of("Here:\\n```python\\ndef f():\\n    return 1\\n```\\nDone.")
    'def f():\\n    return 1\\n'
    """
    blocks = [str(block).replace("\r\n", "\n") for block in _BLOCK.findall(text)]
    if blocks:
        return next((block for block in reversed(blocks) if _DEFINES.search(block)), blocks[-1])
    return text if re.search(r"^\s*(?:def|class|import|from) ", text, re.MULTILINE) else ""


@cache
def can_run() -> bool:
    """Whether a process without a network can be had here."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run([*_APART, "true"], capture_output=True, timeout=10)
    return done.returncode == 0


def passes(code: str, tests: str) -> bool:
    """Whether ``tests`` run through behind ``code``.

    Raises:
        ValueError: where no process without a network can be had.
    """
    if not can_run():
        raise ValueError("code is run without a network only, and unshare gives none here; leave code tasks out")
    token = secrets.token_hex(16)  # an exit before the tests have run is no pass
    program = f"__name__ = 'solution'\n{code}\n\n{tests}\nprint({token!r})\n"
    with tempfile.TemporaryDirectory(prefix="logicflow-code-") as folder:
        try:
            done = subprocess.run(
                [*_APART, sys.executable, "-I", "-c", program],
                cwd=folder,
                env={"PATH": "/usr/bin:/bin", "HOME": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS + 5,
                preexec_fn=_bound,  # nothing but limits is set, and no lock is taken
                start_new_session=True,
            )
        except (subprocess.TimeoutExpired, ValueError):  # ValueError: a null byte in the code
            return False
    return done.returncode == 0 and done.stdout.decode(errors="replace").rstrip().endswith(token)


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NPROC, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
