"""Feeds, badges and cctray.xml: what readers get, also of hostile names, and nothing twice."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element, XMLParser

import httpx
import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from service.web.auth.signed_addresses import AddressSigner
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.hostile_words import MARKUP, MENTIONS
from tests.support.operator_client import ADMIN_TOKEN

ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"
READ_TOKEN = "an-invented-token-that-only-reads-0123"
SITE = "https://ci.example.com"
HOSTILE = "]]><script>alert(1)</script>\" onload='x' &amp;\u202e\x0b\x1b\ufffe" + "".join((*MARKUP, *MENTIONS))
ADDRESSES = ("/feed.atom", "/cctray.xml", "/badge/acme/web.svg", "/badge/acme/web.json")


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """An instance whose main branch of acme/web is red."""
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN, ROUNDSMAN_PUBLIC_URL=SITE) as opened:
        await opened.finish(RED)
        await opened.drain()
        yield opened


def parse(document: bytes) -> Element:
    """The root of a document; one that is not well-formed is an error."""
    parser = XMLParser()  # noqa: S314 - what it parses is ours
    parser.feed(document)
    root: Element = parser.close()
    return root


async def read(instance: Instance, address: str, **headers: str) -> httpx.Response:
    async with instance.stranger() as client:
        return await client.get(address, headers={"Authorization": f"Bearer {READ_TOKEN}", **headers})


async def xml(instance: Instance, address: str) -> Element:
    answer = await read(instance, address)
    assert answer.status_code == 200, answer.text
    return parse(answer.content)


async def badge(instance: Instance, address: str) -> Any:
    return json.loads((await read(instance, address)).content)


async def post_hostile(instance: Instance) -> None:
    await instance.finish(replace(RED, branch=HOSTILE, workflow=HOSTILE, subject=HOSTILE, number=1490))
    await instance.drain()


# Who may read


@pytest.mark.long
@pytest.mark.parametrize("address", ADDRESSES)
async def test_feeds_are_opened_by_session_token_or_key_and_by_nothing_else(instance: Instance, address: str) -> None:
    async with instance.stranger() as client:
        bare = await client.get(address)
        signed = await client.get(AddressSigner(READ_TOKEN).sign(address))
        begun = await client.post("/login", data={"token": ADMIN_TOKEN})
        session = await client.get(address, headers={"Cookie": begun.headers["set-cookie"].partition(";")[0]})

    assert (bare.status_code, signed.status_code, session.status_code) == (401, 200, 200)
    assert bare.headers["cache-control"] == "no-store"


@pytest.mark.long
@pytest.mark.parametrize("address", ADDRESSES)
async def test_unknown_parameter_is_refused(instance: Instance, address: str) -> None:
    answer = await read(instance, f"{address}?colour=red")

    assert answer.status_code == 400
    assert "'colour' means nothing here" in answer.json()["error"]


# Caching


@pytest.mark.long
@pytest.mark.parametrize("address", ADDRESSES)
async def test_reader_that_has_it_gets_304_until_something_changes(instance: Instance, address: str) -> None:
    first = await read(instance, address)
    tag = first.headers["etag"]
    same = [
        await read(instance, address, **{"If-None-Match": given}) for given in (tag, f"W/{tag}", f'"x", {tag}', "*")
    ]
    await instance.finish(GREEN)
    await instance.drain()
    changed = await read(instance, address, **{"If-None-Match": tag})

    assert first.headers["cache-control"] == "private, max-age=60"
    assert first.headers["vary"] == "Cookie, Authorization"
    assert [(one.status_code, one.content, one.headers["etag"]) for one in same] == [(304, b"", tag)] * 4
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


# Atom


async def test_feed_has_an_entry_for_each_build(instance: Instance) -> None:
    answer = await read(instance, "/feed.atom?project=acme/web&branch=main")
    feed = parse(answer.content)
    [entry] = feed.findall(f"{ATOM}entry")
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}

    assert answer.headers["content-type"] == "application/atom+xml"
    assert links == {
        "self": f"{SITE}/feed.atom?project=acme/web&branch=main",
        "alternate": f"{SITE}/builds?project=acme%2Fweb&branch=main",
    }
    assert entry.findtext(f"{ATOM}title") == "acme/web main build-and-test: failed"
    assert (entry.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")
    assert feed.findtext(f"{ATOM}updated") == entry.findtext(f"{ATOM}updated")
    assert "Apply vouchers before shipping" in (entry.findtext(f"{ATOM}content") or "")


async def test_feed_without_builds_is_whole_and_the_same_each_time(instance: Instance) -> None:
    first, second = [await read(instance, "/feed.atom?branch=nowhere") for _ in range(2)]

    assert parse(first.content).findall(f"{ATOM}entry") == []
    assert parse(first.content).findtext(f"{ATOM}updated") == "1970-01-01T00:00:00.000Z"
    assert first.headers["etag"] == second.headers["etag"]


async def test_feed_has_the_filters_of_the_builds_page(instance: Instance) -> None:
    await instance.finish(GREEN)
    await instance.drain()

    red, both = await xml(instance, "/feed.atom?status=failed,error"), await xml(instance, "/feed.atom")
    wrong = await read(instance, "/feed.atom?since=nonsense")

    assert [len(one.findall(f"{ATOM}entry")) for one in (red, both)] == [1, 2]
    assert wrong.status_code == 400


async def test_builds_page_shows_the_signed_address_of_its_feed(instance: Instance) -> None:
    async with instance.stranger() as client:
        begun = await client.post("/login", data={"token": ADMIN_TOKEN})
        cookie = begun.headers["set-cookie"].partition(";")[0]
        page = await client.get("/builds?branch=main", headers={"Cookie": cookie})
        [address] = re.findall('href="(/feed.atom[^"]*)"', page.text)
        feed = await client.get(unescape(address))

    assert unescape(address) == AddressSigner(READ_TOKEN).sign("/feed.atom?branch=main")
    assert feed.status_code == 200


# cctray


@pytest.mark.long
async def test_cctray_lists_the_workflows_of_default_branches(instance: Instance) -> None:
    await instance.finish(replace(RED, branch="feature/x", number=1488))
    await instance.drain()

    [main] = await xml(instance, "/cctray.xml")
    [feature] = await xml(instance, "/cctray.xml?project=acme/web&branch=feature/x")
    await instance.finish(GREEN)
    await instance.drain()
    [green] = await xml(instance, "/cctray.xml")

    assert main.tag == "Project"
    assert {name: main.get(name) for name in ("name", "activity", "lastBuildStatus", "lastBuildLabel")} == {
        "name": "acme/web main build-and-test",
        "activity": "Sleeping",
        "lastBuildStatus": "Failure",
        "lastBuildLabel": "1487",
    }
    assert (main.get("lastBuildTime") or "").startswith("2026-03-02T09:")
    assert (main.get("webUrl") or "").startswith(f"{SITE}/builds?project=")
    assert feature.get("name") == "acme/web feature/x build-and-test"
    assert green.get("lastBuildStatus") == "Success"


async def test_cctray_names_projects_of_two_organizations_apart(instance: Instance) -> None:
    payload: Any = workflow_completed(replace(RED, number=1488))
    theirs = {"id": str(UUID(int=7)), "slug": "gh/corp/web", "name": "web"}
    await instance.post(
        payload | {"id": str(UUID(int=1)), "project": theirs, "organization": {"id": "2", "name": "corp"}}
    )
    await instance.drain()

    names = [one.get("name") or "" for one in await xml(instance, "/cctray.xml")]

    assert sorted(names) == ["acme/web main build-and-test", "corp/web main build-and-test"]


# Badges


@pytest.mark.long
@pytest.mark.parametrize("name", ["acme/web", "web", "gh/acme/web", "github/acme/web", "acme/web/build-and-test"])
async def test_badge_tells_the_state_of_a_project_or_workflow(instance: Instance, name: str) -> None:
    red = await badge(instance, f"/badge/{name}.json?branch=main")
    await instance.finish(GREEN)
    await instance.drain()
    green = await badge(instance, f"/badge/{name}.json")

    label = "build-and-test" if name.endswith("test") else name
    assert red == {"schemaVersion": 1, "label": f"{label} main", "message": "failing", "color": "critical"}
    assert green == {"schemaVersion": 1, "label": label, "message": "passing", "color": "success"}


@pytest.mark.long
@pytest.mark.parametrize("name", ["acme/nowhere", "acme/web/nowhere", "x", "a/b/c/d/e/f/g/h/i/j/k/l", "//", "%00"])
async def test_badge_of_an_unknown_name_is_unknown(instance: Instance, name: str) -> None:
    picture = await read(instance, f"/badge/{name}.svg")

    assert picture.status_code == 200
    assert (await badge(instance, f"/badge/{name}.json"))["message"] == "unknown"
    assert (parse(picture.content).findtext(f"{SVG}title") or "").endswith(": unknown")


async def test_picture_is_named_for_those_who_cannot_see_it(instance: Instance) -> None:
    answer = await read(instance, "/badge/acme/web.svg")
    picture = parse(answer.content)

    assert answer.headers["content-type"] == "image/svg+xml"
    assert picture.get("role") == "img"
    assert picture.findtext(f"{SVG}title") == "acme/web: failing"
    assert [text.text for text in picture.findall(f"{SVG}text")] == ["acme/web", "failing"]


# Hostile names


@pytest.mark.long
async def test_hostile_names_stay_text(instance: Instance) -> None:
    await post_hostile(instance)

    feed = await xml(instance, "/feed.atom")
    tray = [await read(instance, "/cctray.xml"), await read(instance, f"/feed.atom?q={'x' * 300}")]
    picture = await read(
        instance, "/badge/acme%2Fweb%2F%3Cscript%3Ealert(1)%3C%2Fscript%3E%0B.svg?branch=%22%3E%3Cb%3E"
    )

    tags = {element.tag.removeprefix(ATOM) for element in feed.iter()}
    assert tags == {"feed", "id", "title", "updated", "author", "name", "link", "entry", "category", "content"}
    assert len(feed.findall(f"{ATOM}entry")) == 2
    assert {element.tag.removeprefix(SVG) for element in parse(picture.content).iter()} == {
        *("svg", "title", "rect", "path", "text")
    }
    assert [one.status_code for one in tray] == [200, 200]
    for answer in (picture, *tray):
        assert b"<script" not in answer.content
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
