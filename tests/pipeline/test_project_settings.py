"""The settings of projects: their default branch, and when a silent red expires."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.config.configuration import load
from service.testing.fake_circleci.organization import MOBILE, Run
from service.testing.fake_circleci.payloads import Payload, workflow_completed
from tests.support.app_fixture import RED, Instance, an_instance, environ

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: "*"}
    receiver: web
"""
DEVELOP = ROUTES + "projects:\n  gh/acme/web: {default_branch: develop, expire: 3d}\n"
RED_TRACKS = "SELECT branch FROM tracks WHERE color = 'red' ORDER BY branch"


def run(number: int, branch: str, status: str = "failed") -> Run:
    return replace(RED, number=number, branch=branch, status=status)


async def finish(instance: Instance, *runs: Run) -> None:
    for one in runs:
        await instance.finish(one)
        await instance.drain()


async def red_after(instance: Instance, **later: float) -> list[str]:
    """The branches that are red still after a time without runs."""
    instance.clock.tick(**later)
    await instance.service.pipeline.expire_incidents()
    return [branch for (branch,) in instance.rows(RED_TRACKS)]


def of_app(run: Run, default_branch: str) -> Payload:
    """The post of a run at a project of the GitHub App, which tells the default branch."""
    payload = workflow_completed(replace(run, project=MOBILE))
    payload["pipeline"]["trigger_parameters"]["git"]["default_branch"] = default_branch
    return payload


async def state_of(instance: Instance, project: str) -> dict[str, object]:
    found: dict[str, object] = (await instance.http.get(f"/api/v1/status?project={project}")).json()
    return {name: found[name] for name in ("branch", "state")}


async def test_branches_without_settings_expire_after_two_weeks_and_main_after_thirty_days(folder: Path) -> None:
    async with an_instance(folder, ROUTES) as instance:
        await finish(instance, run(901, "main"), run(902, "develop"))

        assert await red_after(instance, days=15) == ["main"]
        assert await red_after(instance, days=16) == []


@pytest.mark.long
async def test_the_default_branch_and_the_expiry_are_those_of_the_file(folder: Path) -> None:
    async with an_instance(folder, DEVELOP) as instance:
        await finish(instance, run(901, "main", "success"), run(902, "develop"))

        assert await state_of(instance, "gh/acme/web") == {"branch": "develop", "state": "red"}
        assert await red_after(instance, days=2) == ["develop"]
        assert await red_after(instance, days=2) == []


@pytest.mark.long
async def test_a_post_tells_the_default_branch(folder: Path) -> None:
    async with an_instance(folder, ROUTES) as instance:
        for number, branch in ((901, "main"), (902, "develop")):
            await instance.post(of_app(run(number, branch), "develop"))
            await instance.drain()

        assert (await state_of(instance, "acme/mobile"))["branch"] == "develop"
        assert await red_after(instance, days=15) == ["develop"]


@pytest.mark.long
async def test_changed_settings_hold_for_branches_without_new_runs(folder: Path) -> None:
    async with an_instance(folder, ROUTES) as instance:
        await finish(instance, run(901, "main"), run(902, "develop"))
        instance.service.reload(load(environ(folder, DEVELOP)))
        assert await red_after(instance, days=2) == ["develop", "main"]
        assert await red_after(instance, days=2) == []

        instance.service.reload(load(environ(folder, ROUTES)))
        await red_after(instance, days=0)
        assert instance.rows("SELECT own_default, expire_s FROM tracks") == [(None, None), (None, None)]


@pytest.mark.long
async def test_a_red_that_expired_by_the_file_is_news_again(folder: Path) -> None:
    async with an_instance(folder, DEVELOP) as instance:
        await finish(instance, run(901, "develop"))
        late = replace(run(902, "develop"), pushed_at=RED.pushed_at + timedelta(days=4))
        await finish(instance, late)

        assert [str(message.news) for _, message in instance.channels.took] == ["broke", "broke"]
