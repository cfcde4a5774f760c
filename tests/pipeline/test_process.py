"""From a delivery to decisions: each with its reason, made once, and not delayed by a slow CircleCI."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.circleci.circleci import CircleCI
from service.circleci.source import Source
from service.errors import Permanent, Temporary
from service.model import Delivery, Event
from service.pipeline.process import record_failure
from service.testing import sample_runs
from service.testing.fake_circleci.payloads import as_bytes, cancellation_storm, job_completed, workflow_completed
from tests.support.app_fixture import GREEN, MONDAY, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

RELEASE = sample_runs.web_release(MONDAY)  # a tag, whose name only CircleCI's API knows
CANCELED = sample_runs.mobile_canceled(MONDAY)
MANY_ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com, xml://web.example.com]
  ops:
    channels: [form://ops.example.com]
routes:
  - name: releases
    match: {tag: v*}
    receiver: ops
  - name: jobs
    match: {event: job-completed, actor: ada}
    receiver: ops
  - name: ada's
    match: {actor: ada, status: [failed, canceled]}
    receiver: web
    continue: true
  - name: red
    match: {status: [failed, canceled]}
    receiver: web
  - name: all else
    receiver: ops
"""
CANCELED_TO_ALL = """\
receivers:
  web:
    channels: [json://web.example.com]
  ops:
    channels: [form://ops.example.com]
routes:
  - match: {status: canceled}
    receiver: web
    continue: true
  - receiver: ops
"""


HEARS = "hears every completed workflow"
INCIDENTS = f"""\
receivers:
  web:
    channels: ["json://web.example.com", "spike://{"0a" * 16}"]
  ops:
    channels: ["spike://{"0b" * 16}"]
routes:
  - receiver: web
    continue: true
  - receiver: ops
"""


@pytest.fixture
async def many(folder: Path) -> AsyncIterator[Instance]:
    """An instance with routes that need to know who pushed, and which tag."""
    async with an_instance(folder, MANY_ROUTES) as instance:
        yield instance


def verdicts(shown: Any) -> list[tuple[str, str]]:
    return [(decision["verdict"], decision["reason"]) for decision in shown["decisions"]]


@pytest.mark.databases("sqlite", "postgres")
async def test_channel_that_opens_incidents_gets_no_notification_of_a_success(folder: Path) -> None:
    async with an_instance(folder, INCIDENTS) as instance:
        delivery = await instance.finish(GREEN)
        await instance.drain()

        shown = await instance.show(delivery)
        assert verdicts(shown) == [
            ("matched", f"{HEARS}; web (spike) opens incidents and gets no good news"),
            ("matched", f"{HEARS}; ops (spike) opens incidents and gets no good news; so no channel is told"),
        ]
        assert [one["channel_label"] for one in shown["notifications"]] == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize(("receiver", "told"), [("ops", "none"), ("web", "any")])
async def test_event_whose_channels_are_all_left_out_is_not_told(folder: Path, receiver: str, told: str) -> None:
    async with an_instance(
        folder, INCIDENTS.partition("routes:")[0] + f"routes: [{{receiver: {receiver}}}]\n"
    ) as instance:
        delivery = await instance.finish(GREEN)
        await instance.drain()

        found = {
            ask: (await instance.http.get(f"/api/v1/events?told={ask}")).json()["items"] for ask in ("none", "any")
        }

        assert [event["id"] for event in found.pop(told)] == [delivery]
        assert list(found.values()) == [[]]


async def test_channel_that_opens_incidents_gets_each_failure(folder: Path) -> None:
    async with an_instance(folder, INCIDENTS) as instance:
        delivery = await instance.finish(RED)
        await instance.drain()

        told = [one["channel_label"] for one in (await instance.show(delivery))["notifications"]]
        assert sorted(told) == ["ops (spike)", "web (json)", "web (spike)"]


@pytest.mark.long
async def test_every_route_is_on_record_with_its_reason(many: Instance) -> None:
    delivery = await many.finish(RED)
    await many.drain()

    assert verdicts(await many.show(delivery)) == [
        ("not_matched", "this event has no tag"),
        ("not_matched", "hears job-completed only"),
        ("matched", "status failed matches failed; actor ada / Ada Example matches ada"),
        (
            "already_told",
            "status failed matches failed; web (json), web (xml) already hears of this, by route 'ada's'",
        ),
        ("preceded", "route 'red' came first"),
    ]
    assert many.counted("decisions", verdict="matched") == 1
    assert many.counted("events", kind="workflow-completed") == 1


