"""The first digits of an id, as messages and lists show them: taken by the API, the pages and the commands."""

import re

import pytest

from service.web.openapi.document import PATH
from tests.support.app_fixture import RED, Instance
from tests.web.test_api import asked

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

BROWSER = {"Accept": "text/html"}


async def test_api_takes_the_first_digits_of_an_incident_an_event_and_a_notification(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    event = (await asked(instance))["items"][0]
    [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    [told] = (await instance.http.get("/api/v1/notifications")).json()["items"]

    shown = await instance.http.get(f"/api/v1/incidents/{incident['id'][:8]}")
    taken = await instance.http.post(f"/api/v1/incidents/{incident['id'][:8].upper()}/take", json={"by": "linh"})
    one = await instance.http.get(f"/api/v1/events/{event['id'][:13]}")
    resent = await instance.http.post(f"/api/v1/notifications/{told['id'][:8]}/resend")

    assert (shown.json()["id"], one.json()["id"]) == (incident["id"], event["id"])
    assert (taken.status_code, taken.json()["taken"]["by"]) == (200, "linh")
    assert resent.json()["notification"] == told["id"]


@pytest.mark.parametrize(
    ("written", "status", "sentence"),
    [
        ("1234567", 400, "'1234567' is not an id; ids look like"),
        ("deadbeef", 404, "there is no incident deadbeef; ids are in `roundsman incidents list`"),
        ("what", 400, "'what' is not an id"),
    ],
)
async def test_what_is_the_beginning_of_no_id_is_refused(
    instance: Instance, written: str, status: int, sentence: str
) -> None:
    answer = await instance.http.get(f"/api/v1/incidents/{written}")

    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)


async def test_address_of_an_incident_leads_to_its_last_red_build(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    await instance.http.get("/builds")  # logged in

    pages = [await instance.http.get(f"/incidents/{incident['id'][:digits]}") for digits in (8, 36)]
    nowhere = await instance.http.get("/incidents/deadbeef", headers=BROWSER)
    build = await instance.http.get(pages[0].headers["location"])
    counts = [
        re.findall(r">(?:Now|Dead letters)[^<]*<|class=\"is-[a-z]+\" aria-hidden", page.text.partition("</nav>")[0])
        for page in (build, nowhere)
    ]

    assert [page.headers["location"] for page in pages] == [f"/builds/{RED.workflow_id}"] * 2
    assert (build.status_code, nowhere.status_code) == (200, 404)
    assert counts[0] == counts[1]
    assert counts[0][0] == ">Now (1)<"


async def test_document_of_the_api_says_which_ids_may_be_short(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    paths = (await instance.http.get(PATH)).json()["paths"]
    found = {path: next(iter(some.values()))["parameters"][0] for path, some in paths.items() if "{id}" in path}

    assert [path for path, one in found.items() if one["schema"].get("format") == "uuid"] == ["/api/v1/views/{id}"]
    for digits in range(1, 37):
        fits = re.search(found["/api/v1/incidents/{id}"]["schema"]["pattern"], incident["id"][:digits])
        answer = await instance.http.get(f"/api/v1/incidents/{incident['id'][:digits]}")
        assert answer.status_code == (200 if fits else 400), digits
    assert "first 8 digits" in found["/api/v1/incidents/{id}"]["description"]
