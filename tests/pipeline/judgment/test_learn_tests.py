"""Tests are asked for where no message needs them: what is learned from runs does not depend on who is told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from service.circleci.api.client import Client, connect
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.clock import now_utc
from service.db.tables import Transaction
from service.metrics import Metrics
from service.model import DetailKind, FetchPurpose
from service.pipeline.worker import RowWorker
from service.store.events import events, fetches
from service.testing import sample_runs
from service.testing.fake_circleci.faults import Fault
from service.testing.fake_circleci.organization import JobRun, Run, sequential_jobs
from tests.support.app_fixture import GREEN, MONDAY, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

NOBODY = RED_TO_WEB.replace("[failed, error]", "[unauthorized]")


def asked_for_tests(instance: Instance) -> Sequence[str]:
    return [call.path for call in instance.pretend.calls if call.path.endswith("/tests")]


async def finish_and_learn(folder: Path, *runs: Run) -> tuple[list[str], list[str]]:
    """Return the tests asked for after runs that nobody is told of, and what else was asked."""
    async with an_instance(folder, NOBODY) as instance:
        for run in runs:
            await instance.finish(run)
            await instance.drain(minutes=20)
            await instance.drain(minutes=1)
        assert instance.channels.told == []
        tests = list(asked_for_tests(instance))
        return tests, [call.path for call in instance.pretend.calls if call.path not in tests]


async def test_the_tests_of_a_red_default_branch_are_known_though_nobody_is_told(folder: Path) -> None:
    tests, others = await finish_and_learn(folder, RED)

    assert tests
    assert not [path for path in others if "/user/" in path or "/pipeline/" in path]


async def test_another_branch_or_color_is_not_asked_for(folder: Path) -> None:
    runs = (replace(RED, branch="cart"), GREEN, sample_runs.mobile_canceled(MONDAY))

    assert await finish_and_learn(folder, *runs) == ([], [])


@pytest.mark.long
async def test_all_results_of_a_rerun_are_asked_for_on_any_branch(folder: Path) -> None:
    passed = JobRun(name="unit-tests", tests=RED.jobs[1].tests[:2])
    first = replace(RED, branch="cart")
    rerun = replace(first, attempt=2, status="success", waited_s=3600, jobs=sequential_jobs(9000, passed))

    tests, _ = await finish_and_learn(folder, first, rerun)

    assert tests[0] == "/project/github/acme/web/5921/tests"  # the run that it repeats comes first
    assert tests[-1] == "/project/github/acme/web/9000/tests"


@pytest.mark.long
async def test_what_a_message_waits_for_is_asked_first_and_the_tests_of_a_rerun_after_it(folder: Path) -> None:
    everything = RED_TO_WEB.replace("[failed, error]", "[success, failed]")
    async with an_instance(folder, everything) as instance:
        first = replace(RED, branch="cart")
        await instance.finish(first)
        await instance.drain(minutes=20)
        passed = JobRun(name="unit-tests", tests=RED.jobs[1].tests[:2])
        await instance.finish(
            replace(first, attempt=2, status="success", waited_s=3600, jobs=sequential_jobs(9000, passed))
        )
        await instance.drain(minutes=20)

        assert len(instance.channels.told) == 2
        assert asked_for_tests(instance)[-1] == "/project/github/acme/web/9000/tests"
        assert instance.fetches() == []


async def test_passes_are_read_and_not_stored_with_the_details(folder: Path) -> None:
    async with an_instance(folder, NOBODY) as instance:
        delivery = await instance.finish(RED)
        await instance.drain(minutes=20)
        store = instance.service.context.store
        details = (await instance.show(delivery))["details"]
        [has_tests] = instance.rows("SELECT has_tests FROM details")

        reports = [job["tests"] for job in details["jobs"] if job["tests"]]
        assert reports
        assert all(report["passes"] == [] for report in reports)
        assert bool(has_tests[0])
        source = instance.service.context.source
        event = await store.read(events.find, UUID(delivery))
        fresh = await source.enrich(event, frozenset({DetailKind.TESTS}), None)
        [report] = [job.tests for job in fresh.jobs or () if job.tests]
        assert len(report.passes) == report.counts["success"]


async def test_tests_are_not_asked_for_while_little_is_left_of_the_limit(folder: Path) -> None:
    scarce = {"RateLimit-Limit": "300", "RateLimit-Remaining": "20", "RateLimit-Reset": "600"}
    async with an_instance(folder, NOBODY) as instance:
        instance.pretend.faults.next("*", Fault(headers=scarce), times=1)
        await instance.service.context.source.me()  # type: ignore[attr-defined]
        await instance.finish(RED)
        await instance.process()
        service = instance.service
        worker = RowWorker(service.pipeline, committer=service.committer)
        assert not await worker.start_fetches()
        assert instance.fetches() == [FetchPurpose.TESTS]

        await instance.drain(minutes=11)
        assert asked_for_tests(instance)
        assert instance.fetches() == []


@pytest.mark.parametrize(
    ("headers", "has_room"),
    [
        ({}, True),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "25", "RateLimit-Reset": "60"}, True),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "24", "RateLimit-Reset": "60"}, False),
        ({"X-RateLimit-Limit-Hour": "9", "X-RateLimit-Remaining-Hour": "1", "X-RateLimit-Reset-Hour": "60"}, False),
        ({"RateLimit-Policy": '"a";q=100;w=60', "RateLimit": '"a";r=3;t=30'}, False),
        ({"RateLimit-Policy": '"a";q=100;w=60', "RateLimit": '"a";r=90;t=30'}, True),
        ({"RateLimit": '"a";r=3;t=30'}, True),
        ({"RateLimit-Limit": "x", "RateLimit-Remaining": "-1", "RateLimit-Reset": "soon"}, True),
    ],
)
async def test_room_is_what_the_headers_leave(headers: dict[str, str], has_room: bool) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "u"}, headers=headers))
    client = Client(connect("http://ci", "good-token", wire), metrics=Metrics(), clock=now_utc)

    await client.ask(Call(endpoint=ENDPOINTS["me"]), UserShape)

    assert client.has_room is has_room
    await client.close()


async def test_a_request_for_tests_comes_last(instance: Instance) -> None:
    store = instance.service.context.store
    for number, purpose in enumerate(FetchPurpose):
        event_id = UUID(int=number + 1)
        await store.write(fetches.request, [event_id], purpose, due_at=instance.clock())

    assert (await store.read(fetches.due_purposes, instance.clock()))[-1] is FetchPurpose.TESTS


async def test_results_that_wait_for_room_are_no_backlog(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    [(event_id,)] = instance.rows("SELECT id FROM events LIMIT 1")
    now = instance.clock()
    store = instance.service.context.store

    def request(purpose: FetchPurpose) -> Callable[[Transaction], int]:
        def do(transaction: Transaction) -> int:
            fetches.request(transaction, [UUID(str(event_id))], purpose, due_at=now)
            return fetches.backlog(transaction, now).depth

        return do

    assert await store.write(request(FetchPurpose.TESTS)) == 0
    assert await store.write(request(FetchPurpose.MESSAGE)) == 1
