"""Two pipeline definitions with workflows of one name are told apart, and named nowhere else."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.text import definition_digits
from tests.pipeline.test_news import CHANGES
from tests.pipeline.test_news import run as of_main
from tests.pipeline.test_pipeline_definitions import finish, of_app
from tests.support.app_fixture import Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

pytestmark = pytest.mark.databases("sqlite", "postgres")

FIRST, SECOND = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
NOTE = "Of the pipeline definition aaaaaaaa: another one has a workflow of that name."


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, CHANGES) as instance:
        await instance.http.get("/builds")  # logged in
        yield instance


async def answer(instance: Instance, address: str) -> Any:
    return (await instance.http.get(address)).json()


@pytest.mark.long
async def test_the_definition_is_shown_where_two_look_alike(instance: Instance) -> None:
    await finish(instance, of_main(901, "success"), SECOND)
    await finish(instance, of_main(902, "failed"), FIRST)

    status = await answer(instance, "/api/v1/status?project=acme/web")
    [incident] = (await answer(instance, "/api/v1/incidents"))["items"]
    [red] = (await answer(instance, "/now.json"))["items"]
    now, incidents, workflow = [
        text(await instance.http.get(address))
        for address in ("/?still=1", "/incidents?still=1", "/projects/acme/web/build-and-test")
    ]

    assert [(one["definition"], one["state"]) for one in status["workflows"]] == [(SECOND, "green"), (FIRST, "red")]
    assert (incident["definition"], red["definition"]) == (FIRST, FIRST)
    assert "definition aaaaaaaa" in now
    assert "(definition aaaaaaaa)" in incidents
    assert "whose runs are apart: shown is " in workflow
    assert [NOTE in message.text for _, message in instance.channels.took] == [True]


async def test_monitors_see_both_and_metrics_the_red_one(instance: Instance) -> None:
    await finish(instance, of_main(901, "success"), SECOND)
    await finish(instance, of_main(902, "failed"), FIRST)
    await finish(instance, of_main(903, "success"), SECOND)

    tray = (await instance.http.get("/cctray.xml")).text
    metrics = (await instance.http.get("/metrics", headers=BEARER)).text

    names = ["acme/web main build-and-test (definition aaaaaaaa)", "acme/web main build-and-test (definition bbbbbbbb)"]
    assert sorted(re.findall('name="([^"]*)"', tray)) == names
    [since] = re.findall("roundsman_workflow_red_since_timestamp_seconds{.*} (.*)", metrics)
    assert float(since) > 0


@pytest.mark.long
async def test_where_one_workflow_has_a_name_its_definition_is_not_shown(instance: Instance) -> None:
    other = replace(of_main(901, "failed"), workflow="deploy")
    await finish(instance, other, SECOND)
    elsewhere = of_app(of_main(902, "failed"), SECOND)
    elsewhere["pipeline"]["trigger_parameters"]["git"]["branch"] = "feature/cart"
    await instance.post(elsewhere)
    await finish(instance, of_main(903, "failed"), FIRST)

    status = await answer(instance, "/api/v1/status?project=acme/web")
    incidents = (await answer(instance, "/api/v1/incidents"))["items"]

    assert [one["definition"] for one in (*status["workflows"], *incidents)] == [None] * (2 + len(incidents))
    assert "definition" not in text(await instance.http.get("/?still=1"))
    assert not any("pipeline definition" in message.text for _, message in instance.channels.took)


@pytest.mark.long
async def test_of_two_the_one_without_a_definition_is_told_apart_by_that(instance: Instance) -> None:
    await finish(instance, of_main(901, "failed"), None)
    await finish(instance, of_main(902, "failed"), FIRST)

    status = await answer(instance, "/api/v1/status?project=acme/web")

    assert sorted(str(one["definition"]) for one in status["workflows"]) == sorted([FIRST, "None"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [(FIRST, "aaaaaaaa"), ("<b>x</b>", "bxb"), ("\u202ea b", "ab"), ("x" * 5000, "x" * 8), ("部署", "")],
)
@pytest.mark.databases("sqlite")
def test_an_id_is_shown_by_its_first_digits(given: str, shown: str) -> None:
    assert definition_digits(given) == shown
