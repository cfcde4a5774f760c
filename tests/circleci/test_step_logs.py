"""The failed step and its log: API v3 at the cloud, v1.1 elsewhere and as the fallback."""

from dataclasses import replace

import httpx
import pytest

from service.circleci.api.step_logs import CUT_OFF, MAX_TAIL_BYTES
from service.circleci.circleci import CircleCI
from service.metrics import Metrics
from service.model import DetailKind, FailedStep
from service.testing import sample_runs
from service.testing.fake_circleci.faults import Fault, broken, html_page
from service.testing.fake_circleci.job_steps import LOG_LIMIT, signature_of
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.circleci_fixture import NOW, TOKEN, ask, event_of, paths, with_log
from tests.testing.test_fake_circleci import MONDAY

RED = with_log(
    sample_runs.web_main_red(MONDAY),
    log="collecting\r\ncollected\nassert 1 == 2\n",
    condensed="assert 1 == 2\nPASSWORD=hunter2\n",
)
JOB = RED.jobs[1]
V3 = f"/v3/jobs/{RED.job_id(JOB)}"
BUILD = f"/v1.1/project/github/acme/web/{JOB.number}"


@pytest.fixture
def fake() -> FakeCircleCI:
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    fake.run_finished(RED)
    return fake


async def step(
    fake: FakeCircleCI, run: Run = RED, *, url: str = "https://circleci.com", api: str = "auto"
) -> FailedStep:
    fake.run_finished(run)
    details = await ask(fake, run, DetailKind.JOBS, DetailKind.LOG, url=url, api=api)
    assert details.missing == ()
    [found] = [job.step for job in details.jobs or () if job.step]
    return found


async def test_the_cloud_is_asked_for_the_condensed_log(fake: FakeCircleCI) -> None:
    found = await step(fake)

    assert found.lines == ("assert 1 == 2", "PASSWORD=***")
    assert (found.name, found.exit_code) == ("Run tests", 1)
    assert (found.url or "").endswith("/parallel-runs/0/steps/0-103")
    assert paths(fake)[-2:] == [V3, f"{V3}/stdout/condensed"]
    assert fake.calls[-1].query == {"filter[execution]": "0", "filter[step_num]": "103"}


async def test_without_a_condensed_log_the_whole_is_read(fake: FakeCircleCI) -> None:
    found = await step(fake, with_log(RED, log="a\nb\n"))

    assert found.lines == ("a", "b")
    assert "range" not in fake.calls[-1].headers


async def test_of_a_long_log_the_end_is_asked_for_without_a_line_cut_in_two(fake: FakeCircleCI) -> None:
    log = "".join(f"line {number} of PASSWORD=hunter2\n" for number in range(10_000))

    found = await step(fake, with_log(RED, log=log))

    assert fake.calls[-1].headers["range"] == f"bytes={len(log) - MAX_TAIL_BYTES}-"
    assert found.lines[-1] == "line 9999 of PASSWORD=***"
    short = "PASSWORD=hunter2 " * 10_000 + "\nthe end\n"
    assert (await step(fake, with_log(RED, log=short))).lines == ("the end",)


async def test_a_step_without_output_is_linked(fake: FakeCircleCI) -> None:
    found = await step(fake, with_log(RED, log=""))

    assert (found.lines, bool(found.url)) == ((), True)


async def test_an_environment_that_does_not_start_is_the_failed_step(fake: FakeCircleCI) -> None:
    jobs = tuple(replace(job, status="infrastructure_fail") if job is JOB else job for job in RED.jobs)

    found = await step(fake, replace(RED, jobs=jobs))

    assert (found.name, found.exit_code) == ("Spin up environment", None)


@pytest.mark.parametrize(
    ("api", "url"),
    [("v2", "https://circleci.com"), ("auto", "https://ci.example.com"), ("v3", "https://ci.example.com")],
)
async def test_a_server_has_logs_in_its_storage_which_gets_no_token(fake: FakeCircleCI, api: str, url: str) -> None:
    fake.has_v3 = False

    found = await step(fake, api=api, url=url)

    assert found.lines == ("collecting", "collected", "assert 1 == 2")
    assert (V3 in paths(fake)) is (api == "v3")
    storage, build = fake.calls[-1], fake.calls[-2]
    assert (storage.version, storage.headers["host"]) == ("", "storage.example.com")
    assert TOKEN not in str(storage.headers)
    assert TOKEN in str(build.headers)
    assert paths(fake)[-2] == BUILD


