"""Somebody at a terminal: what they type, what they read, and the exit code."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from starlette.applications import Starlette

from service.cli._app import main
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import environ


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problems(self) -> list[str]:
        """What went wrong, in sentences; a service that cannot start says each in a line of JSON."""
        return [json.loads(line)["problem"] if line.startswith("{") else line for line in self.err.splitlines()]


@contextmanager
def signals_as_they_are() -> Iterator[None]:
    """Undo what a command does to signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Terminal:
    """Runs the console script's own function in a folder, with an environment of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "80")
        for name in [name for name in os.environ if name.startswith("ROUNDSMAN_")]:
            monkeypatch.delenv(name)

    def set(self, **values: str) -> None:
        """Set variables of the environment."""
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)

    def unset(self, name: str) -> None:
        self._monkeypatch.delenv(name)

    def configure(self, routes: str, **more: str) -> None:
        """Write a roundsman.yaml, and set all that `serve` needs."""
        self.set(**environ(self.folder, routes, **more))

    def run(self, *words: str) -> Said:
        self._monkeypatch.setattr(sys, "argv", ["roundsman", *words])
        self._monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as ended, signals_as_they_are(), patch.dict(os.environ):
            main()
        printed = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(code=ended.value.code, out=printed.out, err=printed.err)


@contextmanager
def served(pretend: FakeCircleCI) -> Iterator[str]:
    """Serve the pretend CircleCI from a thread, since commands have an event loop of their own; its address."""
    with served_app(pretend.app) as address:
        yield address


@contextmanager
def served_app(app: Starlette) -> Iterator[str]:
    """Serve an application in the same way."""
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    addresses: list[str] = []

    async def serve() -> None:
        async with serving(app, listen("127.0.0.1", 0)) as address:
            addresses.append(address)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(timeout=120)
    try:
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
