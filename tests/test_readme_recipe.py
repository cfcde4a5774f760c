"""The README's try-out without CircleCI, typed word for word: a service, an inbox, and a signed post."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.generate_docs import ROOT
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, serve, surroundings

CHAPTER = re.compile(r"^## Try it without CircleCI$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def ended_after(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


def terminals() -> list[list[str]]:
    """Return the lines that are typed into each of the three terminals, the last with the answer that is shown."""
    found = CHAPTER.search((ROOT / "README.md").read_text())
    assert found
    return [[line.removeprefix("$ ") for line in block.splitlines()] for block in BLOCK.findall(found[1])]


def typed(lines: list[str], *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type lines in a folder; what they did."""
    return subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        cwd=folder,
        env=surroundings({}),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


def clone(folder: Path) -> Path:
    """Return a folder with what the chapter takes from a clone after `make install`."""
    for part in ("docs", "roundsman.example.yaml"):
        (folder / part).symlink_to(ROOT / part)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(ROUNDSMAN.parent)
    return folder


@pytest.mark.long
@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="the recipe needs openssl and curl")
def test_recipe_of_the_readme_is_accepted_told_and_looked_up(tmp_path: Path) -> None:
    [*prepared, serving], [*entered, opening], [*posted, answer] = terminals()
    folder = clone(tmp_path)
    with (
        subprocess.Popen(
            [str(ROUNDSMAN), *opening.split()[1:], "--port", "0"],
            cwd=folder,
            env=surroundings({}),
            stdout=subprocess.PIPE,
            text=True,
        ) as inbox,
        ended_after(inbox),
    ):
        assert inbox.stdout
        port = inbox.stdout.readline().strip().removesuffix("/NAME").rpartition(":")[2]
        assert any(":9000/" in line for line in prepared)
        made = typed([line.replace(":9000/", f":{port}/") for line in prepared], folder=folder)
        settings = dict(re.findall(r"^(\w+)=(.*)$", (folder / "try" / "roundsman.env").read_text(), re.MULTILINE))
        del settings["PATH"]
        with serve(folder / "try", settings, serving.split()[1]) as served:
            hook = served.address.rpartition(":")[2]
            sent = typed([line.replace(":8000/", f":{hook}/") for line in posted], folder=folder)
            told = inbox.stdout.readline()
            looked = typed([*entered, "which roundsman", "roundsman events list"], folder=folder)
            served.end()

    assert (made.returncode, made.stderr) == (0, "")
    assert (sent.returncode, sent.stdout.splitlines()[0].strip()) == (0, answer)
    assert told == "  web-team | acme/web main broke: build-and-test failed\n"
    assert "/.venv/bin/roundsman" in looked.stdout.splitlines()[0]
    assert "acme/web" in looked.stdout.splitlines()[-1]
