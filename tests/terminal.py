"""Somebody at a terminal: what they type, what they read, and the exit code."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from tests.house import environ


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
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(code=ended.value.code, out=printed.out, err=printed.err)
