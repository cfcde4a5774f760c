"""Addresses where nothing is: people get a page with the way back, programs a sentence in JSON."""

from uuid import UUID

import httpx
import pytest

from tests.support.app_fixture import RED, Instance
from tests.support.operator_client import Operator
from tests.support.pages_fixture import text

AS_BROWSERS_ASK = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/events", 404, "Nothing is at '/events': the address may be incomplete"),
        ("/what/<b>", 404, "Nothing is at '/what/<b>'"),
        ("/deliveries/1/replay", 405, "'/deliveries/1/replay' is what a button of a page leads to"),
    ],
)
async def test_a_browser_gets_a_page_with_the_way_back(
    instance: Instance, path: str, status: int, sentence: str
) -> None:
    page = await instance.http.get(path, headers=AS_BROWSERS_ASK)

    assert page.status_code == status
    heading = {404: "There is no such page", 405: "This cannot be done here"}[status]
    assert f"{heading} {sentence}" in text(page)
    assert '<a href="/builds">Log in, and see the builds</a>' in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers.get("allow") == ("POST" if status == 405 else None)


async def test_who_is_logged_in_keeps_the_navigation_whatever_is_wrong(instance: Instance) -> None:
    await instance.http.get("/builds")
    nowhere = await instance.http.get("/nowhere", headers=AS_BROWSERS_ASK)
    unknown = await instance.http.get(f"/builds/{UUID(int=1)}", headers=AS_BROWSERS_ASK)
    instance.database.change("ALTER TABLE sessions RENAME TO away")
    broken = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))
    async with httpx.AsyncClient(
        transport=broken, base_url=instance.http.base_url, cookies=instance.http.cookies
    ) as http:
        failed = await http.get("/builds", headers=AS_BROWSERS_ASK)
        lost = await http.get("/nowhere", headers=AS_BROWSERS_ASK)  # its user cannot be read

    assert [page.status_code for page in (nowhere, unknown, failed, lost)] == [404, 404, 500, 500]
    for page in (nowhere, unknown, failed, lost):
        assert '<a href="/dead-letters">Dead letters</a>' in page.text
        assert ">Log out</button>" in page.text
    assert f"There is no build {UUID(int=1)}: it may have been forgotten" in text(unknown)


async def test_error_pages_name_the_user_as_other_pages_do(instance: Instance) -> None:
    await instance.http.get("/builds")
    refused = {"Origin": "https://elsewhere.example.com"} | AS_BROWSERS_ASK
    pages = [
        await instance.http.get("/nowhere", headers=AS_BROWSERS_ASK),
        await instance.http.get(f"/builds/{UUID(int=1)}", headers=AS_BROWSERS_ASK),
        await instance.http.post("/silences", data={}, headers=refused),
        await instance.http.post("/silences", content=b"x" * 2**21, headers=AS_BROWSERS_ASK | FORM),
    ]
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = json_object('rounds', 'a word')")
    broken = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))
    async with httpx.AsyncClient(
        transport=broken, base_url=instance.http.base_url, cookies=instance.http.cookies
    ) as http:
        pages.append(await http.get(f"/builds/{event}", headers=AS_BROWSERS_ASK))

    assert [page.status_code for page in pages] == [404, 404, 403, 413, 500]
    for page in pages:
        assert '<a class="user" href="/sessions" title="admin: sessions"><bdi>admin</bdi></a>' in page.text
        assert ">Log out</button>" in page.text


async def test_error_page_of_a_session_that_ended_has_no_navigation(instance: Instance) -> None:
    await instance.http.get("/builds")
    instance.change("DELETE FROM sessions")

    page = await instance.http.get("/nowhere", headers=AS_BROWSERS_ASK)

    assert page.status_code == 404
    assert '<a href="/builds">Log in, and see the builds</a>' in page.text
    assert ">Log out</button>" not in page.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/events/what", "/hooks/circleci", "/hooks/other"])
async def test_api_and_hook_answer_a_browser_in_json_too(instance: Instance, path: str) -> None:
    answer = await instance.http.get(path, headers=AS_BROWSERS_ASK)

    assert answer.status_code in {400, 404, 405}
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
async def test_whoever_asks_for_no_page_gets_none(instance: Instance, accept: str) -> None:
    answer = await instance.http.get("/events", headers={"Accept": accept})

    assert answer.status_code == 404
    assert answer.json() == {"error": "there is nothing at '/events'; docs/http.md lists what there is"}


async def test_what_nobody_foresaw_is_told_people_as_a_page_too(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = json_object('rounds', 'a-word-that-nobody-should-see')")
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", auth=Operator()) as http:
        page = await http.get(f"/builds/{event}", headers=AS_BROWSERS_ASK | {"X-Request-Id": "request-7"})

    assert page.status_code == 500
    assert "Something went wrong here The log says what, in the lines of request request-7. Try again" in text(page)
    assert page.headers["x-request-id"] == "request-7"
    assert "a-word-that-nobody-should-see" not in page.text


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/tests?state=nope", '<a class="target" href="/tests">Open the page without what was asked</a>'),
        ("/what/nowhere?x=1", '<a href="/builds">the builds</a>'),
    ],
)
async def test_a_page_that_was_asked_wrong_leads_to_itself(instance: Instance, path: str, link: str) -> None:
    await instance.http.get("/builds")

    page = await instance.http.get(path, headers=AS_BROWSERS_ASK)

    assert link in page.text


async def test_a_page_that_failed_can_be_asked_for_again(instance: Instance) -> None:
    await instance.http.get("/builds")
    instance.change("ALTER TABLE sessions RENAME TO away")
    broken = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))

    async with httpx.AsyncClient(
        transport=broken, base_url=instance.http.base_url, cookies=instance.http.cookies
    ) as http:
        same = await http.get("/builds?q=x&still=1", headers=AS_BROWSERS_ASK)

    assert '<a class="target" href="/builds?q=x&amp;still=1">Try again</a>' in same.text
