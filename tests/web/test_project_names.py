"""The spellings of a project: each page and answer that takes one takes them all, and answers alike."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.model import ChangeKind, ExportState, GuardArea, GuardChange, UsageExport, UsageFigure
from service.store.circleci import guards, usage
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.openapi.requests import QUERIES
from service.web.pages.pages import TWINS
from tests.support.app_fixture import GREEN, NINE, RED, Instance

pytestmark = [pytest.mark.databases("sqlite", "postgres"), pytest.mark.long]

SLUG = "gh/acme/web"
OTHERS = ("github/acme/web", "acme/web", "web", "ACME/Web", "WEB")
ECHOED = {"project", "project_name", "hints", "unknown"}
"""The keys that answer with what was asked for."""
TAKES_NO_PROJECT = frozenset(
    {
        *("/now.json", "/dead-letters.json", "/silences.json", "/known-problems.json", "/health.json"),
        *("/tests/{id}.json", "/builds/{id}.json", "/projects/{name:path}.json"),
    }
)
GUARD = GuardChange(
    id=UUID(int=1),
    at=NINE,
    scope=SLUG,
    area=GuardArea.PROJECT_SETTINGS,
    name="build_fork_prs",
    kind=ChangeKind.CHANGED,
    before="off",
    after="on",
    sentence="a sentence",
)
EXPORT = UsageExport(
    id="export-1",
    org_id="acme",
    month="2026-03",
    starts_at=datetime(2026, 3, 1, tzinfo=UTC),
    ends_at=datetime(2026, 3, 9, tzinfo=UTC),
    state=ExportState.READ,
    asked_at=NINE,
    changed_at=NINE,
    read_at=NINE,
)
SPENT = UsageFigure(project_name="web", project_slug="github/acme/web", workflow="build", branch="main", credits=7)
ELSEWHERE = replace(SPENT, project_name="api", project_slug="github/acme/api")


def addresses() -> Sequence[str]:
    """Every address of rows that takes a project, up to its name."""
    of_api = [
        f"{key.removeprefix('GET ')}?{'project' if 'project' in names else 'of'}="
        for key, names in QUERIES.items()
        if {"project", "of"} & set(names)
    ]
    of_pages = [
        f"{path}?{'of' if path == '/settings.json' else 'project'}=" for path in TWINS if path not in TAKES_NO_PROJECT
    ]
    paths = ["/projects/-.json?project=", "/projects/", "/feed.atom?project=", "/cctray.xml?project="]
    return [*of_api, *of_pages, *paths]


@pytest.fixture
async def filled(instance: Instance) -> Instance:
    """An instance whose every page has rows of the project."""
    instance.pretend.run_finished(GREEN)
    await instance.finish(GREEN)
    await instance.drain()
    await instance.finish(replace(RED, number=GREEN.number + 1))
    await instance.drain()
    store = instance.service.context.store
    await store.write(guards.add_changes, [GUARD])
    await store.write(usage.claim_export, EXPORT, None)
    await store.write(usage.put_figures, EXPORT, [SPENT, ELSEWHERE])
    instance.http.cookies.set(
        "roundsman", (await instance.http.get("/builds")).request.headers["Cookie"].partition("=")[2]
    )
    return instance


def rows(answer: httpx.Response) -> Any:
    """What an answer says, without what it repeats of the question."""
    assert answer.status_code == 200, (answer.request.url, answer.text)
    if answer.headers["content-type"].startswith("application/json"):
        return {name: value for name, value in answer.json().items() if name not in ECHOED}
    return sorted(re.findall("<Project [^>]*>|<entry>.*?</entry>", answer.text, re.DOTALL))


async def test_each_address_takes_each_spelling(filled: Instance) -> None:
    for address in addresses():
        ending = ".json" if address == "/projects/" else ""
        wanted = rows(await filled.http.get(f"{address}{SLUG}{ending}"))

        for name in OTHERS:
            assert rows(await filled.http.get(f"{address}{name}{ending}")) == wanted, (address, name)
        assert wanted != rows_of_nothing(await filled.http.get(f"{address}nowhere{ending}")), address


def rows_of_nothing(answer: httpx.Response) -> Any:
    """What is answered of a project that is not on record: that, or that there is none."""
    return None if answer.status_code == 404 else rows(answer)


@pytest.mark.parametrize("name", [SLUG, *OTHERS])
async def test_form_of_a_pipeline_takes_each_spelling(filled: Instance, name: str) -> None:
    form = await filled.http.get("/trigger", params={"project": name})
    asked = await filled.http.post("/trigger/ask", data={"project": name, "branch": "main"})

    assert "is not a project slug" not in form.text + asked.text
    assert "write it as CircleCI does" in (await filled.http.get("/trigger?project=nowhere")).text


async def test_name_of_two_projects_is_answered_with_both(filled: Instance) -> None:
    later = as_bytes(workflow_completed(replace(RED, number=GREEN.number + 2))).decode()
    await filled.post(json.loads(later.replace("acme", "corp").replace(WEB.id, str(UUID(int=7)))))
    await filled.drain()

    answers = [
        await filled.http.get(path) for path in ("/api/v1/status?project=web", "/api/v1/settings-changes?of=web")
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("gh/acme/web or gh/corp/web; write the whole of it" in answer.json()["error"] for answer in answers)