async def test_a_channel_that_two_routes_name_is_told_once(many: Instance) -> None:
    await many.finish(RED)
    await many.drain()

    assert sorted(many.channels.told) == ["web (json)", "web (xml)"]


async def test_a_green_workflow_that_no_route_matches_costs_no_call(instance: Instance) -> None:
    delivery = await instance.finish(GREEN)
    await instance.drain()

    assert instance.pretend.calls == []
    assert instance.channels.tried == []
    assert verdicts(await instance.show(delivery)) == [("not_matched", "status success is not failed or error")]


async def test_fact_is_fetched_if_a_route_needs_it(many: Instance) -> None:
    delivery = await many.finish(RELEASE)
    await many.drain()

    shown = await many.show(delivery)
    assert shown["tag"] == "v2.5.0"
    assert verdicts(shown)[0] == ("matched", "tag v2.5.0 matches v*")
    assert many.channels.told == ["ops (form)"]


async def test_a_fact_that_no_route_needs_is_not_asked_for(many: Instance) -> None:
    """The tag of a branch's build is no question, nor is the actor of a job that a workflow's route would judge."""
    await many.post(workflow_completed(replace(GREEN, trigger="api")))
    await many.process()

    assert many.pretend.calls == []


async def test_unparsable_delivery_is_a_dead_letter_with_its_reason(instance: Instance) -> None:
    delivery = (await instance.send(b'{"type": "job-started", "id": "1"}')).json()["delivery"]
    await instance.drain()

    [dead] = (await instance.dead_letters())["deliveries"]
    assert dead["id"] == delivery
    assert dead["reason"].startswith("type 'job-started' is not one that Roundsman knows")
    assert instance.counted("dead_letters", what="delivery") == 1
    assert instance.jobs() == []


@pytest.mark.databases("sqlite", "postgres")
async def test_unexpected_error_is_retried_then_a_dead_letter(instance: Instance) -> None:
    instance.replace_source(lambda source: Stumbling(source, ValueError("unforeseen")))
    await instance.finish(RED)

    tries = []
    for _ in range(10):
        await instance.drain(minutes=10)
        tries.append(instance.rows("SELECT failures, state FROM deliveries")[0])

    assert tries[:5] == [(1, "kept"), (2, "kept"), (3, "kept"), (4, "kept"), (5, "dead")]
    assert tries[5:] == [(5, "dead")] * 5
    [dead] = (await instance.dead_letters())["deliveries"]
    assert dead["reason"] == "judging it failed 5 times; please report this: ValueError: unforeseen"


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_database_that_is_away_counts_as_no_failure_of_the_delivery(instance: Instance) -> None:
    instance.replace_source(lambda source: Stumbling(source, Temporary("the database is away"), times=20))
    await instance.finish(RED)
    for _ in range(30):
        await instance.drain(minutes=10)

    assert instance.rows("SELECT failures, state FROM deliveries") == [(0, "settled")]
    assert instance.channels.told == ["web (json)"]


