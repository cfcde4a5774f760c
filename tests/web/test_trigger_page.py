"""The pages that start a pipeline: what is asked, what is started, and what is on record."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED, RED_TO_WEB, TOKEN, Instance, an_instance
from tests.support.cli_runner import served
from tests.support.operator_client import Operator

FORM = {
    "project": "gh/acme/web",
    "branch": "main",
    "tag": "",
    "parameters": "deploy=true\nreason=a=b",
    "definition": "",
}


@pytest.fixture
async def acting(folder: Path) -> AsyncIterator[Instance]:
    """Return a service whose pages act at the fake CircleCI, for a browser of an admin."""
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    with served(fake) as address:
        async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address) as instance:
            instance.pretend = fake
            instance.http.auth = Operator()
            yield instance


def posts(instance: Instance) -> list[str]:
    return [call.path for call in instance.pretend.calls if call.method == "POST"]


def words(response: httpx.Response) -> str:
    return " ".join(re.sub("<[^>]+>", "", response.text).split())


def hidden(response: httpx.Response) -> dict[str, str]:
    return dict(re.findall('<input type="hidden" name="([^"]+)" value="([^"]*)">', response.text))


@pytest.mark.long
async def test_pipeline_is_started_once_after_a_question_and_is_on_record(acting: Instance) -> None:
    await acting.finish(RED)
    await acting.drain()

    project = await acting.http.get("/projects/acme/web")
    form = await acting.http.get("/trigger?project=gh/acme/web&branch=main")
    asked = await acting.http.post("/trigger/ask", data=FORM)
    before = posts(acting)
    sent = hidden(asked) | {"parameters": FORM["parameters"]}
    done = await acting.http.post("/trigger", data=sent)
    again = await acting.http.post("/trigger", data=sent)
    shown = await acting.http.get(done.headers["location"])

    assert "Start a pipeline" in project.text
    assert (form.status_code, asked.status_code, before) == (200, 200, [])
    assert "deploytrue (true or false)" in words(asked)
    assert "reasona=b" in words(asked)
    assert (done.status_code, again.status_code, shown.status_code) == (303, 409, 200)
    assert posts(acting) == ["/project/gh/acme/web/pipeline/run"]
    assert f"Pipeline {RED.number + 1} was started." in words(shown)
    assert "by admin: a pipeline of gh/acme/web, branch main, with deploy, reason." in words(shown)


@pytest.mark.long
async def test_answer_of_status_200_is_shown_as_not_started(acting: Instance) -> None:
    acting.pretend.actions.skips = "Skipped: [ci skip] in the commit"

    done = await acting.http.post("/trigger", data={**FORM, "once": str(uuid4())})
    shown = await acting.http.get(done.headers["location"])

    assert "CircleCI started nothing" in words(shown)
    assert "CircleCI started no pipeline: Skipped: [ci skip] in the commit" in words(shown)


@pytest.mark.long
async def test_one_of_several_pipelines_must_be_chosen(acting: Instance) -> None:
    first, second = str(uuid4()), str(uuid4())
    acting.pretend.actions.definitions[RED.project.id] = [
        {"id": first, "name": "build-and-test"},
        {"id": second, "name": "<b>release</b>", "description": "what ships"},
    ]

    form = await acting.http.get("/trigger?project=gh/acme/web")
    none = await acting.http.post("/trigger/ask", data=FORM)
    wrong = await acting.http.post("/trigger/ask", data=FORM | {"definition": str(uuid4())})
    asked = await acting.http.post("/trigger/ask", data=FORM | {"definition": second})

    assert f'<option value="{second}">&lt;b&gt;release&lt;/b&gt;: what ships' in form.text
    assert (none.status_code, wrong.status_code, asked.status_code) == (400, 400, 200)
    assert "has 2 pipelines; choose one" in words(none)
    assert f'<option value="{first}">' in none.text
    assert "Its pipeline&lt;b&gt;release&lt;/b&gt;" in words(asked)
    assert hidden(asked)["definition"] == second


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"project": ""}, "which project?"),
        ({"project": "gh/acme/*"}, "is a pattern"),
        ({"project": "acme"}, "is not a project slug"),
        ({"tag": "v1"}, "on a branch or on a tag"),
        ({"parameters": "deploy"}, "write NAME=VALUE"),
        ({"parameters": "a=1\na=2"}, "given twice"),
        ({"branch": "b" * 501}, "500 characters"),
        ({"project": "gh/acme/unknown"}, "404"),
    ],
)
async def test_wrong_form_is_shown_again_with_what_was_written(
    acting: Instance, wrong: dict[str, str], why: str
) -> None:
    asked = await acting.http.post("/trigger/ask", data=FORM | wrong)

    assert 400 <= asked.status_code < 500
    assert why.lower() in words(asked).lower()
    assert "deploy" in asked.text
    assert posts(acting) == []


@pytest.mark.long
async def test_server_without_a_list_of_pipelines_is_asked_in_the_older_way(acting: Instance) -> None:
    acting.pretend.actions.has_run_route = False

    form = await acting.http.get("/trigger?project=gh/acme/web")
    done = await acting.http.post("/trigger", data={**FORM, "once": str(uuid4())})
    shown = await acting.http.get(done.headers["location"])

    assert 'name="definition" value=""' in form.text
    assert "was started" in words(shown)
    assert posts(acting)[-1] == "/project/gh/acme/web/pipeline"


@pytest.mark.long
async def test_form_of_another_site_or_without_an_id_starts_nothing(acting: Instance) -> None:
    await acting.http.get("/trigger")
    far = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example.com"}

    crossed = await acting.http.post("/trigger", data={**FORM, "once": str(uuid4())}, headers=far)
    bare = await acting.http.post("/trigger", data=FORM)
    unknown = await acting.http.get(f"/trigger/{uuid4()}")
    no_id = await acting.http.get("/trigger/7")

    assert (crossed.status_code, bare.status_code, unknown.status_code, no_id.status_code) == (403, 400, 404, 404)
    assert posts(acting) == []
