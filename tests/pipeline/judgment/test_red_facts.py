"""Tests of red runs: on record when CircleCI tells them, and beside those of earlier runs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.db.tables import Transaction
from service.model import RedElsewhere, RedFacts, TestCoverage
from service.pipeline.judgment.red_facts import red_facts
from service.store.events import events
from service.store.test_history import test_results
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, LINH, Run
from service.testing.sample_runs import VOUCHERS, suite
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.example_events import FAILED

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        instance.clock.tick(hours=12)
        yield instance


def run(number: int, status: str = "failed", *, attempt: int = 1, branch: str = "main", failed: int = 3) -> Run:
    """Return a run with as many failed tests; later attempts are reruns."""
    author = ADA if branch == "main" else LINH
    base = RED if status == "failed" else GREEN
    jobs = tuple(replace(job, tests=suite(*VOUCHERS[:failed], of=214)) if job.tests else job for job in base.jobs)
    return replace(
        base,
        number=number,
        status=status,
        attempt=attempt,
        branch=branch,
        author=author,
        jobs=jobs if status == "failed" else base.jobs,
        pushed_at=RED.pushed_at + timedelta(minutes=10 * (number - 900) + attempt),
    )


async def post(instance: Instance, *posted: Run) -> str:
    """Post runs one by one; return the id of the last one's event."""
    last = ""
    for one in posted:
        last = await instance.finish(one)
        await instance.drain()
    return last


async def facts(instance: Instance, event_id: str) -> RedFacts:
    def read(transaction: Transaction) -> RedFacts:
        event = events.find(transaction, UUID(event_id))
        return red_facts(transaction, event, events.find_details(transaction, event.id), instance.clock())

    return await instance.service.context.store.read(read)


@pytest.mark.long
async def test_failed_tests_are_on_record(instance: Instance) -> None:
    await post(instance, run(901))

    found = instance.rows("SELECT job, name, class_name FROM tests ORDER BY id")
    assert {(job, name) for job, name, _ in found} == {("unit-tests", test.name) for test in VOUCHERS}
    assert instance.rows("SELECT fails, passes FROM test_days") == [(1, 0)] * 3


async def test_what_is_on_record_is_not_counted_twice(instance: Instance) -> None:
    delivery = await post(instance, run(901))
    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    assert instance.rows("SELECT fails FROM test_days") == [(1,)] * 3


async def test_passes_of_tests_that_failed_are_on_record(instance: Instance) -> None:
    rerun = replace(run(901, "success", attempt=2), jobs=run(901).jobs)
    passing = tuple(replace(test, result="success") for test in VOUCHERS)
    jobs = tuple(replace(job, status="success", tests=passing) if job.tests else job for job in rerun.jobs)

    await post(instance, run(901), replace(rerun, jobs=jobs))

    assert instance.rows("SELECT failed, count(*) FROM test_results GROUP BY failed ORDER BY failed") == [
        (0, 3),
        (1, 3),
    ]
    assert instance.rows("SELECT passes, fails FROM test_days") == [(1, 1)] * 3


@pytest.mark.long
async def test_a_test_that_passed_before_is_new(instance: Instance) -> None:
    found = await facts(instance, await post(instance, run(900, "success"), run(901)))

    assert [(one.is_new, one.failing_since) for one in found.tests] == [(True, None)] * 3


@pytest.mark.long
async def test_a_test_that_failed_before_has_failed_since(instance: Instance) -> None:
    first, second = run(901), run(902)

    found = await facts(instance, await post(instance, run(900, "success"), first, second, run(903)))

    assert [(one.is_new, one.failing_since, one.failing_runs) for one in found.tests] == [
        (False, first.stopped_at, 3)
    ] * 3


async def test_of_a_first_run_nothing_is_said(instance: Instance) -> None:
    found = await facts(instance, await post(instance, run(901)))

    assert [(one.is_new, one.failing_since, one.flaky) for one in found.tests] == [(False, None, None)] * 3


@pytest.mark.long
async def test_reruns_that_passed_are_evidence_of_a_flake(instance: Instance) -> None:
    flakes = [one for number in range(901, 904) for one in (run(number), run(number, "success", attempt=2))]

    found = await facts(instance, await post(instance, *flakes, run(910)))

    assert {one.flaky for one in found.tests} == {"3 of its last 4 fails were contradicted at the same commit"}


@pytest.mark.long
async def test_a_message_that_calls_a_test_flaky_says_how_much_is_known(instance: Instance) -> None:
    flakes = [one for number in range(901, 904) for one in (run(number), run(number, "success", attempt=2))]
    instance.pretend.faults.next(f"/workflow/{run(905).workflow_id}/job", broken(404))

    found = await facts(instance, await post(instance, *flakes, run(905), run(906, "success"), run(910)))

    assert found.coverage == TestCoverage(known=4, red_runs=5)
    assert "Tests known for 4 of 5 red runs of the last 90 days." in instance.channels.took[-1][1].text


@pytest.mark.long
async def test_a_test_that_fails_again_and_again_is_no_flake(instance: Instance) -> None:
    flakes = [one for number in range(901, 904) for one in (run(number), run(number, "success", attempt=2))]

    found = await facts(instance, await post(instance, *flakes, *(run(number) for number in range(910, 914))))

    assert {one.flaky for one in found.tests} == {None}


@pytest.mark.long
async def test_a_break_has_its_culprits_and_their_changes(instance: Instance) -> None:
    green, red = run(900, "success"), run(901)

    found = await facts(instance, await post(instance, green, red, run(902)))

    assert [(one.revision, one.author_name) for one in found.culprits.suspects] == [(red.revision, "Ada Example")]
    page = f"https://github.com/acme/web/compare/{green.revision}...{red.revision}"
    assert found.culprits.compare_url == page


