"""Bodies of events of ours about settings: what they carry, and what is read of any body."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.circleci.guards import GuardPlace
from service.circleci.webhook.settings_body import read_news, settings_body
from service.model import ChangeKind, GuardArea, GuardChange, SettingsNews

PLACE = GuardPlace(
    slug="gh/acme/web",
    project_id="11111111-1111-4111-8111-111111111111",
    org_slug="gh/acme",
    org_id="22222222-2222-4222-8222-222222222222",
    project_name="web",
    org_name="acme",
)
CHANGE = GuardChange(
    id=UUID(int=1),
    at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    scope="gh/acme/web",
    area=GuardArea.ENV_VARS,
    name="TOKEN",
    kind=ChangeKind.ADDED,
    before=None,
    after="xxxx1234",
    sentence="The variable TOKEN was added.",
)


def test_body_names_the_project_of_a_change() -> None:
    body = json.loads(settings_body(PLACE, [CHANGE], is_of_org=False))

    assert body["project"] == {"id": PLACE.project_id, "name": "web", "slug": "github/acme/web"}
    assert (body["id"], body["happened_at"]) == (f"settings:{CHANGE.id}", "2026-03-02T09:30:00.000Z")
    assert body["organization"] == {"name": "acme"}


def test_body_of_a_change_of_an_organization_names_no_project() -> None:
    body = json.loads(settings_body(PLACE, [CHANGE], is_of_org=True))

    assert body["project"] == {"id": None, "name": None, "slug": None}
    assert body["organization"] == {"name": "acme"}


def test_body_carries_a_hundred_changes_and_the_count_of_all() -> None:
    changes = [replace(CHANGE, sentence=f"Change {number}.") for number in range(101)]

    news = read_news(settings_body(PLACE, changes, is_of_org=False))

    assert (len(news.sentences), news.sentences[-1], news.count) == (100, "Change 99.", 101)


def test_sentence_is_read_up_to_a_thousand_characters() -> None:
    assert [len(one) for one in news_of([{"sentence": "x" * 1_001}]).sentences] == [1_000]


def test_count_is_never_below_the_sentences_that_are_there() -> None:
    changes = [{"sentence": "One."}, {"sentence": " "}, {"sentence": 7}, "Two.", {"sentence": "Three."}]

    assert news_of(changes, count=1) == SettingsNews(sentences=("One.", "Three."), count=2)


def test_body_that_is_no_object_tells_of_no_change() -> None:
    assert [read_news(body) for body in (b"", b"[]", b"{")] == [SettingsNews(sentences=(), count=0)] * 3


def news_of(changes: list[Any], **more: object) -> SettingsNews:
    return read_news(json.dumps({"changes": changes, **more}).encode())
