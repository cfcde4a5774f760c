"""Rights that the configuration needs and a token lacks: told once, and when they are there again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.config.configuration import load
from service.model import GuardArea, GuardSnapshot
from service.operations.checks.right_watch import RightWatch, read_right_setting
from service.store.circleci import guards
from service.testing.fake_circleci.faults import broken
from tests.pipeline.alarms.test_watch_alarms import ROUTES
from tests.support.app_fixture import RED, Instance, an_instance, environ
from tests.support.long_cases import first_and_long

pytestmark = pytest.mark.databases("sqlite", "postgres")

OPS = "platform (json)"
TITLE = "Roundsman: a token of CircleCI lacks a right"
SCHEDULES = "schedules: [{project: gh/acme/web, name: nightly, hours: [3], days: [mon], branch: main}]\n"
HEARS_SETTINGS = "  - {receiver: web, match: {event: settings-changed}}\n"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def watch_of(instance: Instance, yaml: str = ROUTES) -> RightWatch:
    return RightWatch(lambda: instance.service.context, read_right_setting(load(environ(instance.folder, yaml))))


async def look(instance: Instance, watch: RightWatch) -> list[tuple[str, str]]:
    """Look once; the titles and texts that the operators were told."""
    instance.clock.tick(hours=6)
    before = len(instance.channels.took)
    await watch.look()
    await instance.drain()
    return [(message.title, message.text) for label, message in instance.channels.took[before:] if label == OPS]


@pytest.mark.long
async def test_a_token_that_sees_no_project_is_told_once_and_when_it_does(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    watch = watch_of(instance)
    assert await look(instance, watch) == []

    for _ in range(3):
        instance.pretend.faults.next("/project/*", broken(404))
        told = await look(instance, watch)
        if _ == 0:
            [(title, text)] = told
        else:
            assert told == []
    assert title == TITLE
    assert "ROUNDSMAN_CIRCLECI_TOKEN may not see builds (gh/acme), so messages lack jobs" in text
    assert "CircleCI answered 404" in text
    assert "`roundsman token` tries each right" in text
    assert [title for title, _ in await look(instance, watch)] == [f"{TITLE}: this has ended"]


@pytest.mark.parametrize("status", first_and_long([401, 429, 503]))
async def test_an_answer_that_says_nothing_of_rights_changes_nothing(instance: Instance, status: int) -> None:
    await instance.finish(RED)
    await instance.drain()
    watch = watch_of(instance)
    instance.pretend.faults.next("/project/*", broken(403))
    assert len(await look(instance, watch)) == 1

    instance.pretend.faults.next("/project/*", broken(status))
    assert await look(instance, watch) == []


async def test_schedules_need_the_token_that_manages(instance: Instance) -> None:
    watch = watch_of(instance, ROUTES + SCHEDULES)
    instance.pretend.faults.next("/project/*/schedule", broken(403))

    [(_, text)] = await look(instance, watch)

    assert "may not see schedules (gh/acme/web), so `schedules:` of roundsman.yaml is not applied" in text
    watch.reload(load(environ(instance.folder, ROUTES)))
    assert [title for title, _ in await look(instance, watch)] == [f"{TITLE}: this has ended"]


@pytest.mark.parametrize(("route", "alarms"), [(HEARS_SETTINGS, 1), ("", 0)])
async def test_settings_that_a_route_hears_of_and_no_look_may_read_are_told(
    folder: Path, route: str, alarms: int
) -> None:
    async with an_instance(folder, ROUTES + route) as instance:
        refused = "CircleCI answered 403 to GET /context: an organization admin's token is needed to see contexts"
        for area in (GuardArea.CONTEXTS, GuardArea.CHECKOUT_KEYS):
            snapshot = GuardSnapshot(scope="gh/acme", area=area, states={}, taken_at=instance.clock(), lacking=refused)
            await instance.service.context.store.write(guards.put_snapshot, snapshot)

        told = await look(instance, watch_of(instance, ROUTES + route))

        assert len(told) == alarms
        assert all("some settings (checkout keys of gh/acme, contexts of gh/acme)" in text for _, text in told)
        instance.clock.tick(days=4)  # nothing looked at them since: the projects are gone
        assert len(await look(instance, watch_of(instance, ROUTES + route))) == alarms


async def test_without_operators_or_a_token_nothing_is_asked(folder: Path) -> None:
    async with an_instance(folder, ROUTES.replace("operators: {receiver: platform}\n", "")) as instance:
        await instance.finish(RED)
        await instance.drain()
        before = len(instance.pretend.calls)

        assert await look(instance, watch_of(instance)) == []

        assert len(instance.pretend.calls) == before
