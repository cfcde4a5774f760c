"""The demo's routes, read and judged by the real service, send every act to whom the story says."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.config.config_file import read_file
from service.demo.day import acts_of_the_day, roundsman_yaml
from service.demo.play import Act, play
from service.errors import Permanent
from service.metrics import Metrics
from service.model import Delivery, Route, Verdict, Via
from service.routing.decide import decide, missing_facts, with_details
from service.testing.fake_circleci.organization import ADA
from service.testing.fake_circleci.sender import Answer, Post
from service.testing.fake_circleci.server import FakeCircleCI

ACTS = {f"{act.at:%H:%M}": act for act in acts_of_the_day(date(2026, 3, 2))}
HEARD = {
    "09:12": ["web-team"],
    "10:20": ["on-call", "api-team"],
    "11:40": ["api-team"],
    "12:15": ["web-team"],
    "13:30": ["web-team"],  # the morning's red again: matched, and nobody is told twice
    "14:45": ["web-team"],
    "15:59": ["release-crew", "release-crew"],  # the deploy job, and the release
    "17:10": ["api-team"],
    "23:30": ["api-team"],
}


@pytest.fixture
def routes(tmp_path: Path) -> tuple[Route, ...]:
    path = tmp_path / "roundsman.yaml"
    path.write_text(roundsman_yaml("127.0.0.1:4000"))
    contents = read_file(path, {})

    assert contents.warnings == ()
    return contents.routes


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token="token", owner=ADA)


@pytest.fixture
async def source(pretend: FakeCircleCI) -> AsyncIterator[CircleCI]:
    transport = httpx.ASGITransport(pretend.app)
    source = CircleCI(secrets=["fake"], url="http://ci", token="token", metrics=Metrics(), transport=transport)
    yield source
    await source.close()


def delivered(source: CircleCI, post: Post) -> Delivery:
    return Delivery(
        id=uuid4(),
        source="circleci",
        source_event_id=source.identify(post.body),
        via=Via.WEBHOOK,
        received_at=datetime(2026, 3, 3, tzinfo=UTC),
        headers=(),
        body=post.body,
        signed=None,
    )


async def receivers(source: CircleCI, routes: tuple[Route, ...], post: Post) -> list[str]:
    event = source.parse(delivered(source, post))
    if wants := missing_facts(event, routes):
        event = with_details(event, await source.enrich(event, wants, None))
    return [decision.receiver for decision in decide(event, routes) if decision.verdict is Verdict.MATCHED]


async def played(act: Act, pretend: FakeCircleCI, source: CircleCI, routes: tuple[Route, ...]) -> list[str]:
    heard: list[str] = []

    async def post_to_rules(post: Post) -> Answer:
        heard.extend(await receivers(source, routes, post))
        return Answer(status=202)

    await play([act], pretend, post_to_rules, narrate=lambda _: None, pace=0)
    return heard


@pytest.mark.parametrize("time", [time for time in ACTS if time not in {"14:00", "14:10"}])
async def test_act_notifies_the_receivers_of_the_script(
    time: str, pretend: FakeCircleCI, source: CircleCI, routes: tuple[Route, ...]
) -> None:
    assert await played(ACTS[time], pretend, source, routes) == HEARD.get(time, [])


async def test_event_without_a_matching_route_costs_no_call(
    pretend: FakeCircleCI, source: CircleCI, routes: tuple[Route, ...]
) -> None:
    await played(ACTS["08:44"], pretend, source, routes)

    assert pretend.calls == []


async def test_unknown_event_is_a_dead_letter(source: CircleCI) -> None:
    (post,) = ACTS["14:10"].posts

    with pytest.raises(Permanent, match="pipeline-paused"):
        source.parse(delivered(source, post))
