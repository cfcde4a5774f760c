"""No page is larger than 120 kB: with a thousand workflows, a long history, and the longest and most hostile names."""

import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.sample_runs import VOUCHERS, suite
from service.web.pages.pages import PAGES
from tests.bench import overviews
from tests.support.app_fixture import NINE, RED, RED_TO_WEB, Clock, Instance, an_instance
from tests.support.fleet import Size
from tests.support.fleet import fill as fill_fleet
from tests.support.longest_history import HOSTILE, LONG, UNBROKEN, WIDE, refuse
from tests.support.operator_client import ADMIN_TOKEN

pytestmark = pytest.mark.long

MAX_BYTES = 120_000
PROJECTS = 340  # of about three workflows each
REDS = 60  # more than a page of each list has
NO_PAGE = ("/static", "/login/", "/health/test", "/deliveries", "/events", "/builds/{id}/", "/trigger/{id}")
"""The beginnings of paths that are no page, lead to another, want more than a path, or ask CircleCI."""
BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}


@dataclass(kw_only=True)
class Site:
    """An instance with a history, and the addresses of every page of it."""

    instance: Instance
    addresses: Sequence[str]

    async def sizes(self) -> dict[str, int]:
        """Return the size of each page; of what an address leads to, where it leads elsewhere."""
        sizes = {}
        begun = await self.instance.stranger().post("/login", data={"token": ADMIN_TOKEN})
        self.instance.http.cookies.set(*begun.headers["set-cookie"].partition(";")[0].split("=", 1))
        for address in self.addresses:
            answer = await self.instance.http.get(address, follow_redirects=True)
            assert answer.status_code == 200, f"{address}: {answer.text}"
            assert "Log out" in answer.text or address in {"/board", "/login"}, address
            sizes[address] = len(answer.content)
        return sizes


def addresses(named: dict[str, Sequence[str]]) -> list[str]:
    """Return the address of every page; one with a name in its path for each of these names."""
    found = []
    for path in PAGES:
        if path.startswith(NO_PAGE):
            continue
        names = named.get(path, [""])
        found += [re.sub(r"\{[^}]+\}", name, path) for name in names]
    return found


async def ids(instance: Instance, path: str) -> list[str]:
    answer = await instance.http.get(path, headers=BEARER)
    found: Any = answer.json()
    parts = found.get("sections", {"": found}).values()
    return [one["id"] for part in parts for one in part["items"]]


async def site_of(instance: Instance, builds: Sequence[str] = ()) -> Site:
    """Return the addresses of an instance, with what its lists name.

    builds   the events that have a page: those of a fleet have no body, and so no page
    """
    places = (await instance.http.get("/projects.json", headers=BEARER)).json()["items"]
    reds = (await instance.http.get("/now.json", headers=BEARER)).json()["items"]
    named = {
        "/builds/{id}": builds,
        "/tests/{id}": (await ids(instance, "/tests.json"))[:4],
        "/incidents/{id}": (await ids(instance, "/api/v1/incidents"))[:2] if builds else [],
        "/projects/{name:path}": [
            *(quote(one["project"]) for one in places[:3]),
            *(quote(f"{one['project']}/{one['workflow']}") for one in reds[:3]),
        ],
    }
    lists = ("/builds?event=any", "/tests?state=failing", "/incidents?state=open", "/builds?q=no+such+words")
    return Site(instance=instance, addresses=[*addresses(named), *lists, "/health/test?receiver=web"])


@pytest.fixture
async def instance(migrated: Path, tmp_path: Path) -> AsyncIterator[Instance]:
    shutil.copy(migrated, tmp_path / "roundsman.db")
    async with an_instance(tmp_path, RED_TO_WEB, clock=Clock(now=NINE)) as instance:
        yield instance


async def test_pages_of_a_thousand_workflows_stay_small(instance: Instance) -> None:
    await fill_fleet(instance.service.context.store, Size(projects=PROJECTS, days=6), NINE)
    tracks = instance.rows("SELECT count(*) FROM tracks WHERE branch = 'main'")[0][0]

    sizes = await (await site_of(instance)).sizes()

    assert tracks > 800
    assert len(sizes) > 25
    assert {address: size for address, size in sizes.items() if size > MAX_BYTES} == {}


async def test_page_of_red_projects_with_many_runs_each_stays_small(instance: Instance) -> None:
    overviews.fill(instance.database.url)

    sizes = await (await site_of(instance)).sizes()

    assert sizes["/"] > 100_000
    assert {address: size for address, size in sizes.items() if size > MAX_BYTES} == {}


async def test_pages_of_the_longest_names_stay_small(instance: Instance) -> None:
    await refuse(instance.service.context.store)
    for number in range(REDS):
        await instance.post(hostile(number))
    await instance.drain()
    await instance.drain(minutes=3)
    for incident in (await ids(instance, "/api/v1/incidents"))[:REDS]:
        taken = {"by": UNBROKEN[:100], "note": HOSTILE[:200]}
        assert (await instance.http.post(f"/api/v1/incidents/{incident}/take", json=taken)).status_code == 200
    for text in LONG * 5:
        silence = {"matchers": {"project": text[:200]}, "until": "2h", "comment": text[:300]}
        assert (await instance.http.post("/api/v1/silences", json=silence)).status_code == 201

    sizes = await (await site_of(instance, (await ids(instance, "/api/v1/events"))[:4])).sizes()

    assert len(sizes) > 30
    assert {address: size for address, size in sizes.items() if size > MAX_BYTES} == {}


async def test_pages_of_endless_names_stay_small(instance: Instance) -> None:
    for number in range(REDS):
        await instance.post(endless(number, "&<>" if number % 2 else "部"))
    await instance.drain()
    await instance.drain(minutes=3)
    site = await site_of(instance, (await ids(instance, "/api/v1/events"))[:4])

    sizes = await site.sizes()

    assert {address: size for address, size in sizes.items() if size > MAX_BYTES} == {}


def endless(number: int, sign: str) -> Any:
    """Return the post of a red run whose names and commit have 18,000 signs that take many bytes of a page."""
    text = f"{number} " + sign * 6_000
    payload: Any = workflow_completed(replace(RED, number=9_000 + number, workflow=text, subject=text, branch=text))
    payload["pipeline"]["vcs"]["revision"] = text
    return payload | {"project": {"id": text, "slug": f"gh/acme/{text}", "name": text}}


def hostile(number: int) -> Any:
    """Return the post of a red run whose names are as long as Git hosts take them: 100 letters, or 244 bytes."""
    text = f"{number} {(*LONG, WIDE)[number % 5]}"
    branch = text.encode()[:244].decode(errors="ignore")
    tests = suite(*(replace(one, name=text[:400], message=text * 3) for one in VOUCHERS), of=30)
    jobs = tuple(replace(job, tests=tests) if job.tests else job for job in RED.jobs)
    run = replace(RED, number=9_000 + number, workflow=text[:100], subject=text, branch=branch, jobs=jobs)
    payload: Any = workflow_completed(run)
    name = text.replace("/", "-")[:100]
    project = {"id": f"project-{number}", "slug": f"gh/acme/{name}", "name": name}
    return payload | {"project": project}
