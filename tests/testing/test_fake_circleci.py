"""The pretend CircleCI answers as the real one does, so that other tests may stand on it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import httpx
import pytest

from service.testing import sample_runs
from service.testing.fake_circleci.faults import Fault, broken, html_page, too_many
from service.testing.fake_circleci.organization import ADA, GRACE, MOBILE, PROJECTS, SHOP_API, WEB, stable_id
from service.testing.fake_circleci.payloads import trigger_parameters
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving

MONDAY = date(2026, 3, 2)
RED = sample_runs.web_main_red(MONDAY)
UNIT_TESTS = RED.jobs[1]
BEARER = {"Authorization": "Bearer good-token"}


@pytest.fixture
def pretend() -> FakeCircleCI:
    pretend = FakeCircleCI(token="good-token", owner=ADA, projects=PROJECTS)
    pretend.run_finished(RED)
    return pretend


@pytest.fixture
async def api(pretend: FakeCircleCI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(pretend.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ci/api/v2", headers=BEARER) as client:
        yield client


@pytest.mark.parametrize("headers", [BEARER, {"Circle-Token": "good-token"}])
async def test_it_takes_the_token_in_both_headers(pretend: FakeCircleCI, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers=headers) as client:
        answer = await client.get("http://ci/api/v2/me")

    assert answer.json() == {"id": ADA.id, "login": "ada", "name": "Ada Example"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "You must log in first."),
        ({"Authorization": "Bearer "}, "You must log in first."),
        ({"Authorization": "Bearer wrong"}, "Invalid token provided."),
        ({"Circle-Token": "wrong"}, "Invalid token provided."),
    ],
)
async def test_it_says_401_to_strangers(pretend: FakeCircleCI, headers: dict[str, str], message: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers=headers) as client:
        answer = await client.get("http://ci/api/v2/me")

    assert (answer.status_code, answer.json()) == (401, {"message": message})


async def test_workflow_names_its_pipeline_and_its_starter(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"/workflow/{RED.workflow_id}")

    assert answer.json() == {
        "id": RED.workflow_id,
        "name": "build-and-test",
        "status": "failed",
        "pipeline_id": RED.pipeline_id,
        "pipeline_number": 1487,
        "project_slug": "gh/acme/web",
        "started_by": ADA.id,
        "created_at": "2026-03-02T09:07:00.000Z",
        "stopped_at": "2026-03-02T09:12:00.000Z",
    }


async def test_a_workflows_jobs_come_with_numbers_only_if_they_ran(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"/workflow/{RED.workflow_id}/job")

    lint, tests, image = answer.json()["items"]
    assert (lint["job_number"], tests["job_number"]) == (5920, 5921)
    assert (lint["dependencies"], tests["dependencies"]) == ([], [lint["id"]])
    assert (image["status"], "job_number" in image, "stopped_at" in image) == ("blocked", False, False)


async def test_an_approval_is_a_job_without_a_number(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    release = sample_runs.web_release(MONDAY)
    pretend.run_finished(release)

    answer = await api.get(f"/workflow/{release.workflow_id}/job")

    kinds = [(job["name"], job["type"], job.get("job_number")) for job in answer.json()["items"]]
    assert kinds == [
        ("build-image", "build", 5928),
        ("approve-production", "approval", None),
        ("deploy-production", "build", 5929),
    ]


async def test_a_pipeline_names_branch_revision_and_subject(api: httpx.AsyncClient) -> None:
    vcs = (await api.get(f"/pipeline/{RED.pipeline_id}")).json()["vcs"]

    assert (vcs["branch"], vcs["revision"]) == ("main", RED.revision)
    assert vcs["commit"] == {"subject": "Apply vouchers before shipping", "body": ""}


async def test_only_the_pipeline_names_the_tag(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    release = sample_runs.web_release(MONDAY)
    pretend.run_finished(release)

    vcs = (await api.get(f"/pipeline/{release.pipeline_id}")).json()["vcs"]

    assert vcs["tag"] == "v2.5.0"
    assert "branch" not in vcs


async def test_a_pipeline_of_the_github_app_has_trigger_parameters(
    pretend: FakeCircleCI, api: httpx.AsyncClient
) -> None:
    run = sample_runs.mobile_main(MONDAY)
    pretend.run_finished(run)

    pipeline = (await api.get(f"/pipeline/{run.pipeline_id}")).json()

    assert pipeline["trigger_parameters"] == trigger_parameters(run)
    assert "vcs" not in pipeline


async def test_scheduled_run_has_the_system_user_as_starter(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    nightly = sample_runs.api_nightly(MONDAY)
    pretend.run_finished(nightly)

    started_by = (await api.get(f"/workflow/{nightly.workflow_id}")).json()["started_by"]
    trigger = (await api.get(f"/pipeline/{nightly.pipeline_id}")).json()["trigger"]

    assert (await api.get(f"/user/{started_by}")).status_code == 404
    assert (trigger["type"], trigger["actor"]["login"]) == ("scheduled_pipeline", "system-actor")


async def test_starter_of_a_run_is_a_known_user(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    pretend.run_finished(sample_runs.api_main(MONDAY))

    answer = await api.get(f"/user/{GRACE.id}")

    assert answer.json() == {"id": GRACE.id, "login": "grace", "name": "Grace Example"}


@pytest.mark.parametrize("slug", ["gh/acme/web", "github/acme/web", "gh%2Facme%2Fweb", "github%2Facme%2Fweb"])
async def test_every_way_to_write_a_slug_finds_the_project(api: httpx.AsyncClient, slug: str) -> None:
    answer = await api.get(f"/project/{slug}")

    assert (answer.json()["id"], answer.json()["slug"]) == (WEB.id, "gh/acme/web")
    assert answer.json()["vcs_info"]["default_branch"] == "main"


async def test_a_project_of_the_github_app_has_an_opaque_slug(api: httpx.AsyncClient) -> None:
    answer = (await api.get(f"/project/{MOBILE.slug}")).json()

    assert (answer["id"], answer["name"], answer["slug"]) == (MOBILE.id, "mobile", MOBILE.slug)
    assert answer["vcs_info"]["provider"] == "CircleCI"
    assert answer["organization_slug"] == MOBILE.slug.rpartition("/")[0]


async def test_a_run_of_a_project_makes_the_project_known() -> None:
    pretend = FakeCircleCI(token="good-token", owner=ADA)
    pretend.run_finished(sample_runs.api_main(MONDAY))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers=BEARER) as client:
        answer = await client.get("http://ci/api/v2/project/gh/acme/shop-api")

    assert answer.json()["id"] == SHOP_API.id


async def test_job_has_duration_and_failure_message(api: httpx.AsyncClient) -> None:
    job = (await api.get("/project/gh/acme/web/job/5921")).json()

    assert (job["name"], job["status"], job["duration"]) == ("unit-tests", "failed", 252_000)
    assert job["messages"] == [{"type": "error", "message": "Exited with code exit status 1"}]
    assert job["web_url"] == f"{RED.url}/jobs/5921"


async def test_test_results_come_in_pages(api: httpx.AsyncClient) -> None:
    items, query = [], dict[str, str]()
    while True:
        page = (await api.get("/project/gh/acme/web/5921/tests", params=query)).json()
        items.append(page["items"])
        if page["next_page_token"] is None:
            break
        query = {"page-token": page["next_page_token"]}

    assert [len(part) for part in items] == [100, 100, 14]
    assert [item["name"] for part in items for item in part if item["result"] == "failure"] == [
        test.name for test in sample_runs.VOUCHERS
    ]


async def test_a_page_token_that_it_did_not_give_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/project/gh/acme/web/5921/tests", params={"page-token": "mine"})

    assert answer.status_code == 400


async def test_test_results_may_come_late(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    pretend.run_finished(sample_runs.api_late_results(MONDAY))

    first = (await api.get("/project/gh/acme/shop-api/3314/tests")).json()
    second = (await api.get("/project/gh/acme/shop-api/3314/tests")).json()

    assert first == {"items": [], "next_page_token": None}
    assert len(second["items"]) == 97


@pytest.mark.parametrize(
    "path",
    [
        "/user/" + stable_id("nobody"),
        "/workflow/" + stable_id("none"),
        "/workflow/" + stable_id("none") + "/job",
        "/pipeline/" + stable_id("none"),
        "/project/gh/acme/WEB",
        "/project/gh/acme/web/job/1",
        "/project/gh/acme/web/1/tests",
        "/insights/gh/acme/nothing/workflows",
    ],
)
async def test_unknown_resource_is_a_404_with_a_message(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)

    assert answer.status_code == 404
    assert answer.json()["message"].lower().endswith("not found")


async def test_a_rerun_is_another_workflow_of_the_same_pipeline(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    flaky, rerun = sample_runs.api_flaky(MONDAY), sample_runs.api_rerun(MONDAY)
    pretend.run_finished(flaky)
    pretend.run_finished(rerun)

    statuses = [(await api.get(f"/workflow/{run.workflow_id}")).json()["status"] for run in (flaky, rerun)]

    assert statuses == ["failed", "success"]
    assert flaky.pipeline_id == rerun.pipeline_id


async def test_it_remembers_every_call(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    await api.get("/project/gh%2Facme%2Fweb/5921/tests", params={"page-token": "after-100"})

    (call,) = pretend.calls
    assert (call.method, call.path) == ("GET", "/project/gh/acme/web/5921/tests")
    assert call.query == {"page-token": "after-100"}
    assert call.headers["authorization"] == "Bearer good-token"


async def test_every_answer_has_rate_limit_headers(api: httpx.AsyncClient) -> None:
    answer = await api.get("/me")

    assert (answer.headers["ratelimit-remaining"], answer.headers["ratelimit-reset"]) == ("299", "1")


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (broken(401, "Invalid token provided."), 401, None),
        (broken(500), 500, None),
        (too_many("7"), 429, "7"),
        (too_many(None), 429, None),
    ],
)
async def test_it_can_be_told_to_fail(
    pretend: FakeCircleCI, api: httpx.AsyncClient, fault: Fault, status: int, retry_after: str | None
) -> None:
    pretend.faults.next("/me", fault)

    answer = await api.get("/me")

    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert answer.json()["message"]


async def test_it_can_be_told_to_speak_html(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    pretend.faults.next("/me", html_page(502))

    answer = await api.get("/me")

    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_fault_holds_for_so_many_calls_of_the_paths_it_names(
    pretend: FakeCircleCI, api: httpx.AsyncClient
) -> None:
    pretend.faults.next("/user/*", broken(503), times=2)

    paths = [f"/user/{ADA.id}", "/me", f"/user/{ADA.id}", f"/user/{ADA.id}"]
    statuses = [(await api.get(path)).status_code for path in paths]

    assert statuses == [503, 200, 503, 200]


async def test_a_fault_may_leave_the_answer_and_change_its_headers(
    pretend: FakeCircleCI, api: httpx.AsyncClient
) -> None:
    pretend.faults.next("/me", Fault(headers={"RateLimit-Remaining": "0"}))

    answer = await api.get("/me")

    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "0")


async def test_answer_waits_until_the_gate_is_open(pretend: FakeCircleCI, api: httpx.AsyncClient) -> None:
    gate = asyncio.Event()
    pretend.faults.next("/me", Fault(gate=gate))
    call = asyncio.create_task(api.get("/me"))
    await api.get(f"/user/{ADA.id}")

    was_waiting = not call.done()
    gate.set()

    assert was_waiting
    assert (await call).status_code == 200
    assert {call.path for call in pretend.calls} == {"/me", f"/user/{ADA.id}"}


async def test_jobs_come_in_pages_too() -> None:
    pretend = FakeCircleCI(token="good-token", owner=ADA, page_size=2)
    pretend.run_finished(replace(RED, jobs=(*RED.jobs, UNIT_TESTS)))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers=BEARER) as client:
        url = f"http://ci/api/v2/workflow/{RED.workflow_id}/job"
        first = (await client.get(url)).json()
        last = (await client.get(url, params={"page-token": first["next_page_token"]})).json()

    assert [len(first["items"]), len(last["items"])] == [2, 2]
    assert last["next_page_token"] is None


@pytest.mark.long
@pytest.mark.parametrize("slug", ["gh/acme/web", "github%2Facme%2Fweb"])
async def test_it_is_the_same_over_real_http(pretend: FakeCircleCI, slug: str) -> None:
    async with serving(pretend.app, listen("127.0.0.1", 0)) as address, httpx.AsyncClient(headers=BEARER) as client:
        answer = await client.get(f"{address}/api/v2/project/{slug}/job/5921")

    assert answer.json()["name"] == "unit-tests"
    assert pretend.calls[0].path == "/project/" + slug.replace("%2F", "/") + "/job/5921"
