"""Acts on builds by API and page: who may, what is asked, what is on record, and what a lost answer comes to."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, connect
from service.db.database import Store
from service.errors import BadRequest
from service.metrics import Metrics
from service.model.build_acts import ActOutcome, ActVerb, BuildAct, Trigger
from service.operations.builds.build_acts import Recorder, act_on_build
from service.operations.builds.triggers import trigger_pipeline
from service.store.audit import actions
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas.actions import held
from tests.support.app_fixture import RED, RED_TO_WEB, TOKEN, Instance, an_instance
from tests.support.cli_runner import served
from tests.support.operator_client import Operator
from tests.testing.test_fake_circleci import MONDAY

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class LossyWire(httpx.AsyncBaseTransport):
    """The way to the fake CircleCI, on which answers to POSTs get lost after they were done, or before."""

    def __init__(self, fake: FakeCircleCI) -> None:
        self._transport = httpx.ASGITransport(fake.app)
        self.loses: str | None = None
        self.posts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.posts += request.method == "POST"
        if request.method == "POST" and self.loses == "before":
            raise httpx.ReadTimeout("slow")
        response = await self._transport.handle_async_request(request)
        if request.method == "POST" and self.loses == "after":
            raise httpx.ReadTimeout("slow")
        return response


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token="good-token", owner=ADA, projects=PROJECTS)


@pytest.fixture
def wire(fake: FakeCircleCI) -> LossyWire:
    return LossyWire(fake)


@pytest.fixture
async def api(wire: LossyWire) -> AsyncIterator[CircleCIAPI]:
    client = Client(connect("http://ci", "good-token", wire), metrics=Metrics(), clock=lambda: NOW)
    yield CircleCIAPI(client)
    await client.close()


@pytest.fixture
def recorder(instance: Instance) -> Recorder:
    return Recorder(store=instance.service.context.store, clock=lambda: NOW, who="linh")


def runs_of(fake: FakeCircleCI, verb: ActVerb) -> Run:
    red = sample_runs.web_main_red(MONDAY)
    run = red if verb in {ActVerb.RERUN, ActVerb.RERUN_FAILED} else held(red)
    fake.run_finished(run)
    return run


async def on_record(store: Store, subject: str) -> list[str]:
    found = await store.read(actions.of_subjects, [UUID(subject)])
    return [(one.reason or "").partition(":")[0] for one in found]


VERBS = [ActVerb.RERUN, ActVerb.RERUN_FAILED, ActVerb.CANCEL, ActVerb.APPROVE]


@pytest.mark.parametrize("verb", VERBS)
async def test_act_whose_answer_was_lost_is_looked_up_and_not_repeated(
    verb: ActVerb, api: CircleCIAPI, fake: FakeCircleCI, wire: LossyWire, recorder: Recorder
) -> None:
    run, wire.loses = runs_of(fake, verb), "after"

    result = await act_on_build(api, BuildAct(verb=verb, workflow_id=UUID(run.workflow_id)), recorder)

    assert (result.outcome, wire.posts) == (ActOutcome.DONE, 1)
    assert "CircleCI did not answer in time, but it was done" in result.sentence
    assert sorted(await on_record(recorder.store, run.workflow_id)) == ["asked", "done"]


@pytest.mark.parametrize("verb", VERBS)
async def test_act_that_a_look_does_not_show_is_uncertain(
    verb: ActVerb, api: CircleCIAPI, fake: FakeCircleCI, wire: LossyWire, recorder: Recorder
) -> None:
    run, wire.loses = runs_of(fake, verb), "before"

    result = await act_on_build(api, BuildAct(verb=verb, workflow_id=UUID(run.workflow_id)), recorder)

    assert (result.outcome, wire.posts) == (ActOutcome.UNCERTAIN, 1)
    assert sorted(await on_record(recorder.store, run.workflow_id)) == ["asked", "uncertain"]


@pytest.mark.parametrize(("loses", "outcome"), [("after", ActOutcome.DONE), ("before", ActOutcome.UNCERTAIN)])
async def test_trigger_whose_answer_was_lost_is_looked_up_among_own_pipelines(
    loses: str, outcome: ActOutcome, api: CircleCIAPI, fake: FakeCircleCI, wire: LossyWire, recorder: Recorder
) -> None:
    fake.run_finished(replace(sample_runs.web_main_red(MONDAY), author=ADA))
    wire.loses = loses

    result = await trigger_pipeline(api, Trigger(project="gh/acme/web", branch="main"), recorder)

    assert (result.outcome, wire.posts) == (outcome, 1)
    assert (result.pipeline is not None) is (outcome is ActOutcome.DONE)
    assert fake.calls[-1].path == "/project/gh/acme/web/pipeline/mine"


async def test_second_act_with_one_id_is_refused_before_circleci_is_asked(
    api: CircleCIAPI, fake: FakeCircleCI, wire: LossyWire, recorder: Recorder
) -> None:
    run, once = runs_of(fake, ActVerb.RERUN), replace(recorder, id=uuid4())
    act = BuildAct(verb=ActVerb.RERUN, workflow_id=UUID(run.workflow_id))

    await act_on_build(api, act, once)
    with pytest.raises(BadRequest, match="asked for already"):
        await act_on_build(api, act, once)

    assert wire.posts == 1


@pytest.fixture
async def acting(folder: Path) -> AsyncIterator[Instance]:
    """Return a service whose API and pages act at the fake CircleCI."""
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    with served(fake) as address:
        async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address) as instance:
            instance.pretend = fake
            yield instance


async def test_api_acts_and_says_what_circleci_answered(acting: Instance) -> None:
    await acting.finish(RED)

    done = await acting.http.post(f"/api/v1/runs/{RED.workflow_id}/rerun", json={"from_failed": True})
    refused = await acting.http.post(f"/api/v1/runs/{RED.workflow_id}/approve")
    started = await acting.http.post("/api/v1/trigger", json={"project": "gh/acme/web", "branch": "main"})
    unknown = await acting.http.post(f"/api/v1/runs/{uuid4()}/cancel")

    assert (done.status_code, done.json()["act"], done.json()["outcome"]) == (200, "rerun_failed", "done")
    assert (refused.status_code, started.status_code, unknown.status_code) == (409, 200, 404)
    assert "no job of it waits for an approval" in refused.json()["error"]
    assert started.json()["pipeline"]["number"] == RED.number + 1


async def test_api_answers_409_where_circleci_started_nothing(acting: Instance) -> None:
    acting.pretend.actions.skips = "Pipeline skipped"

    said = await acting.http.post("/api/v1/trigger", json={"project": "gh/acme/web"})

    assert (said.status_code, said.json()["outcome"]) == (409, "refused")
    assert said.json()["error"] == "CircleCI started no pipeline: Pipeline skipped"


@pytest.mark.long
async def test_page_asks_and_its_form_acts_once(acting: Instance) -> None:
    await acting.finish(RED)
    await acting.drain()
    acting.http.auth = Operator()
    address = f"/builds/{RED.workflow_id}/act/rerun-failed"
    acts = [call for call in acting.pretend.calls if call.method == "POST"]

    build, asked = await acting.http.get(f"/builds/{RED.workflow_id}"), await acting.http.get(address)
    await acting.http.head(address)
    once = re.search('name="once" value="([^"]+)"', asked.text)
    assert once
    before = [call for call in acting.pretend.calls if call.method == "POST"]
    done = await acting.http.post(address, data={"once": once[1]})
    again = await acting.http.post(address, data={"once": once[1]})
    shown = await acting.http.get(f"/builds/{RED.workflow_id}")

    assert f'href="{address}"' in build.text
    assert before == acts
    assert (done.status_code, again.status_code) == (303, 409)
    assert [call.path for call in acting.pretend.calls if call.method == "POST"][len(acts) :] == [
        f"/workflow/{RED.workflow_id}/rerun"
    ]
    words = " ".join(re.sub("<[^>]+>", "", shown.text).split())
    assert "rerun from failed by admin: done: new workflow" in words
    assert "CircleCI took it. Its answer is below" in words


async def test_page_of_an_approval_names_the_jobs_that_wait(acting: Instance) -> None:
    run = held(RED)
    acting.pretend.run_finished(run)
    acting.http.auth = Operator()

    asked = await acting.http.get(f"/builds/{run.workflow_id}/act/approve")
    none = await acting.http.get(f"/builds/{run.workflow_id}/act/cancel-job")
    unknown = await acting.http.get(f"/builds/{run.workflow_id}/act/destroy")

    assert 'name="job" value="hold"' in asked.text
    assert "No job of it runs." in none.text
    assert unknown.status_code == 404


@pytest.mark.parametrize("cross", ["cross-site", "same-site"])
async def test_form_of_another_site_is_refused(acting: Instance, cross: str) -> None:
    acting.http.auth = Operator()
    await acting.finish(RED)
    await acting.http.get("/builds")

    said = await acting.http.post(
        f"/builds/{RED.workflow_id}/act/rerun",
        data={"once": str(uuid4())},
        headers={"Sec-Fetch-Site": cross, "Origin": "https://elsewhere.example.com"},
    )

    assert said.status_code == 403
    assert not [call for call in acting.pretend.calls if call.method == "POST"]
