"""News that a route groups: one message tells them, each is on record, and nothing is lost or told twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.config.configuration import load
from service.errors import Permanent, Temporary
from service.operations.checks.group_checks import check_groups
from service.operations.notification_status import status_phrases
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Instance, an_instance, environ

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - name: main
    match: {branch: main, transition: [broke, still_broken, fixed]}
    receiver: web
    group: {by: [%s], wait: 20s}
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman whose route tells all in one message."""
    async with an_instance(folder, ROUTES % "receiver") as instance:
        yield instance


def run(workflow: str, status: str = "failed", number: int = 901, **changes: Any) -> Run:
    """A run of a workflow on main."""
    return replace(
        RED,
        workflow=workflow,
        number=number,
        status=status,
        pushed_at=RED.pushed_at + timedelta(minutes=30 * (number - 900)),
        **changes,
    )


async def finish(instance: Instance, *runs: Run) -> list[str]:
    """End runs at once; the events' ids."""
    found = [await instance.finish(one) for one in runs]
    await instance.drain()
    return found


async def wait(instance: Instance, seconds: int = 20) -> list[str]:
    """Let time pass; the titles of the messages that come."""
    before = len(instance.channels.took)
    instance.clock.tick(seconds=seconds)
    await instance.drain()
    return [message.title for _, message in instance.channels.took[before:]]


def states(instance: Instance) -> list[tuple[str, str, bool]]:
    """The news, state and membership of each notification, in the order planned."""
    query = "SELECT news, state, told_in IS NOT NULL FROM notifications ORDER BY created_at, news DESC, id"
    return [(news, state, bool(told_in)) for news, state, told_in in instance.rows(query)]


def told(instance: Instance) -> list[str]:
    return [color for (color,) in instance.rows("SELECT color FROM told ORDER BY track_id")]


@pytest.mark.long
async def test_news_within_the_wait_are_one_message_and_each_is_on_record(instance: Instance) -> None:
    first, *_ = await finish(instance, run("build"), run("deploy"), run("lint"))
    assert await wait(instance, 19) == []
    assert told(instance) == []
    [waiting, *_] = (await instance.show(first))["notifications"]
    assert (waiting["state"], waiting["waits_for"]) == ("pending", "group")

    assert await wait(instance, 1) == ["3 workflows broke in acme/web main"]
    assert told(instance) == ["red"] * 3
    shown = await instance.show(first)
    assert shown["decisions"][0]["reason"].endswith(
        "web (json) hears of it at 09:30:20 UTC, in one message with others of the same receiver"
    )
    assert [(one["state"], one["told_in"] is not None) for one in shown["notifications"]] == [("sent", True)]


async def test_news_alone_are_told_as_always(instance: Instance) -> None:
    await finish(instance, run("build"))

    [title] = await wait(instance)
    assert title.startswith("acme/web main broke: ")
    assert states(instance) == [("broke", "sent", False)]


@pytest.mark.long
async def test_what_was_fixed_while_it_waited_is_told_to_no_one(instance: Instance) -> None:
    await finish(instance, run("build"), run("lint"), run("deploy"))
    await finish(instance, run("lint", "success", 902))

    assert await wait(instance) == ["2 workflows broke in acme/web main"]
    assert told(instance) == ["red", "red"]
    assert sorted(states(instance)) == [
        ("broke", "dropped", False), ("broke", "sent", True), ("broke", "sent", True), ("summary", "sent", False),
    ]  # fmt: skip


@pytest.mark.long
async def test_what_is_fixed_later_is_told_to_those_who_were_told_in_a_group(instance: Instance) -> None:
    await finish(instance, run("build"), run("lint"))
    await wait(instance)
    await finish(instance, run("build", "success", 902), run("lint", "success", 902), run("deploy", number=902))

    assert await wait(instance) == ["1 workflow broke, 2 were fixed in acme/web main"]
    assert sorted(told(instance)) == ["green", "green", "red"]


@pytest.mark.long
async def test_a_newer_red_takes_the_place_of_what_waits_and_waits_no_longer_than_that(instance: Instance) -> None:
    await finish(instance, run("build"), run("lint"))
    instance.clock.tick(seconds=15)
    await finish(instance, run("build", number=902))

    assert await wait(instance, 5) == ["2 workflows broke in acme/web main"]
    assert "acme/web main build #901" not in instance.channels.took[0][1].text
    assert "acme/web main build #902" in instance.channels.took[0][1].text


