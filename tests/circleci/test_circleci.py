"""The class CircleCI, through which all other packages use CircleCI."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from service.circleci.circleci import CircleCI
from service.circleci.source import Source
from service.circleci.webhook.signature import sign
from service.metrics import Metrics
from service.model import Delivery, EventKind, Via


def test_circleci_is_a_source() -> None:
    source: Source = CircleCI(secrets=["s"], url="https://circleci.com", token=None, metrics=Metrics())

    assert source.name == "circleci"


async def test_the_door_hands_posts_to_the_right_rooms() -> None:
    circleci = CircleCI(secrets=["s"], url="https://circleci.com", token=None, metrics=Metrics())
    body = b'{"type": "ping", "id": "p1"}'
    headers = [(b"circleci-signature", b"v1=" + sign("s", body))]

    signed = circleci.verify(headers, body)
    kept = circleci.kept_headers(headers)
    event = circleci.parse(
        Delivery(
            id=UUID(int=1),
            source=circleci.name,
            source_event_id=circleci.identify(body),
            via=Via.WEBHOOK,
            received_at=datetime(2026, 3, 2, tzinfo=UTC),
            headers=kept,
            body=body,
            signed=signed,
        )
    )

    assert (event.kind, event.source_event_id, signed.index) == (EventKind.PING, "p1", 0)
    assert [name for name, _ in kept] == ["circleci-signature"]


@pytest.mark.parametrize(("address", "is_linked"), [("https://circleci.com", True), ("https://ci.example.com", False)])
def test_only_the_cloud_is_known_to_have_its_pages_at_app_circleci_com(address: str, is_linked: bool) -> None:
    circleci = CircleCI(secrets=[], url=address, token=None, metrics=Metrics())
    body = (Path(__file__).parents[1] / "payloads" / "circleci" / "workflow-github-app.json").read_bytes()

    event = circleci.parse(
        Delivery(
            id=UUID(int=1),
            source="circleci",
            source_event_id="x",
            via=Via.WEBHOOK,
            received_at=datetime(2026, 3, 2, tzinfo=UTC),
            headers=(),
            body=body,
            signed=None,
        )
    )

    assert (event.workflow.url is not None) is is_linked
