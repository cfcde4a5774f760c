"""Processes that are killed at random moments of a year: at its end the same is on record as if none had died."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.testing.fake_circleci.payloads import as_bytes, stamp
from tests.crash.databases import Database, new_sqlite
from tests.crash.fleet import Fleet, a_fleet
from tests.crash.rounds import wait
from tests.support.app_fixture import signature
from tests.support.fake_servers import http_end
from tests.year.invented import Payload, arrivals, invent_year

POST_WITHIN_S = 30
ROUTES = """\
receivers:
  web: {{channels: ["json://127.0.0.1:{port}/web"]}}
routes:
  - match: {{project: gh/acme/*}}
    receiver: web
"""
DEATHS = ("before:runs", "after:runs", "before:incidents", "after:incidents", "before:deliveries", "after:deliveries")
INCIDENTS = "opened_by, last_red, streak, closed_by, closed_because, opened_at, closed_at"
KNOWN_RED = "SELECT digest FROM tracks JOIN told ON tracks.id = told.track_id WHERE told.color = 'red'"
ON_RECORD = (
    "SELECT id, color, transition, streak, number_in_pipeline FROM runs ORDER BY id",
    f"SELECT {INCIDENTS} FROM incidents WHERE merged_into IS NULL ORDER BY opened_by",  # noqa: S608 - our own
    "SELECT digest, color, streak, since, newest_pipeline, colored_pipeline FROM tracks ORDER BY digest",
    f"{KNOWN_RED} ORDER BY digest",
)


def slice_of_year(seed: int, runs: int) -> list[Payload]:
    """Return posts in a wrong order, some twice; the last run ended a moment ago: processes go by the real clock."""
    year = invent_year(seed, projects=1, runs=runs, has_expired=False)
    posts = list({post["id"]: post for post in year.posts}.values())
    ahead = datetime.now(UTC) - timedelta(hours=1) - max(map(_ended, posts))
    for post in posts:
        post["happened_at"] = _moved(post["happened_at"], ahead)
        ends = {name: _moved(post["workflow"][name], ahead) for name in ("created_at", "stopped_at")}
        post["workflow"] = {**post["workflow"], **ends}
    return arrivals(year, seed, late=6)


def _ended(post: Payload) -> datetime:
    return datetime.fromisoformat(post["happened_at"])


def _moved(written: str, by: timedelta) -> str:
    return stamp(datetime.fromisoformat(written) + by)


async def post_until_kept(fleet: Fleet, http: httpx.AsyncClient, post: Payload) -> None:
    """Post until it is kept; who is dead by then is replaced."""
    body = as_bytes(post)
    while True:
        with suppress(httpx.TransportError):
            response = await http.post(
                f"{fleet.door()}/hooks/circleci", content=body, headers={"circleci-signature": signature(body)}
            )
            if response.status_code in {200, 202}:
                return
        async with fleet.turns:  # who is being replaced has no address yet
            dead = [member for member in fleet.members if not member.is_alive]
        for member in dead:
            await fleet.replace(member)


async def disturb(fleet: Fleet, dice: random.Random) -> None:
    """Kill a process now, or have its successor die at a write of its own."""
    when = "never" if dice.random() < 0.5 else f"{dice.choice(DEATHS)}={dice.randint(1, 4)}"
    if dice.random() < 0.2:
        when = "sent=1"
    for member in list(fleet.members):
        await fleet.replace(member, when)


async def play(database: Database, folder: Path, posts: Sequence[Payload], dice: random.Random | None) -> Any:
    """Post to a real process; what is on record when all is judged and told.

    dice   say when it is killed; None: never
    """
    with http_end() as end:
        async with a_fleet(database, folder, end.port, "alone") as fleet:
            (folder / "roundsman.yaml").write_text(ROUTES.format(port=end.port))
            await fleet.start("serve")
            await post_all(fleet, posts, dice)
            await fleet.revive()
            await asyncio.to_thread(wait, fleet.is_settled)
            assert fleet.is_settled()
    return [database.rows(query) for query in ON_RECORD]


async def post_all(fleet: Fleet, posts: Sequence[Payload], dice: random.Random | None) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.TaskGroup() as kills:
        for post in posts:
            if dice and dice.random() < 0.15:
                kills.create_task(disturb(fleet, dice))
            async with asyncio.timeout(POST_WITHIN_S):
                await post_until_kept(fleet, http, post)


def folders(tmp_path: Path) -> Iterator[Path]:
    for name in ("calm", "disturbed"):
        (tmp_path / name).mkdir()
        yield tmp_path / name


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))])
async def test_what_is_judged_survives_kills_at_random_moments(tmp_path: Path, seed: int, is_long: bool) -> None:
    posts = slice_of_year(seed, 60 if is_long else 16)
    calm, disturbed = folders(tmp_path)

    expected = await play(new_sqlite(calm), calm, posts, None)
    found = await play(new_sqlite(disturbed), disturbed, posts, random.Random(seed))

    assert found == expected
    assert all(expected[:3])