@pytest.mark.long
async def test_a_group_that_became_a_dead_letter_has_told_nothing(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel refuses")]
    await finish(instance, run("build"), run("lint"))
    await wait(instance)
    assert told(instance) == []

    await finish(instance, run("build", number=902))
    [title] = await wait(instance)
    assert title.startswith("acme/web main broke: ")

    [dead] = (await instance.dead_letters())["notifications"]
    await instance.act(f"notifications/{dead['id']}/resend")
    await instance.drain()
    assert told(instance) == ["red", "red"]


@pytest.mark.long
async def test_news_of_a_group_that_became_a_dead_letter_are_shown_as_not_delivered(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel refuses")]
    await finish(instance, run("build"), run("lint"))
    await wait(instance)
    event_id = instance.rows("SELECT event_id FROM notifications WHERE event_id IS NOT NULL")[0][0]

    async def shown() -> tuple[str, list[str]]:
        [one] = (await instance.show(str(event_id)))["notifications"]
        return one["reason"], [phrase.words for phrase in status_phrases(one)]

    assert await shown() == ("the message that was to tell it with others was not delivered", ["not delivered"])
    [dead] = (await instance.dead_letters())["notifications"]
    await instance.act(f"notifications/{dead['id']}/resend")
    assert (await shown())[1] == ["to be told in one message with others"]
    await instance.drain()
    assert (await shown())[1] == ["told in one message with others"]


@pytest.mark.long
async def test_news_leave_a_group_that_was_put_off_when_newer_ones_come(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("the channel is away")]
    await finish(instance, run("build"), run("lint"))
    await wait(instance)
    await finish(instance, run("build", "success", 902))

    assert await wait(instance, 60) == ["1 workflow broke in acme/web main"]
    assert told(instance) == ["red"]
    assert sorted(states(instance)) == [
        ("broke", "dropped", False), ("broke", "sent", True), ("summary", "sent", False),
    ]  # fmt: skip


@pytest.mark.long
async def test_a_group_with_nothing_left_is_not_sent(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("the channel is away")]
    await finish(instance, run("build"), run("lint"))
    await wait(instance)
    await finish(instance, run("build", "success", 902), run("lint", "success", 902))

    assert await wait(instance, 3600) == []
    assert {state for _, state, _ in states(instance)} == {"dropped"}


@pytest.mark.long
async def test_a_restart_continues_the_wait(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "receiver") as instance:
        await finish(instance, run("build"), run("lint"))
        clock = instance.clock
    async with an_instance(folder, ROUTES % "receiver", clock=clock) as instance:
        assert await wait(instance, 19) == []
        assert await wait(instance, 1) == ["2 workflows broke in acme/web main"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("pipeline", ["2 workflows broke in acme/web main", "2 workflows broke in acme/web main"]),
        ("receiver", ["4 workflows broke in acme/web main"]),
        ("fingerprint", ["4 workflows broke in acme/web main"]),  # their failing tests are the same
        ("pipeline, fingerprint", ["2 workflows broke in acme/web main", "2 workflows broke in acme/web main"]),
    ],
)
async def test_news_of_a_group_share_what_it_is_by(folder: Path, by: str, titles: list[str]) -> None:
    async with an_instance(folder, ROUTES % by) as instance:
        await finish(instance, run("build"), run("lint"), run("deploy", number=902), run("docs", number=902))

        assert await wait(instance) == titles


@pytest.mark.long
async def test_each_run_of_a_track_is_named_where_each_is_told(folder: Path) -> None:
    each = (ROUTES % "track").replace("transition: [broke, still_broken, fixed]", "status: [failed, success]")
    async with an_instance(folder, each) as instance:
        await finish(instance, run("build"), run("build", number=902), run("build", "success", 903), run("lint"))

        assert sorted(await wait(instance)) == [
            "2 runs failed, 1 succeeded in acme/web main",
            "acme/web main: lint failed",
        ]
        assert sorted(told(instance)) == ["green", "red"]


@pytest.mark.long
async def test_news_alone_wait_for_their_details_as_always(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=1000)
    await finish(instance, run("build"))
    assert await wait(instance, 20) == []

    [title] = await wait(instance, 100)
    assert title == "acme/web main broke: build failed"


@pytest.mark.long
async def test_what_waited_for_the_morning_is_one_message_then(folder: Path) -> None:
    night = "    active: {hours: '18:00-20:00'}\n"
    async with an_instance(folder, ROUTES % "receiver" + night) as instance:
        await finish(instance, run("build"), run("lint"))
        await finish(instance, run("deploy"), run("deploy", "success", 902))

        assert sorted(await wait(instance, 9 * 3600)) == [
            "2 workflows broke in acme/web main",
            "Kept back in quiet hours: 1 message",
        ]
        assert sorted(told(instance)) == ["red", "red"]


@pytest.mark.long
async def test_a_news_that_a_person_resends_is_told_by_itself(instance: Instance) -> None:
    first, *_ = await finish(instance, run("build"), run("lint"))
    await wait(instance)
    [notification] = (await instance.show(first))["notifications"]

    await instance.act(f"notifications/{notification['id']}/resend")
    assert [title[:20] for title in await wait(instance)] == ["acme/web main broke:"]


@pytest.mark.long
async def test_two_looks_at_one_group_send_it_once(instance: Instance) -> None:
    await finish(instance, run("build"), run("lint"), run("deploy"))
    instance.clock.tick(seconds=20)
    ids = [one for (one,) in instance.rows("SELECT id FROM notifications")]
    for one in ids * 2:
        await instance.work("send", str(UUID(str(one))))
    await instance.drain()

    assert [message.title for _, message in instance.channels.took] == ["3 workflows broke in acme/web main"]


@pytest.mark.long
async def test_incidents_and_living_messages_are_never_grouped(folder: Path) -> None:
    alarm = "pagerduty://0123456789abcdef0123456789abcdef@0123456789abcdef0123"
    slack = "slack-bot://xoxb-1234-1234-abcdefgh/C0123456"
    routes = (ROUTES % "receiver").replace("json://web.example.com", f"{alarm}, '{slack}', json://web.example.com")
    async with an_instance(folder, routes) as instance:
        await finish(instance, run("build"), run("lint"))
        await wait(instance, 2)
        assert sorted(instance.channels.told) == ["web (pagerduty)"] * 2 + ["web (slack-bot)"] * 2

        assert await wait(instance, 18) == ["2 workflows broke in acme/web main"]
        notes = [finding.sentence for finding in check_groups(load(environ(folder, routes)))]
    assert notes == [
        "web (pagerduty), web (slack-bot) gets a message of its own for each incident: `group` is for the others"
    ]


RERUN_WAIT = "projects:\n  gh/acme/*: {rerun_wait: 10m}\n"


@pytest.mark.long
@pytest.mark.parametrize("is_red_again", [False, True])
async def test_news_that_waited_for_reruns_are_one_message_of_their_group(folder: Path, is_red_again: bool) -> None:
    async with an_instance(folder, ROUTES % "receiver" + RERUN_WAIT) as instance:
        ended_at = run("build").stopped_at
        instance.clock.now = ended_at
        await finish(instance, *(run(name, auto_reruns=(0, 1)) for name in ("build", "lint")))
        assert await wait(instance, 60) == []
        if is_red_again:
            reruns = [run(name, attempt=2, auto_reruns=(1, 1), waited_s=360) for name in ("build", "lint")]
            instance.clock.now = reruns[0].stopped_at
            await finish(instance, *reruns)
            assert instance.channels.told == []

        [title] = await wait(instance, 20 if is_red_again else 600)
        assert title == "2 workflows broke in acme/web main"
        assert told(instance) == ["red", "red"]


@pytest.mark.long
async def test_a_member_of_a_group_that_a_rerun_turned_green_is_left_out(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "receiver" + RERUN_WAIT) as instance:
        instance.clock.now = run("build").stopped_at
        await finish(instance, *(run(name, auto_reruns=(0, 1)) for name in ("build", "lint")))
        await wait(instance, 60)
        green = run("lint", "success", attempt=2, auto_reruns=(1, 1), waited_s=360)
        instance.clock.now = green.stopped_at
        await finish(instance, green)

        [title] = await wait(instance, 600)
        assert title.startswith("acme/web main broke: ")
        assert told(instance) == ["red"]
