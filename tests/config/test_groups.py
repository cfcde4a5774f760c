"""``group:`` of routes in roundsman.yaml."""

from pathlib import Path

import pytest

from service.errors import BadConfig
from service.model import Group
from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.mark.parametrize(
    ("written", "group"),
    [
        ("{by: [pipeline, fingerprint], wait: 1m}", Group(by=("pipeline", "fingerprint"), wait_s=60)),
        ("{by: receiver}", Group(by=("receiver",), wait_s=20)),
        ("{by: [track, track], wait: 10m}", Group(by=("track",), wait_s=600)),
    ],
)
def test_a_group_is_by_facts_and_waits_for_a_time(file: File, written: str, group: Group) -> None:
    [route] = file.load(f"{ROUTE}    group: {written}\n").routes

    assert route.group == group


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{wait: 20s}", "group.by is missing"),
        ("{by: []}", "group.by is an empty list"),
        ("{by: pipelines}", "pipelines is nothing to group by; did you mean pipeline?"),
        ("{by: [author]}", "author is nothing to group by; there are pipeline, track, receiver, fingerprint"),
        ("{by: 3}", "3 is nothing to group by"),
        ("{by: track, wait: 0}", "group.wait must be between 1s and 10m"),
        ("{by: track, wait: 1h}", "group.wait must be between 1s and 10m"),
        ("{by: track, wit: 1m}", "group.wit is not a key here; did you mean wait?"),
        ("20s", "group must hold lines of the form key: value"),
    ],
)
def test_mistakes_are_named(file: File, written: str, complaint: str) -> None:
    with pytest.raises(BadConfig) as refused:
        file.load(f"{ROUTE}    group: {written}\n")

    assert complaint in str(refused.value)
