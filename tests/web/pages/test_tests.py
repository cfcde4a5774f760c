"""The page of tests and that of one test, with their rows as JSON."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.testing.sample_runs import VOUCHERS
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text
from tests.support.tested_runs import post, run

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
ADDS = VOUCHERS[0]
NO_TEST = "3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"
KNOWN = RED_TO_WEB + 'known_problems: [{pattern: "*assert*", title: "<b>Rounding</b>", owner: Linh}]\n'
HOSTILE = "../../?a=b&c#<script>alert(1)</script> \u202e%2e%2e"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, KNOWN) as instance:
        instance.clock.tick(hours=12)
        yield instance


async def page(instance: Instance, address: str) -> str:
    response = await instance.http.get(address)
    assert response.status_code == 200, response.text
    return text(response)


async def rows(instance: Instance, address: str) -> Any:
    response = await instance.http.get(address, headers=BEARER)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_each_test_stands_under_its_states_with_its_evidence(instance: Instance) -> None:
    slow = replace(VOUCHERS[1], name="test_sleeps", run_time_s=30.0)
    await post(instance, run(900), run(901, ADDS), run(901, attempt=2), run(902, slow))

    shown = await page(instance, "/tests")
    found = await rows(instance, "/tests.json")

    counts = {state: section["count"] for state, section in found["sections"].items()}
    [flaky] = found["sections"]["flaky"]["items"]
    assert counts == {"failing": 1, "new": 1, "flaky": 1, "slow": 1}
    assert (flaky["name"], flaky["red_and_green_at"], flaky["state"]) == (ADDS.name, run(901).revision, "flaky")
    assert flaky["cost_minutes"] == pytest.approx((RED.stopped_at - RED.pushed_at).total_seconds() / 60, rel=0.5)
    assert [one["result"] for one in flaky["last"]] == ["passed", "failed", "passed"]
    assert f"red and green at {run(901).revision[:7]}" in shown
    assert "slow: 30 s in the mean" in shown
    assert "new: failing on main" in shown
    assert "Tests are known for 2 of 2 red runs of the last 90 days." in shown
    assert "Which tests become slower is not known" in shown


async def test_a_branch_where_a_test_fails_in_two_workflows_is_named_once(instance: Instance) -> None:
    await post(instance, run(900), run(901, ADDS), replace(run(902, ADDS), workflow="deploy"))

    shown = await page(instance, "/tests")

    assert "failing on main ·" in shown or "failing on main," in shown
    assert "main, main" not in shown


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_state_has_a_page_of_its_own(instance: Instance) -> None:
    await post(instance, run(900), run(901, *VOUCHERS[:2]))

    found = await rows(instance, "/tests.json?state=new")
    api = await rows(instance, "/api/v1/tests?state=new")
    shown = await page(instance, "/tests?state=new&project=acme/web")

    assert [{name: one[name] for name in api["items"][0]} for one in found["items"]] == api["items"]
    assert found["next"] is None
    assert ADDS.name in shown
    assert "No test is in this state: flaky." in await page(instance, "/tests?state=flaky")


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_one_test_has_its_results_messages_problem_and_owner(instance: Instance) -> None:
    await post(instance, run(900), run(901, ADDS), run(902, ADDS))
    [incident] = (await rows(instance, "/api/v1/incidents"))["items"]
    await instance.http.post(f"/api/v1/incidents/{incident['id']}/take", json={"by": "Priya"})
    [listed] = (await rows(instance, "/tests.json"))["sections"]["failing"]["items"]

    one = await rows(instance, f"/tests/{listed['id']}.json")
    shown = await page(instance, f"/tests/{listed['id']}")

    assert {name: one[name] for name in listed if name in one and name != "failing_on"} == {
        name: listed[name] for name in listed if name in one and name != "failing_on"
    }
    assert [(result["result"], result["is_by_green_run"]) for result in one["results"]] == [
        ("failed", False),
        ("failed", False),
        ("passed", True),
    ]
    assert [(message["fails"], message["text"]) for message in one["messages"]] == [(2, ADDS.message)]
    assert [problem["title"] for problem in one["known_problems"]] == ["<b>Rounding</b>"]
    assert one["owners"] == ["Linh"]
    assert "known as <b>Rounding</b>" in shown
    assert "Owner Linh, by its known problem" in shown
    assert "Priya has it" in shown
    build = one["results"][0]["build"]
    assert (await instance.http.get(f"/builds/{build}")).status_code == 200


@pytest.mark.long
async def test_a_hostile_name_has_a_plain_address_and_stays_literal(instance: Instance) -> None:
    await post(instance, run(900), run(901, replace(ADDS, name=HOSTILE, class_name=HOSTILE)))
    [listed] = (await rows(instance, "/tests.json"))["sections"]["new"]["items"]

    response = await instance.http.get(f"/tests/{listed['id']}")

    assert response.status_code == 200
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        (f"/tests/{NO_TEST}", 404, "No test with this address is on record"),
        ("/tests/no-id", 400, "is not an id"),
        ("/tests?state=red", 400, "is not a state to ask for"),
        ("/tests?color=red", 400, "means nothing here"),
        ("/tests?state=new&cursor=abc", 400, "Cursor is not one of ours"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong(instance: Instance, address: str, status: int, words: str) -> None:
    shown = await instance.http.get(address)
    path, _, query = address.partition("?")
    twin = await instance.http.get(f"{path}.json?{query}", headers=BEARER)

    assert (shown.status_code, twin.status_code) == (status, status)
    assert words in text(shown)
    assert words.lower() in twin.json()["error"].lower()


async def test_empty_pages_say_why(instance: Instance) -> None:
    nothing = await page(instance, "/tests")
    await post(instance, run(900))
    unknown = await page(instance, "/tests?project=acme/wep")

    assert "No test fails, flakes or is slow. No red run of the last 90 days is on record" in nothing
    assert "No run of project 'acme/wep' is on record. Near it" in unknown
    assert "acme/web" in unknown


async def test_empty_fields_of_the_form_are_dropped(instance: Instance) -> None:
    response = await instance.http.get("/tests?project=&branch=main")

    assert (response.status_code, response.headers["location"]) == (303, "/tests?branch=main")


@pytest.mark.long
async def test_the_page_of_all_states_is_read_again_after_some_seconds(instance: Instance) -> None:
    await post(instance, run(900))
    before = await rows(instance, "/tests.json")
    await post(instance, run(901, ADDS))

    cached = await rows(instance, "/tests.json")
    instance.clock.tick(seconds=20)
    after = await rows(instance, "/tests.json")

    assert cached == before
    assert [one["name"] for one in after["sections"]["new"]["items"]] == [ADDS.name]


async def test_a_stranger_sees_neither_page_nor_rows(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        answers = [await stranger.get(path) for path in ("/tests", f"/tests/{NO_TEST}", "/tests.json")]

    assert [answer.status_code for answer in answers] == [303, 303, 401]
