"""The failed step and its log: API v3 at the cloud, v1.1 elsewhere and as the fallback."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.metrics import Metrics
from service.model import DetailKind, FailedStep, JobReport
from tests.circleci_fixture import EVENT, JOBS, NOW, UNIT

PAGE = "https://app.circleci.com/jobs/gh/acme/shop/7"
OUTPUT = "https://storage.example.com/log?signature=x"
STEPS = [
    {"num": 0, "name": "Spin up environment", "outcome": "succeeded"},
    {"num": 103, "name": "Run tests", "outcome": "failed", "exit_code": 1},
]
V3_JOB = {"data": {"id": "j1", "attributes": {"parallel_executions": [{"steps": STEPS}]}}}
ACTION = {"index": 0, "step": 103, "status": "failed", "exit_code": 1, "output_url": OUTPUT}
BUILD = {
    "steps": [{"name": "checkout", "actions": [{"status": "success"}]}, {"name": "Run tests", "actions": [ACTION]}]
}
V2 = {"/api/v2/workflow/w1/job": JOBS, "/api/v2/project/gh/acme/shop/job/7": UNIT}
V3 = {"/api/v3/jobs/j1": V3_JOB, "/api/v3/jobs/j1/stdout/condensed": "collected\nassert 1 == 2\nPASSWORD=hunter2"}
V1 = {"/api/v1.1/project/github/acme/shop/7": BUILD, "/log": [{"type": "out", "message": "assert 1 == 2\r\n"}]}


async def unit_job(
    answers: Mapping[str, Any], *, api: str = "auto", url: str = "https://circleci.com"
) -> tuple[JobReport, list[httpx.Request]]:
    """Return the failed job as asked for, and the calls."""
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        found = answers.get(request.url.path, 404)
        if isinstance(found, int):
            return httpx.Response(found, json={"error": {"type": "not_found"}})
        return httpx.Response(200, text=found) if isinstance(found, str) else httpx.Response(200, json=found)

    circleci = CircleCI(
        secrets=[],
        url=url,
        token="an-invented-token",
        metrics=Metrics(),
        transport=httpx.MockTransport(answer),
        clock=lambda: NOW,
        api=api,
    )
    details = await circleci.enrich(EVENT, frozenset({DetailKind.JOBS, DetailKind.LOG}), None)
    await circleci.close()
    assert details.missing == ()
    return (details.jobs or ())[1], calls


async def test_the_cloud_is_asked_for_the_condensed_log() -> None:
    job, calls = await unit_job({**V2, **V3})

    assert job.step is not None
    assert job.step.lines == ("collected", "assert 1 == 2", "PASSWORD=***")
    assert (job.step.name, job.step.exit_code) == ("Run tests", 1)
    assert (job.step.url or "").endswith("/parallel-runs/0/steps/0-103")
    assert dict(calls[-1].url.params) == {"filter[execution]": "0", "filter[step_num]": "103"}


async def test_without_a_condensed_log_the_whole_is_read() -> None:
    job, _ = await unit_job({**V2, "/api/v3/jobs/j1": V3_JOB, "/api/v3/jobs/j1/stdout": "a\nb"})

    assert job.step
    assert job.step.lines == ("a", "b")


async def test_a_step_without_output_is_linked() -> None:
    job, _ = await unit_job({**V2, "/api/v3/jobs/j1": V3_JOB})

    assert job.step
    assert job.step.lines == ()
    assert job.step.url


@pytest.mark.parametrize(
    ("api", "url"),
    [("v2", "https://circleci.com"), ("auto", "https://ci.example.com"), ("v3", "https://ci.example.com")],
)
async def test_a_server_has_logs_in_its_storage_which_gets_no_token(api: str, url: str) -> None:
    job, calls = await unit_job({**V2, **V1}, api=api, url=url)

    assert job.step
    assert job.step.lines == ("assert 1 == 2",)
    asked = {call.url.path: call for call in calls}
    assert ("/api/v3/jobs/j1" in asked) is (api == "v3")
    assert "an-invented-token" not in str(asked["/log"].headers.raw)
    assert asked["/log"].url.host == "storage.example.com"
    assert "an-invented-token" in str(asked["/api/v1.1/project/github/acme/shop/7"].headers.raw)


@pytest.mark.parametrize("url", [None, "", "file:///etc/passwd", 7, "https://u@x y/"])
async def test_an_address_that_is_none_is_not_asked(url: object) -> None:
    build = {"steps": [{"name": "Run tests", "actions": [{**ACTION, "output_url": url}]}]}

    job, calls = await unit_job({**V2, "/api/v1.1/project/github/acme/shop/7": build}, api="v2")

    assert job.step == FailedStep(name="Run tests", exit_code=1, url=job.step.url if job.step else None)
    assert all(call.url.host == "circleci.com" for call in calls)


@pytest.mark.parametrize("answer", [{"data": 7}, {"data": {"attributes": []}}, {"data": {"attributes": {}}}])
async def test_answers_of_another_shape_name_no_step(answer: object) -> None:
    job, _ = await unit_job({**V2, "/api/v3/jobs/j1": answer})

    assert job.step is None
