"""Signed but hostile JSON: each is parsed or refused, and each result can be stored."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.circleci.webhook.parser import identify, parse
from service.errors import Permanent
from service.model import Delivery, Event, Via

TEXT = st.text(st.characters(), max_size=20)  # with NUL and lone surrogates
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("2026-03-02T08:15:00Z")
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
KINDS = st.sampled_from(["workflow-completed", "job-completed", "ping"]) | JSON


def some(*names: str, **known: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """A map that may have these leaves, each of any kind, or something else altogether."""
    leaves = dict.fromkeys(names, JSON) | known
    return st.fixed_dictionaries({}, optional=leaves) | JSON


VCS = some("provider_name", "target_repository_url", "revision", "branch", "tag", commit=some("subject", "author"))
MAP = some("ref", "branch", "tag", "checkout_url", "checkout_sha", "commit_message", "actor_id", "trigger_type")
PIPELINE = some("id", "number", "trigger", vcs=VCS, trigger_parameters=st.dictionaries(TEXT, MAP, max_size=3) | MAP)
TIMED = some("id", "name", "url", "created_at", "started_at", "stopped_at", status=st.just("failed") | JSON)
PAYLOAD = some("id", "happened_at", "project", "organization", type=KINDS, pipeline=PIPELINE, workflow=TIMED, job=TIMED)
REVISION = "4f1c9a6be0d27c5583f0c1b7d6a94e2f8b3d5c70"
PLACES = (
    st.sampled_from(["ok.example.com/w", "u:p@github.com/acme/web", "github.com/acme/web.git", "", "[", "//"]) | TEXT
)
URLS = TEXT | st.builds(
    "{}{}".format,
    st.sampled_from(["https://", "http://", "javascript:", "ssh://git@", "git@", "file://", "//"]),
    PLACES,
)


def addressed(workflow: str, repository: str) -> object:
    """A payload that is understood, whatever its addresses are."""
    vcs = {"provider_name": "github", "target_repository_url": repository, "revision": REVISION}
    return {
        "type": "workflow-completed",
        "workflow": {"id": "w", "status": "failed", "url": workflow},
        "pipeline": {"id": "p", "number": 1, "vcs": vcs},
    }


def delivery(body: bytes) -> Delivery:
    return Delivery(
        id=UUID(int=1),
        source="circleci",
        source_event_id="x",
        via=Via.WEBHOOK,
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        headers=(),
        body=body,
        signed=None,
    )


def parsed(body: bytes) -> Event | None:
    try:
        return parse(delivery(body), links=True)
    except Permanent:
        return None


def leaves(value: object) -> Iterator[object]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name))
    else:
        yield value


@given(st.binary(max_size=200))
def test_any_bytes_have_an_id_and_are_understood_or_refused(body: bytes) -> None:
    assert identify(body)
    assert parsed(body) is None


@pytest.mark.long
@given(PAYLOAD)
def test_any_payload_gives_a_storable_event_or_is_refused(payload: object) -> None:
    event = parsed(json.dumps(payload).encode())

    for leaf in leaves(event):
        if isinstance(leaf, str):
            assert leaf
            assert "\x00" not in leaf
            assert len(leaf.encode()) <= 2_704  # also proves that it is UTF-8
        if isinstance(leaf, int):
            assert 0 <= leaf < 2**63


@given(URLS, URLS)
def test_only_web_addresses_come_out(workflow: str, repository: str) -> None:
    event = parsed(json.dumps(addressed(workflow, repository)).encode())

    assert event is not None
    for url in (event.workflow.url, event.commit.url):
        assert url is None or (url.startswith(("https://", "http://")) and "@" not in url.split("/")[2])


def test_web_addresses_do_come_out() -> None:
    event = parsed(json.dumps(addressed("https://ok.example.com/w", "https://github.com/acme/web")).encode())

    assert event is not None
    assert event.workflow.url == "https://ok.example.com/w"
    assert event.commit.url == f"https://github.com/acme/web/commit/{REVISION}"


@pytest.mark.long
@given(PAYLOAD)
def test_any_id_can_be_stored(payload: object) -> None:
    assert len(identify(json.dumps(payload).encode()).encode()) <= 800


@pytest.mark.parametrize(("depth", "is_understood"), [(50, True), (200_000, False)])
def test_nesting_is_passed_over_or_refused(depth: int, is_understood: bool) -> None:
    body = b'{"type": "ping", "deep": ' + b"[" * depth + b"]" * depth + b"}"

    assert identify(body).startswith("sha256:")
    assert (parsed(body) is not None) is is_understood
