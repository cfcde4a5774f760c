"""The page of incidents: what is red, who has it, and the forms to say so."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from tests.operations.incidents.test_incidents import one
from tests.support.app_fixture import GREEN, RED, Instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text


async def page(instance: Instance, address: str = "/incidents") -> httpx.Response:
    response = await instance.http.get(address)
    assert response.status_code == 200, response.text
    return response


async def send(instance: Instance, verb: str, **fields: str) -> httpx.Response:
    incident = await one(instance)
    return await instance.http.post(f"/incidents/{incident['id']}/{verb}", data=fields)


async def test_nothing_is_red_at_first(instance: Instance) -> None:
    assert "Nothing is red." in text(await page(instance))


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_an_incident_is_taken_and_released_on_the_page(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    words = text(await page(instance))
    assert "acme/web main build-and-test Red for" in words
    assert "open, red once since" in words

    done = await send(instance, "take", by="<b>Linh</b>", until="2h", note="the runner")
    taken = await page(instance)
    await send(instance, "release", because="done")

    assert (done.status_code, done.headers["location"]) == (303, "/incidents")
    assert "Taken by <b>Linh</b>, today 09:30, until today 11:30: the runner" in text(taken)
    assert "&lt;b&gt;Linh&lt;/b&gt;" in taken.text
    assert "Taken by" not in text(await page(instance))


@pytest.mark.long
async def test_the_page_of_a_build_shows_its_incident_and_what_people_did(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    await send(instance, "classify", fixed_by="4f1c2d7", because="found it", **{"class": "known_problem"})
    await send(instance, "mute")

    shown = text(await page(instance, f"/builds/{event}"))

    assert "Class known problem, says" in shown
    assert "fixed by 4f1c2d7" in shown
    assert "Muted until it is fixed." in shown
    assert "found it" in shown


@pytest.mark.long
async def test_a_closed_incident_is_below_and_can_be_classified_alone(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await instance.finish(GREEN)
    await instance.drain()

    shown = await page(instance)

    assert "Closed lately" in text(shown)
    assert "/classify" in shown.text
    assert "/take" not in shown.text


async def test_who_takes_what_another_has_is_asked_and_lands_where_the_person_was(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    await send(instance, "take", by="Linh", note="looking into it")
    incident = await one(instance)
    place, form = f"/builds/{event}?x=1", {"by": "Priya", "until": "2h"}

    asked = await instance.http.post(
        f"/incidents/{incident['id']}/take", data=form, headers={"Referer": f"http://127.0.0.1:8000{place}"}
    )
    before = (await one(instance))["taken"]["by"]
    again = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', asked.text.partition('class="act"')[2]))
    await send(instance, "take", by="Ada", replace="Linh")
    late = await instance.http.post(f"/incidents/{incident['id']}/take", data=again)
    done = await instance.http.post(f"/incidents/{incident['id']}/take", data={**again, "replace": "Ada"})

    assert (asked.status_code, before, late.status_code) == (409, "Linh", 409)
    assert "Taken by Linh" in text(asked)
    assert "Take it over from Linh" in text(asked)
    assert again == {**form, "back": place, "replace": "Linh"}
    assert "Taken by Ada" in text(late)
    assert (done.status_code, done.headers["location"]) == (303, place)
    shown = (await instance.http.get(f"/api/v1/incidents/{incident['id']}")).json()
    assert shown["taken"]["by"] == "Priya"
    assert "in place of Ada" in shown["actions"][-1]["reason"]


@pytest.mark.parametrize(
    ("verb", "typed", "problem"),
    [
        ("take", {"by": "Linh", "until": "2x", "note": "a & b"}, "'2x' is not a time"),
        ("mute", {"until": "soon", "because": "the <runner>"}, "'soon' is not a time"),
        ("classify", {"fixed_by": "two words", "because": "x"}, "is not a revision"),
    ],
)
async def test_a_form_that_is_refused_comes_back_as_it_was_filled_in(
    instance: Instance, verb: str, typed: dict[str, str], problem: str
) -> None:
    await instance.finish(RED)
    await instance.drain()

    refused = await send(instance, verb, **typed)

    form = refused.text.partition('class="act"')[2]
    values = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form))
    assert (refused.status_code, problem in text(refused)) == (400, True)
    assert {name: unescape(values[name]) for name in typed} == typed


@pytest.mark.long
async def test_a_mistake_is_named(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    refused = await send(instance, "mute", until="2020-01-01")
    senseless = await send(instance, "release")

    assert (refused.status_code, "is not later than now" in text(refused)) == (400, True)
    assert (senseless.status_code, "is not taken" in text(senseless)) == (409, True)


async def test_strangers_are_led_to_the_login_and_other_sites_are_refused(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    incident = await one(instance)
    address = f"/incidents/{incident['id']}/take"
    async with instance.stranger() as stranger:
        answers = [await stranger.get("/incidents"), await stranger.post(address, data={"by": "x"})]
    elsewhere = await instance.http.post(address, data={"by": "x"}, headers={"Origin": "https://evil.example.com"})

    assert [answer.headers["location"][:6] for answer in answers] == ["/login"] * 2
    assert elsewhere.status_code == 403
    assert (await one(instance))["taken"] is None


async def rows(instance: Instance, query: str = "") -> Any:
    answer = await instance.http.get(f"/incidents.json{query}", headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_an_incident_has_how_long_it_was_red_of_what_and_who_had_it(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(hours=2)
    open_ = text(await page(instance))
    await instance.finish(GREEN)
    await instance.drain()

    closed, found = await page(instance), await rows(instance)

    [incident] = found["closed"]["items"]
    assert found["open"]["items"] == []
    assert incident["newest_event"] == event
    assert incident["red_for_s"] > 0
    assert incident["fails"]["tests"] > 0
    assert incident["broke_with"]["revision"] == RED.revision
    assert incident["fixed_with"]["revision"] == GREEN.revision
    assert "Red for 2 h" in open_
    assert "Has it no one" in open_
    assert f"Green with {GREEN.revision[:7]}" in text(closed)
    assert f'href="/builds/{event}"' in closed.text


@pytest.mark.long
async def test_incidents_are_kept_by_project_branch_and_state(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    asked = ("?project=acme/web", "?project=acme/ios", "?branch=main&state=open", "?branch=topic", "?state=closed")
    counts = [
        sum(len(part["items"]) for part in (found["open"], found["closed"]) if part)
        for found in [await rows(instance, query) for query in asked]
    ]
    wrong = await instance.http.get("/incidents?state=red")
    unknown = text(await page(instance, "/incidents?project=acme/wep"))

    assert counts == [1, 0, 1, 0, 0]
    assert (wrong.status_code, "is not a state" in text(wrong)) == (400, True)
    assert "No run of project 'acme/wep' is on record; did you mean" in unknown
    assert "None is on record." in text(await page(instance, "/incidents?state=closed"))
