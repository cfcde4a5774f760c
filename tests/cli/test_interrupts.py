"""Ctrl-C and SIGTERM while a command starts, in the middle of what it imports."""

import signal
from pathlib import Path

import pytest

from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.processes import run

pytestmark = pytest.mark.long

INTERRUPTED = """\
import os
import sys
from importlib.abc import MetaPathFinder


class Named:
    def __set_name__(self, *_):
        os.kill(os.getpid(), {number})


class Finder(MetaPathFinder):
    def find_spec(self, name, *_):
        if name == {module!r}:
            type("Made", (), {{"named": Named()}})


sys.meta_path.insert(0, Finder())
"""
"""A module that Python imports before all others: a signal arrives while a class is made during an import."""


def interrupted(folder: Path, *words: str, module: str, number: int) -> tuple[int, str]:
    """Return the exit code of a command, and what it says."""
    (folder / "sitecustomize.py").write_text(INTERRUPTED.format(number=number, module=module))
    ended = run(*words, folder=folder, **environ(folder, RED_TO_WEB), PYTHONPATH=str(folder))
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_service_that_is_stopped_while_it_imports_ends_without_a_word(tmp_path: Path, number: int) -> None:
    assert interrupted(tmp_path, "serve", module="service.app.reload", number=number) == (0, "")


def test_command_that_is_interrupted_while_it_imports_says_that_nothing_was_done(tmp_path: Path) -> None:
    ended = interrupted(tmp_path, "events", "list", module="sqlalchemy", number=signal.SIGINT)

    assert ended == (1, "nothing was done\n")
