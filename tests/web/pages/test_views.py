"""Saved views and what is mine on the builds page: chips, and the forms that change them."""

import re
from html import unescape
from uuid import uuid4

import httpx
import pytest

from service.model import Actor, Commit, SavedView
from service.store.people import saved_views
from service.web.auth.access import ADMIN
from tests.support.pages_fixture import NOW, Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

QUERY = 'status:failed branch:"a b"'


def views(page: httpx.Response) -> list[tuple[str, str]]:
    """The chips of views: address and name."""
    found = re.findall(r'<a class="target view[^"]*" href="([^"]*)".*?<bdi>(.*?)</bdi>', page.text)
    return [(unescape(address), unescape(name)) for address, name in found]


async def save(browser: httpx.AsyncClient, name: str, query: str = QUERY, **more: str) -> httpx.Response:
    await browser.get("/builds")  # logged in, before redirects are followed
    return await browser.post("/builds/views", data={"name": name, "query": query, **more}, follow_redirects=True)


async def test_a_search_is_saved_as_a_chip_that_leads_back_to_it(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build(branch="a b")
    searched = await browser.get("/builds", params={"status": "failed", "branch": "a b"})
    [offered] = re.findall(r'name="query" value="([^"]*)"', searched.text)

    saved = await save(browser, "Red <b>", unescape(offered))
    [(address, name)] = views(await browser.get("/builds"))
    shown = await browser.get(address)

    assert "The view is saved." in text(saved)
    assert name == "Red <b>"
    assert 'aria-current="true"' in shown.text
    assert shown.text.count('<td class="c-what"') == 1
    assert "Change this view" in text(shown)
    assert "Save this search" not in text(shown)


async def test_a_view_is_renamed_shared_and_removed(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build()
    saved = await save(browser, "before")
    [form] = re.findall(r'action="(/builds/views/[0-9a-f-]{36})/change"', saved.text)

    renamed = await browser.post(f"{form}/change", data={"name": "after", "shared": "yes"}, follow_redirects=True)
    [stored] = await instance.store.read(saved_views.find_all, "another")
    removed = await browser.post(f"{form}/remove", follow_redirects=True)

    assert [name for _, name in views(renamed)] == ["after"]
    assert (stored.name, stored.is_shared) == ("after", True)
    assert views(removed) == []
    assert "The view is removed." in text(removed)


async def test_views_of_others_are_shown_where_they_are_shared(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build()
    for name, is_shared in (("theirs", False), ("for all", True)):
        view = SavedView(id=uuid4(), owner="ada", name=name, query="branch:main", created_at=NOW, is_shared=is_shared)
        await instance.store.write(saved_views.put, view)

    assert [name for _, name in views(await browser.get("/builds"))] == ["for all"]


async def test_a_view_of_a_filter_that_is_gone_does_not_break_the_page(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build()
    view = SavedView(id=uuid4(), owner=ADMIN.name, name="old", query="colour:red", created_at=NOW)
    await instance.store.write(saved_views.put, view)

    page = await browser.get("/builds?branch=main")
    [(address, _)] = views(page)

    assert page.status_code == 200
    assert (await browser.get(address)).status_code == 400


async def test_a_mistake_in_a_form_is_told_in_a_sentence(instance: Instance, browser: httpx.AsyncClient) -> None:
    await save(browser, "twice")
    answers = [await save(browser, "TWICE"), await save(browser, " "), await save(browser, "x", "nope:1")]

    assert [one.status_code for one in answers] == [409, 400, 400]
    assert "Another view of yours is called 'TWICE'; choose another name." in text(answers[0])
    assert 'name="query" value="status:failed branch:&#34;a b&#34;"' in answers[0].text
    assert "<details open>\n    <summary>Save this search</summary>" in answers[0].text
    assert 'name="name" value="TWICE"' in answers[0].text
    assert 'name="shared" value="yes">' in answers[0].text


async def test_a_mistake_in_another_name_keeps_what_was_entered(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build()
    await save(browser, "one", "branch:main")
    saved = await save(browser, "two")
    [form] = re.findall(r'action="(/builds/views/[0-9a-f-]{36})/change"', saved.text)

    refused = await browser.post(f"{form}/change", data={"name": "<ONE>", "shared": "yes"})
    taken = await browser.post(f"{form}/change", data={"name": "ONE", "shared": "yes"})
    empty = await browser.post(f"{form}/change", data={"name": " "})
    gone = await browser.post(f"/builds/views/{uuid4()}/change", data={"name": "x"})

    assert [one.status_code for one in (refused, taken, empty, gone)] == [303, 409, 400, 404]
    assert "Another view of yours, or a shared one, is called 'ONE'; choose another name." in text(taken)
    assert 'value="ONE"' in taken.text
    assert 'name="shared" value="yes" checked>' in taken.text
    assert "<details open>\n    <summary>Change this view</summary>" in taken.text
    assert "Name is empty" in text(empty)


async def test_without_a_build_a_mistake_is_told_too(instance: Instance, browser: httpx.AsyncClient) -> None:
    answer = await save(browser, "x" * 61, "")

    assert answer.status_code == 400
    assert 'value="xxxxx' in answer.text


@pytest.mark.long
async def test_what_is_mine_is_remembered_by_the_browser(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build(commit=Commit(subject="Hers", author_name="Ada Example"))
    await instance.build(commit=Commit(subject="His", author_name="Alan Example"), actor=Actor())
    before = await browser.get("/builds")

    asked = {"name": "Ada Ex", "next": "/builds?branch=main&cursor=x"}
    told = await browser.post("/mine", data=asked)
    later = await browser.get("/builds")
    found = await browser.get(told.headers["location"])
    now = await browser.post("/mine", data={"name": "Ada Ex", "next": "/?team=web"})
    await browser.post("/mine", data={"name": "", "next": "/builds"})
    forgotten = await browser.get("/builds")

    assert "This browser remembers it;" in text(before)
    assert told.headers["location"] == "/builds?branch=main&by=Ada+Ex"
    assert "httponly" in told.headers["set-cookie"].lower()
    assert ">mine</a>" in later.text
    assert "Hers" in text(found)
    assert "His" not in text(found)
    assert now.headers["location"] == "/?team=web&mine=Ada+Ex"
    assert ">mine</a>" not in forgotten.text


async def test_what_is_mine_leads_to_our_own_pages_only(instance: Instance, browser: httpx.AsyncClient) -> None:
    for page in ("https://evil.example.com/builds", "//evil.example.com", "/\\evil.example.com", "/incidents?x=1"):
        answer = await browser.post("/mine", data={"name": "Ada\r\nSet-Cookie: x=1", "next": page})
        assert answer.headers["location"] == "/?mine=Ada+Set-Cookie%3A+x%3D1"
        assert len(answer.headers.get_list("set-cookie")) == 1
