"""A roundsman.yaml to try things with: written, loaded, and its complaints without the folder."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.config.configuration import Config, load
from service.errors import BadConfig

TEAM = """\
receivers:
  team:
    channels: [json://team.example.com]
"""
ROUTE = TEAM + "routes:\n  - receiver: team\n"  # the route stands in line 5


class File:
    """A roundsman.yaml in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "roundsman.yaml"

    def load(self, text: str | bytes, environ: Mapping[str, str] = {}) -> Config:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load({**environ, "ROUNDSMAN_CONFIG": str(self.path)}, serving=False)

    def complaints(self, text: str | bytes, environ: Mapping[str, str] = {}) -> list[str]:
        """The problems, without the folder."""
        with pytest.raises(BadConfig) as caught:
            self.load(text, environ)
        return [problem.replace(f"{self.folder}/", "") for problem in caught.value.problems]

    def complaint(self, text: str | bytes, environ: Mapping[str, str] = {}) -> str:
        [only] = self.complaints(text, environ)
        return only

    def warnings(self, text: str) -> list[str]:
        config = self.load(text, {"ROUNDSMAN_CIRCLECI_TOKEN": "token"})
        return [warning.replace(f"{self.folder}/", "") for warning in config.warnings]
