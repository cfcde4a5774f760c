"""An invented year, posted in any order and repeated, is judged as it was made."""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import text

from service.circleci.webhook.parser import parse
from service.db.database import Store
from service.db.tables import Transaction
from service.model import Delivery, Event, Via
from service.pipeline.judgment.judge_runs import judge_runs
from service.store.events import events
from service.testing.fake_circleci.payloads import as_bytes, stamp
from tests.support.databases import Database
from tests.year.invented import NEW_YEAR, Answer, Payload, PlantedIncident, Year, arrivals, invent_year
from tests.year.oracle import Opinion, opinions

pytestmark = pytest.mark.databases("sqlite", "postgres")

IDS = UUID("9a4f9f0c-93f1-5a4b-8c3f-0d5c6e7f8a9b")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def to_event(post: Payload) -> Event:
    delivery = Delivery(
        id=uuid5(IDS, post["id"]),
        source="circleci",
        source_event_id=post["id"],
        via=Via.WEBHOOK,
        received_at=NEW_YEAR,
        headers=(),
        body=as_bytes(post),
        signed=None,
    )
    return parse(delivery, links=True)


def batches(posts: Sequence[Payload], seed: int, largest: int) -> Iterator[list[Event]]:
    """Yield the events in batches, each event once, as deliveries are kept."""
    chance, seen = random.Random(seed), set[str]()
    fresh = [post for post in posts if not (post["id"] in seen or seen.add(post["id"]))]  # type: ignore[func-returns-value]
    while fresh:
        size = chance.randint(1, largest)
        yield [to_event(post) for post in fresh[:size]]
        fresh = fresh[size:]


def judge(transaction: Transaction, posted: Sequence[Event]) -> None:
    events.put_all(transaction, posted)
    judge_runs(transaction, posted)


async def post_all(store: Store, posts: Sequence[Payload], seed: int, largest: int = 40) -> None:
    for batch in batches(posts, seed, largest):
        await store.write(judge, batch)


def to_id(value: Any) -> str | None:
    return None if value is None else str(UUID(str(value)))


async def query(store: Store, wanted: str) -> list[Any]:
    return list(await store.read(lambda transaction: transaction.execute(text(wanted)).all()))


async def answers(store: Store) -> dict[str | None, Answer]:
    return {
        to_id(row[0]): Answer(row[1], row[2]) for row in await query(store, "SELECT id, transition, streak FROM runs")
    }


async def planted(store: Store) -> set[PlantedIncident]:
    columns = "opened_by, last_red, streak, closed_by, closed_because"
    rows = await query(store, f"SELECT {columns} FROM incidents WHERE merged_into IS NULL")  # noqa: S608 - our own
    return {PlantedIncident(to_id(row[0]) or "", to_id(row[1]) or "", row[2], to_id(row[3]), row[4]) for row in rows}


async def colors(store: Store) -> dict[tuple[str, str, str], str]:
    rows = await query(store, "SELECT project_id, branch, workflow, color FROM tracks")
    return {(row[0], row[1], row[2]): row[3] for row in rows}


async def expect(store: Store, year: Year) -> None:
    found = await answers(store)
    wrong = {run: (found.get(run), answer) for run, answer in year.answers.items() if found.get(run) != answer}
    assert wrong == {}
    assert found.keys() == year.answers.keys()
    assert await planted(store) == set(year.incidents)
    assert await colors(store) == year.colors


@pytest.mark.long
@pytest.mark.parametrize(("seed", "late"), [(1, 0), (2, 5), (3, 30), (4, None), (5, None)])
async def test_year_is_judged_as_it_was_made(store: Store, is_long: bool, seed: int, late: int | None) -> None:
    year = invent_year(seed, projects=40 if is_long else 3, runs=150 if is_long else 40)

    await post_all(store, arrivals(year, seed, late=late), seed)

    await expect(store, year)


@pytest.mark.parametrize("seed", range(6))
async def test_oracle_agrees_with_the_planted_answers(seed: int) -> None:
    year = invent_year(seed)

    found = opinions(arrivals(year, seed))

    assert {run: Answer(one.transition, one.streak) for run, one in found.items()} == year.answers


def disorder(seed: int) -> list[Payload]:
    """Return posts without a plan: overlapping runs, other statuses of one run, gaps of weeks."""
    chance = random.Random(seed)
    posts = list({post["workflow"]["id"]: post for post in invent_year(seed, projects=1, runs=24).posts}.values())
    now, number = NEW_YEAR, 1
    for post in posts.copy():
        now += timedelta(minutes=chance.choice([0, 5, 60]), days=chance.choice([0] * 9 + [20]))
        number += chance.choice([0, 0, 1])
        post["pipeline"]["number"] = number
        created = now + timedelta(minutes=chance.choice([0, 3, 8]))
        _date(post, created, created + timedelta(minutes=chance.choice([1, 6, 20])))
        post["workflow"]["status"] = chance.choice(["failed", "failed", "success", "success", "canceled", "error"])
        if chance.random() < 0.1:
            status = chance.choice(["failed", "success"])
            again = {"id": str(uuid5(IDS, f"{post['id']} again")), "workflow": {**post["workflow"], "status": status}}
            posts = [*posts, {**post, **again}]
    return posts


def _date(post: Payload, created: datetime, stopped: datetime) -> None:
    post["workflow"] |= {"created_at": stamp(created), "stopped_at": stamp(stopped)}
    post["happened_at"] = stamp(stopped)


async def opened(store: Store) -> dict[str | None, Opinion]:
    rows = await query(
        store,
        "SELECT runs.id, runs.transition, runs.streak, incidents.opened_by FROM runs "
        "LEFT JOIN incidents ON incidents.id = runs.incident_id",
    )
    return {to_id(row[0]): Opinion(row[1], row[2], to_id(row[3])) for row in rows}


@pytest.mark.parametrize("seed", [1, 8, 17, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(20, 120))])
async def test_disorder_is_judged_as_the_oracle_judges_it(store: Store, seed: int) -> None:
    posts = disorder(seed)
    random.Random(seed).shuffle(posts)

    await post_all(store, posts, seed, largest=6)

    found, expected = await opened(store), opinions(posts)
    assert {run: (found.get(run), one) for run, one in expected.items() if found.get(run) != one} == {}