async def test_replay_decides_again_and_notifies_no_channel_twice(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()

    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    shown = await instance.show(delivery)
    assert [(said["round"], said["verdict"]) for said in shown["decisions"]] == [(2, "already_told"), (1, "matched")]
    assert shown["actions"][0]["verb"] == "replay"
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_replay_notifies_receivers_of_the_current_routes(folder: Path) -> None:
    async with an_instance(folder, RED_TO_WEB) as instance:
        delivery = await instance.finish(RED)
        await instance.drain()
    more = RED_TO_WEB.replace("[json://web.example.com]", "[json://web.example.com, xml://web.example.com]")
    async with an_instance(folder, more) as instance:
        instance.pretend.run_finished(RED)
        await instance.act(f"deliveries/{delivery}/replay")
        await instance.drain()
        shown = await instance.show(delivery)

    assert instance.channels.told == ["web (xml)"]
    assert shown["decisions"][0]["verdict"] == "matched"
    assert "web (json) already hears of this" in shown["decisions"][0]["reason"]


@pytest.mark.long
async def test_a_dead_letter_is_judged_on_replay_once_it_can_be(instance: Instance) -> None:
    sound = instance.service.context.source
    instance.replace_source(lambda source: Stumbling(source, ValueError("a bug"), times=5))
    delivery = await instance.finish(RED)
    for _ in range(5):
        await instance.drain(minutes=10)
    instance.replace_source(lambda _: sound)

    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    assert (await instance.show(delivery))["delivery"]["state"] == "settled"
    assert instance.rows("SELECT failures, reason FROM deliveries") == [(0, None)]
    assert instance.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_cancellation_storm_is_one_piece_of_news_for_each_channel(folder: Path) -> None:
    async with an_instance(folder, CANCELED_TO_ALL) as instance:
        instance.pretend.run_finished(CANCELED)
        storm = [await instance.post(payload) for payload in cancellation_storm(CANCELED)]
        await instance.drain()
        await instance.drain(minutes=5)
        decided = [(await instance.show(one))["decisions"] for one in storm]

    verdicts = [{decision["verdict"] for decision in decisions} for decisions in decided]
    assert len(set(storm)) == len(CANCELED.jobs) + 1
    assert sorted(instance.channels.told) == ["ops (form)", "web (json)"]
    assert verdicts.count({"matched"}) == 1
    assert verdicts.count({"already_told"}) == len(CANCELED.jobs)


async def test_concurrent_jobs_for_one_delivery_decide_once(instance: Instance) -> None:
    await instance.finish(RED)

    await asyncio.gather(*(instance.process() for _ in range(5)))
    await instance.drain()

    assert instance.rows("SELECT max(round), count(*) FROM decisions") == [(1, 1)]
    assert instance.counted("events", kind="workflow-completed") == 1
    assert instance.channels.told == ["web (json)"]


async def test_a_job_event_is_judged_by_the_routes_that_hear_jobs(many: Instance) -> None:
    many.pretend.run_finished(RED)
    delivery = await many.post(job_completed(RED, RED.jobs[1]))
    await many.drain()

    shown = await many.show(delivery)
    assert [decision["verdict"] for decision in shown["decisions"]] == ["not_matched", "matched"] + 3 * ["not_matched"]
    assert shown["job"]["name"] == "unit-tests"
    assert many.channels.told == ["ops (form)"]


async def test_event_with_numbers_too_large_for_the_database_is_decided(instance: Instance) -> None:
    payload = workflow_completed(RED)
    payload["pipeline"]["number"] = 2**70
    delivery = (await instance.send(as_bytes(payload))).json()["delivery"]
    await instance.drain()

    assert (await instance.show(delivery))["pipeline"]["number"] is None


async def test_job_without_its_delivery_ends_quietly(instance: Instance) -> None:
    await instance.finish(RED)
    instance.change("DELETE FROM deliveries")

    await instance.drain()

    assert instance.jobs() == []


class Stumbling:
    """A source that cannot parse, so many times."""

    has_room = True

    def __init__(self, source: Source, error: Exception, *, times: int = 1000) -> None:
        assert isinstance(source, CircleCI)
        self.name = source.name
        self.verify, self.identify, self.kept_headers = source.verify, source.identify, source.kept_headers
        self.require_signature, self.find_hook = source.require_signature, source.find_hook
        self.enrich, self.close = source.enrich, source.close
        self.default_branch, self.branches = source.default_branch, source.branches
        self._source, self._error, self._left = source, error, times

    def parse(self, delivery: Delivery) -> Event:
        if not self._left:
            return self._source.parse(delivery)
        self._left -= 1
        raise self._error


async def test_a_delivery_that_was_judged_meanwhile_is_not_buried(instance: Instance) -> None:
    """A worker of an older release may not understand what a newer one has judged already."""
    delivery = await instance.finish(RED)
    await instance.process()

    error = Permanent("an old release does not know this kind")
    await instance.service.context.store.write(record_failure, instance.service.context, UUID(delivery), error)

    assert instance.rows("SELECT state, reason FROM deliveries") == [("settled", None)]
    assert instance.counted("dead_letters", what="delivery") == 0
