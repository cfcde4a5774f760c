"""`serve` and `check` say one thing in one severity: what the one logs as a warning, `check --strict` fails for."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.test_processes import settings
from tests.support.app_fixture import RED_TO_WEB
from tests.support.processes import run, serve

pytestmark = pytest.mark.long


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A configuration of which both have something to say, and the line of the log that says it."""

    more: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    said: str | None = None


BUDGET = "budgets: [{project: gh/acme/web, credits: 10}]\noperators: {receiver: web}\n"
TROUBLES = {
    "nothing": Trouble(),
    "example URL": Trouble(environ={"ROUNDSMAN_PUBLIC_URL": "https://roundsman.example.com"}),
    "budget without its reader": Trouble(more="budgets: [{project: gh/acme/web, credits: 10}]\n"),
    "short secret": Trouble(environ={"ROUNDSMAN_WEBHOOK_SECRETS": "short"}),
    "route below all": Trouble(more="  - {name: never, match: {status: failed}, receiver: web}\n"),
    "budget": Trouble(more=BUDGET, said="usage is not fetched"),
}


def both(folder: Path, trouble: Trouble) -> tuple[list[str], list[str], int]:
    """Return the warnings of `serve` and of `check`, and the exit code of `check --strict`."""
    environ = settings(folder, RED_TO_WEB + trouble.more) | trouble.environ
    with serve(folder, environ) as served:
        if trouble.said:
            served.read_until(trouble.said)
        assert served.end() == 0
    logged = [line["event"] for line in served.log if line["level"] == "warning"]
    checked = run("check", "--strict", folder=folder, **environ)
    said = [line for line in checked.stdout.splitlines() if line.startswith("warning")]
    assert checked.stdout.splitlines()[-1].startswith(f"0 things wrong, {len(said)} warning")
    return logged, said, checked.returncode


@pytest.mark.parametrize("name", TROUBLES)
def test_check_warns_of_what_serve_warns_of_and_strict_fails_for_it_alone(tmp_path: Path, name: str) -> None:
    logged, said, code = both(tmp_path, TROUBLES[name])

    assert len(said) == len(logged), (logged, said)
    assert code == (1 if logged else 0)
