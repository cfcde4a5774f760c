"""The page of incidents: what is red, who has it, and the forms to say so."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from tests.operations.incidents.test_incidents import one
from tests.support.app_fixture import GREEN, RED, House
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text


async def page(house: House, address: str = "/incidents") -> httpx.Response:
    response = await house.http.get(address)
    assert response.status_code == 200, response.text
    return response


async def send(house: House, verb: str, **fields: str) -> httpx.Response:
    incident = await one(house)
    return await house.http.post(f"/incidents/{incident['id']}/{verb}", data=fields)


async def test_nothing_is_red_at_first(house: House) -> None:
    assert "Nothing is red." in text(await page(house))


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_an_incident_is_taken_and_released_on_the_page(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    words = text(await page(house))
    assert "acme/web main build-and-test Red for" in words
    assert "open, red once since" in words

    done = await send(house, "take", by="<b>Linh</b>", until="2h", note="the runner")
    taken = await page(house)
    await send(house, "release", because="done")

    assert (done.status_code, done.headers["location"]) == (303, "/incidents")
    assert "Taken by <b>Linh</b>, today 09:30, until today 11:30: the runner" in text(taken)
    assert "&lt;b&gt;Linh&lt;/b&gt;" in taken.text
    assert "Taken by" not in text(await page(house))


@pytest.mark.long
async def test_the_page_of_a_build_shows_its_incident_and_what_people_did(house: House) -> None:
    event = await house.finish(RED)
    await house.drain()
    await send(house, "classify", fixed_by="4f1c2d7", because="found it", **{"class": "known_problem"})
    await send(house, "mute")

    shown = text(await page(house, f"/builds/{event}"))

    assert "Class known problem, says" in shown
    assert "fixed by 4f1c2d7" in shown
    assert "Muted until it is fixed." in shown
    assert "found it" in shown


@pytest.mark.long
async def test_a_closed_incident_is_below_and_can_be_classified_alone(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    await house.finish(GREEN)
    await house.drain()

    shown = await page(house)

    assert "Closed lately" in text(shown)
    assert "/classify" in shown.text
    assert "/take" not in shown.text


async def test_who_takes_what_another_has_is_asked_and_lands_where_the_person_was(house: House) -> None:
    event = await house.finish(RED)
    await house.drain()
    await send(house, "take", by="Linh", note="looking into it")
    incident = await one(house)
    place, form = f"/builds/{event}?x=1", {"by": "Priya", "until": "2h"}

    asked = await house.http.post(
        f"/incidents/{incident['id']}/take", data=form, headers={"Referer": f"http://127.0.0.1:8000{place}"}
    )
    before = (await one(house))["taken"]["by"]
    again = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', asked.text.partition('class="act"')[2]))
    await send(house, "take", by="Ada", replace="Linh")
    late = await house.http.post(f"/incidents/{incident['id']}/take", data=again)
    done = await house.http.post(f"/incidents/{incident['id']}/take", data={**again, "replace": "Ada"})

    assert (asked.status_code, before, late.status_code) == (409, "Linh", 409)
    assert "Taken by Linh" in text(asked)
    assert "Take it over from Linh" in text(asked)
    assert again == {**form, "note": "", "back": place, "replace": "Linh"}
    assert "Taken by Ada" in text(late)
    assert (done.status_code, done.headers["location"]) == (303, place)
    shown = (await house.http.get(f"/api/v1/incidents/{incident['id']}")).json()
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
    house: House, verb: str, typed: dict[str, str], problem: str
) -> None:
    await house.finish(RED)
    await house.drain()

    refused = await send(house, verb, **typed)

    form = refused.text.partition('class="act"')[2]
    values = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form))
    assert (refused.status_code, problem in text(refused)) == (400, True)
    assert {name: unescape(values[name]) for name in typed} == typed


@pytest.mark.long
async def test_a_mistake_is_named(house: House) -> None:
    await house.finish(RED)
    await house.drain()

    refused = await send(house, "mute", until="2020-01-01")
    senseless = await send(house, "release")

    assert (refused.status_code, "is not later than now" in text(refused)) == (400, True)
    assert (senseless.status_code, "is not taken" in text(senseless)) == (409, True)


async def test_strangers_are_led_to_the_login_and_other_sites_are_refused(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    incident = await one(house)
    address = f"/incidents/{incident['id']}/take"
    async with house.stranger() as stranger:
        answers = [await stranger.get("/incidents"), await stranger.post(address, data={"by": "x"})]
    elsewhere = await house.http.post(address, data={"by": "x"}, headers={"Origin": "https://evil.example.com"})

    assert [answer.headers["location"][:6] for answer in answers] == ["/login"] * 2
    assert elsewhere.status_code == 403
    assert (await one(house))["taken"] is None


async def rows(house: House, query: str = "") -> Any:
    answer = await house.http.get(f"/incidents.json{query}", headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_an_incident_has_how_long_it_was_red_of_what_and_who_had_it(house: House) -> None:
    event = await house.finish(RED)
    await house.drain()
    house.clock.tick(hours=2)
    open_ = text(await page(house))
    await house.finish(GREEN)
    await house.drain()

    closed, found = await page(house), await rows(house)

    [incident] = found["closed"]["items"]
    assert found["open"]["items"] == []
    assert incident["newest_event"] == event
    assert incident["red_for_s"] > 0
    assert incident["fails"]["tests"] > 0
    assert incident["broke_with"]["revision"] == RED.revision
    assert incident["fixed_with"]["revision"] == GREEN.revision
    assert "Red for 2h" in open_
    assert "Has it no one" in open_
    assert f"Green with {GREEN.revision[:7]}" in text(closed)
    assert f'href="/builds/{event}"' in closed.text


@pytest.mark.long
async def test_incidents_are_kept_by_project_branch_and_state(house: House) -> None:
    await house.finish(RED)
    await house.drain()

    asked = ("?project=acme/web", "?project=acme/ios", "?branch=main&state=open", "?branch=topic", "?state=closed")
    counts = [
        sum(len(part["items"]) for part in (found["open"], found["closed"]) if part)
        for found in [await rows(house, query) for query in asked]
    ]
    wrong = await house.http.get("/incidents?state=red")
    unknown = text(await page(house, "/incidents?project=acme/wep"))

    assert counts == [1, 0, 1, 0, 0]
    assert (wrong.status_code, "is not a state" in text(wrong)) == (400, True)
    assert "No run of project 'acme/wep' is on record; did you mean" in unknown
    assert "None is on record." in text(await page(house, "/incidents?state=closed"))