@pytest.mark.long
async def test_a_break_says_since_when_the_track_was_green(instance: Instance) -> None:
    before = (run(898, "success"), run(899), run(900, "success"), run(901, "success"))

    found = await facts(instance, await post(instance, *before, run(902), run(903)))

    assert found.green_since == before[2].stopped_at


@pytest.mark.long
async def test_of_a_track_that_was_never_green_no_time_is_said(instance: Instance) -> None:
    found = await facts(instance, await post(instance, run(901), run(902)))

    assert found.green_since is None


@pytest.mark.long
async def test_a_branch_that_is_red_as_main_is_says_so(instance: Instance) -> None:
    main = run(901)

    found = await facts(instance, await post(instance, run(900, "success"), main, run(902, branch="feature")))

    assert found.red_elsewhere == RedElsewhere(branch="main", since=main.stopped_at)


@pytest.mark.long
async def test_main_that_is_green_again_is_not_red_too(instance: Instance) -> None:
    posted = (run(901), run(902, "success"), run(903, branch="feature", failed=1))

    found = await facts(instance, await post(instance, *posted))

    # it was seen there within seven days, by another author
    assert found.red_elsewhere == RedElsewhere(branch="main", since=posted[0].stopped_at)


@pytest.mark.long
async def test_the_usual_duration_is_that_of_greens(instance: Instance) -> None:
    greens = [run(number, "success") for number in range(901, 906)]

    found = await facts(instance, await post(instance, *greens, run(906)))
    on_branch = await facts(instance, await post(instance, run(907, branch="feature")))

    assert found.usual_ms == on_branch.usual_ms == (greens[0].stopped_at - greens[0].at(0)).total_seconds() * 1000


async def test_tests_learn_nothing_from_a_run_whose_tests_nearly_all_failed(instance: Instance) -> None:
    failing = [replace(VOUCHERS[0], name=f"test_{number}") for number in range(9)]
    jobs = tuple(replace(job, tests=suite(*failing, of=10)) if job.tests else job for job in RED.jobs)

    found = await facts(instance, await post(instance, replace(run(901), jobs=jobs)))

    assert found.remark == "9 of 10 tests failed"
    assert instance.rows("SELECT * FROM test_results") == []


async def test_an_incident_has_the_fingerprint_of_its_failures(instance: Instance) -> None:
    await post(instance, run(901))

    [(fingerprint,)] = instance.rows("SELECT fingerprint FROM incidents")
    assert len(fingerprint) == 64


def broken_by(number: int, status: str) -> Run:
    """Return a red run whose failed job ended with a status, without tests."""
    base = run(number)
    jobs = (replace(job, status=status, tests=()) if job.status == "failed" else job for job in base.jobs)
    return replace(base, jobs=tuple(jobs))


@pytest.mark.long
async def test_a_failed_step_of_the_set_up_is_read_though_no_route_shows_logs(instance: Instance) -> None:
    classes = []
    for number, step in ((901, "Checkout code"), (902, "Run tests"), (903, "Restoring cache")):
        base = broken_by(number, "failed")
        await post(instance, replace(base, jobs=tuple(replace(job, step=step) for job in base.jobs)))
        for _ in range(3):
            await instance.drain(minutes=6)
        classes += instance.rows("SELECT klass, class_by FROM incidents")

    assert classes == [("infrastructure", "Roundsman"), (None, None), ("infrastructure", "Roundsman")]
    assert not [call for call in instance.pretend.calls if "stdout" in call.path]  # the log is not read


@pytest.mark.long
async def test_an_incident_that_infrastructure_began_says_so_until_a_change_breaks_it_too(instance: Instance) -> None:
    classes = []
    for number, status in ((901, "infrastructure_fail"), (902, "failed"), (903, "infrastructure_fail")):
        await post(instance, broken_by(number, status))
        classes += instance.rows("SELECT klass, class_by FROM incidents")

    assert classes == [("infrastructure", "Roundsman"), (None, None), ("infrastructure", "Roundsman")]


async def test_the_class_that_a_person_gave_stays(instance: Instance) -> None:
    await post(instance, broken_by(901, "infrastructure_fail"))
    [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    await instance.http.post(f"/api/v1/incidents/{incident['id']}/classify", json={"class": "expected"})
    await post(instance, broken_by(902, "infrastructure_fail"), broken_by(903, "failed"))

    assert [klass for (klass,) in instance.rows("SELECT klass FROM incidents")] == ["expected"]


async def test_old_results_are_deleted(instance: Instance) -> None:
    await post(instance, run(901))
    store = instance.service.context.store
    later = instance.clock() + timedelta(days=400)

    assert await store.write(test_results.prune, before=later, limit=2) == 2
    assert await store.write(test_results.prune, before=later, limit=2) == 1
    assert [instance.rows(query) for query in ("SELECT * FROM tests", "SELECT * FROM test_days")] == [[], []]


async def test_a_green_run_has_no_facts_of_a_red_one(instance: Instance) -> None:
    delivery = await post(instance, run(901, "success"))

    assert await facts(instance, delivery) == RedFacts()


@pytest.mark.long
async def test_a_message_says_what_earlier_runs_say_of_its_tests(instance: Instance) -> None:
    await post(instance, run(900, "success"), run(901), run(902))

    first, second = (message.text for _, message in instance.channels.took)
    assert "test_expired_voucher_is_refused (new)" in first
    assert "Changed since the last green run by Ada Example" not in first  # a route that hears each run
    assert "test_expired_voucher_is_refused (failing since " in second


async def test_a_run_that_is_not_judged_yet_has_no_facts(instance: Instance) -> None:
    found = await instance.service.context.store.read(red_facts, FAILED, None, instance.clock())

    assert found == RedFacts()
