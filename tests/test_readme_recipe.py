"""The README's recipe for a post without CircleCI, typed word for word: a signed post to a running `serve`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app_fixture import SECRET
from tests.generate_docs import ROOT
from tests.processes import ENDS_WITHIN_S, ROUNDSMAN, serve, surroundings

BLOCK = re.compile(r"^No CircleCI at hand\?.*?^```console\n(?P<typed>.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def ended_after(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


def recipe(port: int) -> tuple[str, str]:
    """Return the commands of the recipe, for this port, and the answer that it shows."""
    found = BLOCK.search((ROOT / "README.md").read_text())
    assert found
    *commands, answer = found["typed"].splitlines()
    typed = "\n".join(line.removeprefix("$ ") for line in commands)
    assert ":8000/" in typed
    return typed.replace(":8000/", f":{port}/"), answer


@pytest.mark.long
@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="the recipe needs openssl and curl")
def test_recipe_of_the_readme_is_accepted_and_told(tmp_path: Path) -> None:
    given = {"ROUNDSMAN_WEBHOOK_SECRETS": SECRET}
    with (
        subprocess.Popen(
            [str(ROUNDSMAN), "inbox", "--port", "0"],
            cwd=tmp_path,
            env=surroundings({}),
            stdout=subprocess.PIPE,
            text=True,
        ) as inbox,
        ended_after(inbox),
    ):
        assert inbox.stdout
        channel = inbox.stdout.readline().strip().removeprefix("a channel that leads here: ")
        example = (ROOT / "roundsman.example.yaml").read_text()
        (tmp_path / "roundsman.yaml").write_text(
            example.replace("${SLACK_WEB_TEAM}", channel.replace("NAME", "web-team"))
        )
        with serve(tmp_path, given) as served:
            commands, answer = recipe(int(served.address.rpartition(":")[2]))
            typed = subprocess.run(
                ["bash", "-euc", commands],
                cwd=ROOT,
                env=surroundings(given),
                capture_output=True,
                text=True,
                timeout=ENDS_WITHIN_S,
                check=False,
            )
            told = inbox.stdout.readline()
            served.end()

    assert (typed.returncode, typed.stdout.splitlines()[0].strip()) == (0, answer)
    assert told.startswith("  web-team | ")
