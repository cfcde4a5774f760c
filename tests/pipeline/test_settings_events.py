"""An event settings-changed: routes hear it as they hear of builds, with reasons on record and one message for many."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.model import GuardArea, GuardSnapshot
from service.operations.audit import verify
from service.pipeline.fetching.guards import compare, due_projects, look_at_guards
from service.pipeline.upkeep.prune import prune
from service.pipeline.upkeep.seal import seal
from service.store.circleci import guards
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import MOBILE, SHOP_API, WEB
from tests.support.app_fixture import NINE, RED, Instance, an_instance
from tests.support.log_capture import logged

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  platform: {channels: [json://platform.example.com]}
operators: {receiver: platform}
routes:
  - {name: guards, match: {event: settings-changed, project: gh/acme/*}, receiver: web}
  - {name: of-org, match: {event: settings-changed, org: acme}, receiver: platform}
  - {name: red, match: {status: [failed, error]}, receiver: web}
"""


async def look(instance: Instance, **later: float) -> list[tuple[str, str]]:
    """Look a day later, or so much later; the titles of what was told, by channel."""
    instance.clock.tick(**(later or {"days": 1}))
    before = len(instance.channels.took)
    await instance.service.pipeline.look_at_guards()
    await instance.drain()
    return sorted((label, message.title) for label, message in instance.channels.took[before:])


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        await instance.finish(replace(RED, number=1))
        await instance.drain()
        assert await look(instance) == []
        yield instance


async def event_ids(instance: Instance) -> list[str]:
    """The events of settings, the newest first."""
    found = await instance.http.get("/api/v1/events?event=settings-changed")
    return [one["id"] for one in found.json()["items"]]


async def test_change_is_an_event_with_a_verdict_of_each_route(instance: Instance) -> None:
    instance.pretend.settings.checkout_keys[WEB.slug] = {"deploy-2": "deploy-key"}

    told = await look(instance)

    title = "Checkout key SHA256:deploy-2 added to gh/acme/web: deploy-key"
    assert told == [("web (json)", title)]
    [event_id] = await event_ids(instance)
    shown = await instance.show(event_id)
    verdicts = [(one["route"], one["verdict"], one["reason"]) for one in shown["decisions"]]
    assert verdicts == [
        ("guards", "matched", "event settings-changed matches settings-changed; project gh/acme/web matches gh/acme/*"),
        ("of-org", "preceded", "route 'guards' came first"),
        ("red", "not_matched", "hears workflow-completed only"),
    ]
    assert (shown["kind"], shown["status"], shown["project"]["full_name"]) == (
        "settings-changed",
        "changed",
        "acme/web",
    )
    assert [one["state"] for one in shown["notifications"]] == ["sent"]
    assert instance.fetches() == []  # there is no build to ask for
    assert await look(instance) == []
    assert await look(instance, hours=1) == []


@pytest.mark.long
async def test_change_of_an_organization_is_of_no_project(instance: Instance) -> None:
    instance.pretend.settings.contexts["production"] = ["AWS_ROLE"]

    told = await look(instance)

    assert told == [("platform (json)", "acme: 2 settings changed at CircleCI")]


@pytest.mark.long
async def test_many_changes_of_a_day_are_one_message_with_a_capped_list(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = [f"TOKEN_{number}" for number in range(60)]

    told = await look(instance)

    assert told == [("web (json)", "acme/web: 60 settings changed at CircleCI")]
    text = instance.channels.took[-1][1].text
    assert text.count("Environment variable TOKEN_") == 20
    assert "and 40 more" in text


@pytest.mark.long
async def test_silence_keeps_it_quiet_with_its_reason(instance: Instance) -> None:
    made = {"matchers": {"project": ["gh/acme/web"]}, "until": "3d", "comment": "moving"}
    assert (await instance.http.post("/api/v1/silences", json=made)).is_success
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]

    assert await look(instance) == []

    [event_id] = await event_ids(instance)
    decisions = {one["route"]: one for one in (await instance.show(event_id))["decisions"]}
    assert decisions["guards"]["verdict"] == "silenced"
    assert "moving" in decisions["guards"]["reason"]
    assert len(instance.rows("SELECT id FROM guard_changes")) == 1


