"""Clocks that are minutes off: Debian's faketime, loaded before everything else that a process loads."""

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache


def lack() -> str | None:
    """Say why no clock can be turned here; None if one can."""
    return None if shutil.which("faketime") else "faketime is not installed"


def environ_with_skew(environ: Mapping[str, str], seconds: int) -> dict[str, str]:
    """Return the environment of a process whose clock is ahead, or behind; its stopwatch runs on."""
    return {
        **environ,
        "LD_PRELOAD": _library(),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@cache
def _library() -> str:
    """The library that the command loads; the command itself leaves files of its own behind."""
    asked = ["faketime", "-m", "-f", "+0", "printenv", "LD_PRELOAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
