"""Feeds read by others than us: Atom by feedparser, cctray.xml by a validator of XML Schema."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from service.testing.fake_circleci.organization import PROJECTS
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.web.feeds.test_feeds import HOSTILE, READ_TOKEN, SITE, read

feedparser = pytest.importorskip("feedparser")
xmlschema = pytest.importorskip("xmlschema")

CCTRAY = Path(__file__).parent / "cctray.xsd"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """An instance with builds of three branches, one of them with hostile names."""
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN, ROUNDSMAN_PUBLIC_URL=SITE) as opened:
        for run in (
            RED,
            replace(GREEN, branch="feature/x", number=1488),
            replace(RED, branch="main", workflow=HOSTILE, subject=HOSTILE, number=1490),
        ):
            await opened.finish(run)
        await opened.drain()
        yield opened


async def test_feed_is_well_formed_to_a_reader(instance: Instance) -> None:
    answer = await read(instance, "/feed.atom")
    feed = feedparser.parse(answer.content)

    assert not feed.bozo
    assert feed.version == "atom10"
    assert len(feed.entries) == 3
    assert all(one.id.startswith("urn:uuid:") for one in feed.entries)
    assert all(one.link.startswith(f"{SITE}/builds/") for one in feed.entries)
    assert all(one.updated_parsed for one in feed.entries)
    assert "acme/web main build-and-test: failed" in {one.title for one in feed.entries}
    assert all(one.title_detail.type == "text/plain" for one in feed.entries)


async def test_feed_without_builds_is_well_formed_to_a_reader(instance: Instance) -> None:
    feed = feedparser.parse((await read(instance, "/feed.atom?branch=nowhere")).content)

    assert (bool(feed.bozo), feed.entries) == (False, [])
    assert feed.feed.title == "Roundsman: builds"


@pytest.mark.long
@pytest.mark.parametrize("query", ["", "?branch=feature/x", "?project=acme/web&branch=main", "?branch=nowhere"])
async def test_cctray_is_valid_by_its_schema(instance: Instance, query: str) -> None:
    answer = await read(instance, f"/cctray.xml{query}")

    xmlschema.XMLSchema(CCTRAY).validate(answer.text)


@pytest.mark.long
@pytest.mark.parametrize("query", ["", "?branch=main"])
async def test_cctray_asks_the_database_as_often_for_many_projects_as_for_one(instance: Instance, query: str) -> None:
    before = await count_statements(instance, f"/cctray.xml{query}")
    for number, project in enumerate(PROJECTS):
        await instance.finish(replace(RED, project=project, number=2000 + number))
    await instance.drain()
    answer = await read(instance, f"/cctray.xml{query}")

    assert answer.text.count("<Project ") > len(PROJECTS)
    assert await count_statements(instance, f"/cctray.xml{query}") == before


async def count_statements(instance: Instance, address: str) -> int:
    sent: list[object] = []

    def note(*given: object) -> None:
        sent.append(given[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert (await read(instance, address)).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(sent)