@pytest.mark.long
async def test_replay_tells_no_channel_twice(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    assert len(await look(instance)) == 1
    [event_id] = await event_ids(instance)
    before = len(instance.channels.took)

    await instance.act(f"deliveries/{event_id}/replay")
    await instance.drain()

    assert len(instance.channels.took) == before
    assert (await instance.show(event_id))["decisions"][0]["round"] == 2


@pytest.mark.long
async def test_change_found_while_the_service_was_away_for_days_is_not_told(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    instance.clock.tick(days=1)
    await instance.service.pipeline.look_at_guards()

    instance.clock.tick(days=2)
    await instance.drain()

    assert len(instance.channels.took) == 1  # of the red build
    [event_id] = await event_ids(instance)
    first = (await instance.show(event_id))["decisions"][0]
    assert (first["verdict"], first["reason"].rpartition("; late")[2]) == (
        "late",
        ": it was found 2 days ago; it is told for a day only",
    )


@pytest.mark.long
async def test_settings_events_are_no_sign_of_a_silent_hook(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    await look(instance)

    instance.clock.tick(hours=1)
    await instance.service.pipeline.watch_alarms()
    await instance.drain()

    assert not [message.title for _, message in instance.channels.took if "hook" in message.title.lower()]


@pytest.mark.long
async def test_right_that_is_lacking_is_said_once_over_days_and_restarts(folder: Path) -> None:
    said = []
    async with an_instance(folder, ROUTES) as instance:
        clock = instance.clock
        await instance.finish(replace(RED, number=1))
        await instance.drain()
        await look(instance)
    for day in range(4):
        async with an_instance(folder, ROUTES, clock=clock) as instance:  # a restart each day
            instance.pretend.faults.next("*/envvar", broken(403), times=9)
            instance.pretend.faults.next("*/settings", broken(503 if day == 2 else 403), times=9)
            with logged() as talk:
                await look(instance)
                await look(instance, hours=1)
            said += [
                (day, line["area"])
                for line in talk.lines
                if line["event"] == "settings cannot be compared" and line["level"] == "warning"
            ]
    assert sorted(said) == [(0, "env_vars"), (0, "policies"), (0, "project_settings")]
    async with an_instance(folder, ROUTES, clock=clock) as instance:
        with logged() as talk:
            await look(instance)  # it may be read again
            instance.pretend.faults.next("*/envvar", broken(403), times=9)
            await look(instance)
    again = [line["area"] for line in talk.lines if line["event"] == "settings cannot be compared"]
    assert again == ["env_vars"]


@pytest.mark.long
async def test_setting_added_while_a_right_was_lacking_is_told_afterwards(instance: Instance) -> None:
    instance.pretend.faults.next("*/envvar", broken(403), times=1)
    instance.pretend.settings.env_vars[WEB.slug] = ["ADDED"]  # there was none when it was read last

    assert await look(instance) == []
    assert await look(instance) == [("web (json)", "Environment variable ADDED added to gh/acme/web")]


@pytest.mark.long
async def test_project_that_is_gone_is_said_once_and_asked_once_a_day(instance: Instance) -> None:
    instance.pretend.faults.next("*/project/gh/acme/web", broken(404), times=99)

    with logged() as talk:
        for _ in range(3):
            await look(instance)
            await look(instance, hours=1)

    said = [line["project"] for line in talk.lines if line["event"] == "the settings of a project cannot be read"]
    assert said == ["gh/acme/web"]


@pytest.mark.long
async def test_old_changes_are_deleted_and_the_chain_says_so(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    await look(instance)
    instance.clock.tick(minutes=2)
    await seal(instance.service.context)
    assert instance.rows("SELECT count(*) FROM guard_changes") == [(1,)]

    instance.clock.tick(days=instance.service.context.keep_for.days + 1)
    await prune(instance.service.context)

    assert instance.rows("SELECT count(*) FROM guard_changes") == [(0,)]
    assert instance.rows("SELECT count(*) FROM guard_snapshots") == [(0,)]
    report = await instance.service.context.store.snapshot(verify, {})
    assert (report["ok"], report["findings"]) == (True, [])


@pytest.mark.long
async def test_changes_are_kept_as_long_as_other_records(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    await look(instance)

    instance.clock.tick(days=1)
    await prune(instance.service.context)

    found = await instance.service.context.store.read(
        lambda one: guards.find_changes(one, since=NINE - timedelta(days=9))
    )
    assert [one.name for one in found] == ["OTHER"]


@pytest.mark.long
async def test_two_looks_at_once_find_a_change_once(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    instance.clock.tick(days=1)
    store, source = instance.service.context.store, instance.service.context.source
    assert isinstance(source, CircleCI)

    found = await asyncio.gather(*(compare(store, source, [WEB.slug], instance.clock()) for _ in range(3)))
    await instance.drain()

    assert sum(len(one.changes) for one in found) == 1
    assert len(await event_ids(instance)) == 1
    assert [message.title for _, message in instance.channels.took[1:]] == [
        "Environment variable OTHER added to gh/acme/web"
    ]


@pytest.mark.long
async def test_two_looks_at_once_say_a_lacking_right_once(instance: Instance) -> None:
    context = instance.service.context
    assert isinstance(context.source, CircleCI)
    instance.pretend.faults.next("*/checkout-key", broken(403), times=2)
    instance.clock.tick(days=1)

    with logged() as talk:
        looks = [compare(context.store, context.source, [WEB.slug], instance.clock()) for _ in range(2)]
        await asyncio.gather(*looks)

    said = [line["area"] for line in talk.lines if line["event"] == "settings cannot be compared"]
    assert said == ["checkout_keys"]


@pytest.mark.long
async def test_look_that_asked_earlier_and_wrote_later_changes_nothing(instance: Instance) -> None:
    store, source = instance.service.context.store, instance.service.context.source
    assert isinstance(source, CircleCI)
    asked_at = instance.clock()
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]
    await look(instance)

    instance.pretend.settings.env_vars[WEB.slug] = []  # as it was when the slow look asked
    late = await compare(store, source, [WEB.slug], asked_at)

    assert late.changes == []
    assert instance.rows("SELECT count(*) FROM guard_changes") == [(1,)]


@pytest.mark.long
async def test_quiet_hours_keep_it_for_their_end(folder: Path) -> None:
    routes = ROUTES.replace(
        "project: gh/acme/*}, receiver: web}",
        'project: gh/acme/*}, receiver: web, active: {hours: "12:00-18:00", timezone: UTC}}',
    )
    async with an_instance(folder, routes) as instance:
        await instance.finish(replace(RED, number=1))
        await instance.drain()
        await look(instance)
        instance.pretend.settings.env_vars[WEB.slug] = ["OTHER", "ANOTHER"]
        assert await look(instance) == []

        await instance.drain(hours=3)

        assert instance.channels.took[-1][1].title == "Kept back in quiet hours: 1 message"
        assert "acme/web settings: 1 changed" in instance.channels.took[-1][1].text


def test_projects_take_turns_by_their_last_look() -> None:
    now = NINE
    looked = {f"gh/acme/p{number}": now - timedelta(hours=number) for number in range(30)}
    known = {
        (scope, GuardArea.ENV_VARS): GuardSnapshot(scope=scope, area=GuardArea.ENV_VARS, states={}, taken_at=at)
        for scope, at in looked.items()
    }

    due = due_projects([*looked, "gh/acme/new"], known, now)

    assert due == ["gh/acme/new", *(f"gh/acme/p{number}" for number in range(29, 22, -1))]


@pytest.mark.long
async def test_more_projects_than_one_look_takes_are_read_in_the_next(instance: Instance) -> None:
    await instance.finish(replace(RED, project=SHOP_API, number=1))
    await instance.drain()
    instance.clock.tick(days=1)

    with logged() as talk:
        await look_at_guards(instance.service.context, max_projects=1)
    assert [line["waiting"] for line in talk.lines if "waiting" in line and "settings" in line["event"]] == [1]
    instance.clock.tick(hours=1)
    await look_at_guards(instance.service.context, max_projects=1)

    found = await instance.service.context.store.read(guards.find_snapshots)
    recent = {one.scope for one in found if instance.clock() - one.taken_at < timedelta(hours=2)}
    assert recent == {"gh/acme", "gh/acme/shop-api", "gh/acme/web"}


@pytest.mark.long
async def test_project_whose_slug_is_of_codes_is_told_by_its_name(folder: Path) -> None:
    routes = ROUTES.replace("project: gh/acme/*", "project: acme/mobile")
    async with an_instance(folder, routes) as instance:
        await instance.finish(replace(RED, project=MOBILE, number=1))
        await instance.drain()
        await look(instance)
        instance.pretend.settings.env_vars[MOBILE.slug] = ["OTHER"]

        assert await look(instance) == [("web (json)", "Environment variable OTHER added to acme/mobile")]

        await instance.http.get("/builds")  # logged in
        page = await instance.http.get("/settings")
        assert "<bdi>acme/mobile</bdi>" in page.text
