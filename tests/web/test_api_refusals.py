"""What the API does not do: for questions that make no sense, things that are not there, and people without a token."""

import base64
import re
from uuid import UUID, uuid4

import httpx
import pytest

from service.store.search.places import ID_BITS
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, Instance
from tests.support.operator_client import ADMIN_TOKEN, Operator

pytestmark = pytest.mark.databases("sqlite", "postgres")

ADDRESSES = [
    ("GET", "/api/v1/events"),
    ("GET", f"/api/v1/events/{UUID(int=1)}"),
    ("GET", "/api/v1/dead-letters"),
    ("GET", "/api/v1/refusals"),
    ("POST", f"/api/v1/deliveries/{UUID(int=1)}/replay"),
    ("POST", f"/api/v1/notifications/{UUID(int=1)}/resend"),
    ("POST", f"/api/v1/deliveries/{UUID(int=1)}/dismiss"),
    ("POST", f"/api/v1/notifications/{UUID(int=1)}/dismiss"),
]


def made_cursor(microseconds: int, key: bytes = bytes(16)) -> str:
    return base64.urlsafe_b64encode(microseconds.to_bytes(8, "big", signed=True) + key).decode()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        *((f"limit={limit}", "limit must be a whole number from 1 to 200") for limit in ("0", "201", "abc", "-1", "")),
        ("limit=" + "9" * 5000, "limit must be a whole number from 1 to 200"),
        ("limit=%C2%B2", "limit must be a whole number from 1 to 200"),
        (
            "colour=red",
            "'colour' is not something to search by; there are org, project, branch, tag, workflow, job, .*",
        ),
        *((f"{name}=7&{name}=8", f"'{name}' stands twice; give it once") for name in ("limit", "cursor", "since")),
        (
            "&".join(f"branch=b{number}" for number in range(21)),
            "'branch' may stand 20 times, and it stands 21 times; .*",
        ),
        ("branch=a&colour=red&colour=blue", "'colour' is not something to search by; .*"),
        ("since=someday", "'someday' is not a time; write 2026-11-22, 2026-11-22T09:30:00Z, 7d, 1h30m, yesterday, .*"),
        ("event=ping&event=deploy", "'deploy' is not a kind of event; .*"),
        ("until=0001-01-01T00:00:00%2B23:00", r"'0001-\S+' is not a time; .*"),
        (
            "event=deploy",
            "'deploy' is not a kind of event; there are workflow-completed, .*, settings-changed, ping, any",
        ),
        ("event=any&event=deploy", "'deploy' is not a kind of event; .*"),
        ("q=" + "+".join(f"w{number}" for number in range(21)), "q may have 20 words; keep those that are rare"),
        ("q=" + "a-" * 600, "q may have 20 words; .*"),
        ("cursor=x", "this is no cursor of Roundsman's; start again without it"),
        ("cursor=%C3%A9", "this is no cursor of Roundsman's; .*"),
        ("cursor=" + made_cursor(0, b"short"), "this is no cursor of Roundsman's; .*"),
        ("cursor=" + made_cursor(2**63 - 1), "this is no cursor of Roundsman's; .*"),
        ("cursor=" + made_cursor(-(2**63)), "this is no cursor of Roundsman's; .*"),
    ],
)
async def test_a_question_that_makes_no_sense_is_a_400_with_the_next_step(
    instance: Instance, query: str, sentence: str
) -> None:
    response = await instance.http.get(f"/api/v1/events?{query}")

    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert re.fullmatch(sentence, response.json()["error"])


