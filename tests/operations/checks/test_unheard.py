"""The command check names projects under hooks of which no route can hear, with the name that routes may have."""

from collections.abc import Iterator

import pytest

from service.testing.fake_circleci.organization import ADA, MOBILE, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED_TO_WEB, TOKEN
from tests.support.cli_runner import Terminal, served
from tests.support.ports import free_port

YAML = """\
receivers:
  web: {{channels: [json://web.invalid]}}
routes:
  - {{receiver: web, match: {match}}}
hooks:
  - {{project: {project}}}
"""


@pytest.fixture
def operator(terminal: Terminal) -> Iterator[Terminal]:
    with served(FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)) as address:
        terminal.configure(RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PORT=str(free_port()))
        yield terminal


def hook_line(operator: Terminal, project: str, match: str) -> str:
    written = YAML.format(project=project, match=match)
    (operator.folder / "roundsman.yaml").write_text(written, encoding="utf-8")
    [line] = [line for line in operator.run("check").lines if f"hook {project}: " in line]
    grade, _, sentence = line.partition(f" hook {project}: ")
    return f"{grade.strip()}: {sentence}"


@pytest.mark.parametrize("match", ["{project: gh/acme/*}", "{project: [gh/acme/*, '!acme/mobile']}"])
def test_project_of_the_github_app_that_no_route_fits_is_noted_with_its_name(operator: Terminal, match: str) -> None:
    assert hook_line(operator, MOBILE.slug, match) == (
        "note: no route hears of it: none has a `project` in its match that fits; CircleCI calls it acme/mobile, so "
        "acme/mobile or acme/* fits it"
    )


@pytest.mark.parametrize("match", ["{project: acme/*}", "{branch: main}", "{project: circleci/*}"])
def test_project_of_the_github_app_that_a_route_fits_is_well(operator: Terminal, match: str) -> None:
    assert hook_line(operator, MOBILE.slug, match) == "ok: the token may see this project"


@pytest.mark.parametrize(
    ("match", "line"),
    [
        ("{project: gh/acme/mobile}", "note: no route hears of it: none has a `project` in its match that fits"),
        ("{project: gh/acme/*}", "ok: the token may see this project"),
        ("{project: github/acme/web}", "ok: the token may see this project"),
        ("{project: acme/web}", "ok: the token may see this project"),
    ],
)
def test_project_of_a_repository_is_compared_by_slug_and_name(operator: Terminal, match: str, line: str) -> None:
    assert hook_line(operator, "gh/acme/web", match) == line
