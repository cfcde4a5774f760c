"""The page of known problems: what is open and closed, whose, and since when it is back."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from service.model import KnownProblem
from service.store.incidents import known_problems
from tests.support.pages_fixture import Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

FORM = {
    "title": "DNS <b>of</b> the runner",
    "pattern": "resolve host*",
    "owner": "Linh",
    "link": "https://t.example.com/41",
}


async def shown(browser: httpx.AsyncClient) -> str:
    return text(await browser.get("/known-problems"))


async def test_one_is_added_and_closed(instance: Instance, browser: httpx.AsyncClient) -> None:
    assert "No known problem is open." in await shown(browser)

    done = await browser.post("/known-problems", data={**FORM, "until": "30d", "mute": "yes"})
    page = await browser.get("/known-problems")
    [problem] = re.findall(r'action="/known-problems/([0-9a-f-]{36})/close"', page.text)
    closed = await browser.post(f"/known-problems/{problem}/close")

    assert (done.status_code, done.headers["location"]) == (303, "/known-problems")
    assert "DNS &lt;b&gt;of&lt;/b&gt; the runner" in page.text
    assert 'href="https://t.example.com/41"' in page.text
    assert "found by resolve host*, its ticket, Linh takes care of it, muted: " in text(page)
    assert (closed.status_code, closed.headers["location"]) == (303, "/known-problems")
    assert "No known problem is open." in await shown(browser)
    assert "closed by " in await shown(browser)


async def test_one_that_a_failure_reopened_says_so(instance: Instance, browser: httpx.AsyncClient) -> None:
    back = KnownProblem(
        id=uuid4(), title="DNS", added_by="Linh", created_at=instance.now, pattern="host", reopened_at=instance.now
    )
    await instance.store.write(known_problems.put, back)

    assert re.search(r"reopened .* by a failure after it was closed", await shown(browser))


async def test_one_whose_time_is_over_stands_with_the_closed_ones(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    over = KnownProblem(
        id=uuid4(),
        title="DNS",
        added_by="Linh",
        created_at=instance.now,
        pattern="x",
        until=instance.now - timedelta(days=1),
    )
    await instance.store.write(known_problems.put, over)

    assert "No known problem is open." in await shown(browser)
    assert "Closed DNS: found by x" in await shown(browser)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"title": " "}, "Title is missing"),
        ({"until": "yesterday"}, "'yesterday' is not a time"),
        ({"link": "javascript:alert(1)"}, "Link must be an address"),
        ({"pattern": ""}, "pattern"),
        ({"status": "x"}, "'status' is no field of a known problem"),
    ],
)
async def test_a_mistake_is_named_and_the_entries_stay(
    instance: Instance, browser: httpx.AsyncClient, changed: dict[str, str], problem: str
) -> None:
    page = await browser.post("/known-problems", data={**FORM, **changed})

    assert page.status_code == 400
    assert problem in text(page)
    assert 'value="Linh"' in page.text
    assert "No known problem is open." in await shown(browser)


async def test_a_link_that_is_none_of_the_web_is_not_a_link(instance: Instance, browser: httpx.AsyncClient) -> None:
    bad = KnownProblem(
        id=uuid4(), title="x", added_by="Linh", created_at=instance.now, pattern="x", link="javascript:alert(1)"
    )
    await instance.store.write(known_problems.put, bad)

    assert "javascript:" not in (await browser.get("/known-problems")).text


async def test_closing_one_twice_or_none_is_refused(instance: Instance, browser: httpx.AsyncClient) -> None:
    assert (await browser.post(f"/known-problems/{uuid4()}/close")).status_code == 404


async def test_strangers_are_led_to_the_login(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        answers = [await stranger.get("/known-problems"), await stranger.post("/known-problems", data=FORM)]

    assert [answer.headers["location"][:6] for answer in answers] == ["/login"] * 2