async def test_a_made_up_cursor_is_only_a_place(instance: Instance) -> None:
    cursor = made_cursor(1_772_440_200_000_000 << ID_BITS, b"")

    response = await instance.http.get(f"/api/v1/events?cursor={cursor}")

    assert response.json() == {"items": [], "next": None, "looked_back_to": None, "partial": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/events/not-an-id"),
        ("POST", "/api/v1/deliveries/not-an-id/replay"),
        ("POST", "/api/v1/notifications/not-an-id/resend"),
        ("POST", "/api/v1/deliveries/not-an-id/dismiss"),
        ("POST", "/api/v1/notifications/not-an-id/dismiss"),
    ],
)
async def test_an_id_that_is_none_is_a_400_that_shows_one(instance: Instance, method: str, path: str) -> None:
    response = await instance.http.request(method, path)

    assert response.status_code == 400
    assert response.json()["error"].startswith("'not-an-id' is not an id; ids look like ")


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize(("method", "path"), ADDRESSES[1:2] + ADDRESSES[4:])
async def test_what_is_not_there_is_a_404(instance: Instance, method: str, path: str) -> None:
    response = await instance.http.request(method, path)

    assert response.status_code == 404
    assert response.json()["error"].startswith("there is no ")


async def test_an_address_that_leads_nowhere_is_a_404_that_says_where_to_look(instance: Instance) -> None:
    response = await instance.http.get("/api/v2/events")

    assert (response.status_code, response.json()) == (
        404,
        {"error": "there is nothing at '/api/v2/events'; docs/http.md lists what there is"},
    )


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_another_method_is_a_405_that_names_the_right_one(instance: Instance, method: str, path: str) -> None:
    response = await instance.http.delete(path)

    assert response.status_code == 405
    assert method in response.headers["allow"]
    assert response.json()["error"].startswith(f"'{path}' does not take DELETE; it takes ")


@pytest.mark.databases("sqlite", "postgres")
async def test_a_question_of_twenty_words_makes_sense(instance: Instance) -> None:
    response = await instance.http.get("/api/v1/events", params={"q": " ".join(f"w{number}" for number in range(20))})

    assert (response.status_code, response.json()["items"]) == (200, [])


async def test_a_delivery_that_is_not_judged_yet_says_so(instance: Instance) -> None:
    delivery = await instance.post(workflow_completed(RED))

    response = await instance.http.get(f"/api/v1/events/{delivery}")

    assert response.status_code == 404
    assert response.json()["error"] == f"delivery {delivery} has not been judged yet; look again in a moment"


async def test_a_delivery_that_was_not_understood_has_its_reason_instead_of_an_event(instance: Instance) -> None:
    delivery = (await instance.send(b"[]")).json()["delivery"]
    await instance.drain()

    response = await instance.http.get(f"/api/v1/events/{delivery}")

    assert response.status_code == 404
    assert "it was not understood (" in response.json()["error"]


# Who may ask


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_the_api_wants_the_admin_token(instance: Instance, method: str, path: str) -> None:
    async with instance.stranger() as http:
        without = await http.request(method, path)
        wrong = await http.request(method, path, headers={"Authorization": "Bearer a-guess"})
        right = await http.request(method, path, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})

    assert (without.status_code, wrong.status_code) == (401, 401)
    assert "Authorization: Bearer" in without.json()["error"]
    assert right.status_code in {200, 404}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_what_machines_ask_needs_no_credential(instance: Instance, path: str) -> None:
    async with instance.stranger() as http:
        response = await http.get(path)

    assert response.status_code in {200, 503}


async def test_an_id_that_was_never_given_does_nothing(instance: Instance) -> None:
    response = await instance.http.post(f"/api/v1/deliveries/{uuid4()}/replay")

    assert response.status_code == 404
    assert instance.rows("SELECT count(*) FROM actions") == [(0,)]


@pytest.mark.long
async def test_an_unexpected_error_is_answered_without_its_text(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = ?", '{"rounds": "a-word-that-nobody-should-see"}')
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", auth=Operator()) as http:
        response = await http.get(f"/api/v1/events/{event}")

    assert response.status_code == 500
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith("something went wrong here; the log says what")
    assert "a-word-that-nobody-should-see" not in response.text