@pytest.mark.long
async def test_a_log_that_circleci_cut_off_says_so(fake: FakeCircleCI) -> None:
    found = await step(fake, with_log(RED, log="x\n" * LOG_LIMIT), api="v2")

    assert found.lines[-1] == CUT_OFF


@pytest.mark.parametrize("fault", [broken(404), broken(410), broken(500), broken(501), html_page(404)])
async def test_where_v3_does_not_answer_v1_does(fake: FakeCircleCI, fault: Fault) -> None:
    fake.faults.next("/jobs/*", fault)

    assert (await step(fake)).lines == ("collecting", "collected", "assert 1 == 2")


async def test_a_storage_that_refuses_leaves_the_link(fake: FakeCircleCI) -> None:
    fake.faults.next("/storage/*", broken(403))

    found = await step(fake, api="v2")

    assert (found.lines, bool(found.url)) == ((), True)


@pytest.mark.parametrize("address", ["", "file:///etc/passwd", "https://u@x y", "http://storage.example.com/storage"])
async def test_an_address_that_is_none_or_not_encrypted_is_not_asked(fake: FakeCircleCI, address: str) -> None:
    fake.jobs.storage_url = address
    fake.faults.next("/jobs/*", broken(404))

    found = await step(fake)

    assert found.lines == ()
    assert paths(fake)[-1] == BUILD


@pytest.mark.long
@pytest.mark.parametrize(
    "answer", ['{"data": 7}', '{"data": {"attributes": []}}', '{"data": {"attributes": {"parallel_executions": [7]}}}']
)
async def test_answers_of_another_shape_name_no_step(fake: FakeCircleCI, answer: str) -> None:
    fake.faults.next("/jobs/*", Fault(status=200, body=answer.encode()))

    details = await ask(fake, RED, DetailKind.LOG)

    assert [job.step for job in details.jobs or ()] == [None] * 3


@pytest.mark.long
@pytest.mark.parametrize("api", ["v3", "v2"])
async def test_logs_are_read_over_a_socket(fake: FakeCircleCI, api: str) -> None:
    async with serving(fake.app, listen("127.0.0.1", 0)) as address:
        fake.jobs.storage_url = f"{address}/storage"
        found = await step(fake, with_log(RED, log="a\n" * 200_000 + "the end\n"), url=address, api=api)

    assert found.lines[-1] == ("the end" if api == "v3" else CUT_OFF) or found.lines[-2] == "the end"


async def test_a_step_that_was_read_stays_when_the_list_of_jobs_is_read_again(fake: FakeCircleCI) -> None:
    fake.faults.next("/project/*/job/*", broken(503))

    first = await ask(fake, RED, DetailKind.JOBS, DetailKind.LOG)
    second = await ask(fake, RED, DetailKind.JOBS, DetailKind.LOG, known=first)

    assert first.missing
    assert second.missing == ()
    assert [job.step for job in second.jobs or ()] == [job.step for job in first.jobs or ()]
    assert (second.jobs or ())[1].step


async def test_the_storage_refuses_a_token_and_a_wrong_signature(fake: FakeCircleCI) -> None:
    address = f"https://storage.example.com/storage/{RED.job_id(JOB)}"
    signed = f"{address}?X-Amz-Signature={signature_of(RED, JOB)}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app)) as http:
        answers = [
            await http.get(signed),
            await http.get(signed, headers={"Circle-Token": TOKEN}),
            await http.get(address),
        ]

    assert [answer.status_code for answer in answers] == [200, 400, 403]


async def test_a_job_that_never_ran_has_no_step(fake: FakeCircleCI) -> None:
    circleci = CircleCI(
        secrets=[],
        url="https://circleci.com",
        token=TOKEN,
        metrics=Metrics(),
        transport=httpx.ASGITransport(fake.app),
        clock=lambda: NOW,
    )
    details = await circleci.enrich(event_of(RED), frozenset({DetailKind.LOG}), None)
    await circleci.close()

    assert [bool(job.step) for job in details.jobs or ()] == [False, True, False]
