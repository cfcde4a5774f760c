"""The page of silences: what is silenced, until when, by whom and why."""

import re

import httpx
import pytest

from tests.support.pages_fixture import Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

FORM = {"branch": "main, release/*", "until": "2h", "comment": "a <b>new</b> runner"}


async def rows(instance: Instance, browser: httpx.AsyncClient) -> str:
    return text(await browser.get("/silences"))


async def test_a_silence_is_previewed_before_it_can_be_set(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.owe(await instance.build(branch="release/2"))

    first = await browser.get("/silences")
    previewed = await browser.post("/silences", data={**FORM, "act": "preview"})

    assert "Set this silence" not in first.text
    assert "It would have silenced 1 message in 30 days. It is not set yet." in text(previewed)
    assert 'value="set"' in previewed.text
    assert 'value="main, release/*"' in previewed.text
    assert "Nothing is silenced." in await rows(instance, browser)


async def test_a_silence_is_set_and_ended(instance: Instance, browser: httpx.AsyncClient) -> None:
    done = await browser.post("/silences", data={**FORM, "act": "set"})
    page = await browser.get("/silences")
    [silence] = re.findall(r'action="/silences/([0-9a-f-]{36})/expire"', page.text)
    ended = await browser.post(f"/silences/{silence}/expire")

    assert (done.status_code, done.headers["location"]) == (303, "/silences")
    assert "branch main, release/*" in text(page)
    assert "a &lt;b&gt;new&lt;/b&gt; runner" in page.text
    assert (ended.status_code, ended.headers["location"]) == (303, "/silences")
    assert "Nothing is silenced." in await rows(instance, browser)
    assert "Ended lately" in await rows(instance, browser)


@pytest.mark.parametrize("act", ["preview", "set"])
async def test_a_mistake_is_named_and_the_entries_stay(
    instance: Instance, browser: httpx.AsyncClient, act: str
) -> None:
    page = await browser.post("/silences", data={**FORM, "until": "99d", "act": act})

    assert page.status_code == 400
    assert "A silence may last 30 days at most" in text(page)
    assert 'value="99d"' in page.text


async def test_strangers_are_led_to_the_login(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        answers = [await stranger.get("/silences"), await stranger.post("/silences", data=FORM)]

    assert [answer.headers["location"][:6] for answer in answers] == ["/login"] * 2
