"""``repeat:`` and ``escalate:`` of routes in roundsman.yaml."""

from pathlib import Path

import pytest

from service.errors import BadConfig
from service.model import Escalation
from tests.support.roundsman_yaml import File

ROUTES = """\
receivers:
  team: {channels: [json://team]}
  leads: {channels: [json://leads]}
routes:
  - receiver: team
    match: {branch: main}
"""


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.mark.parametrize("after", ["1h30m", "1h 30m", "1 h 30 min"])
def test_times_are_durations_and_others_count_as_used(file: File, after: str) -> None:
    text = ROUTES + f"    repeat: 4h\n    escalate: {{after: {after}, receiver: leads}}\n"
    [route] = file.load(text).routes

    assert (route.repeat_s, route.escalation) == (4 * 3600, Escalation(after_s=5400, receiver="leads"))
    assert file.warnings(text) == []


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("repeat: soon", "repeat is not a duration; write it as 20s, 30m, 4h, 1h30m or 14d"),
        ("repeat: 4 months", "repeat is not a duration"),
        ("repeat: 4", "repeat is not a duration"),
        ("repeat: 1s", "repeat must be between 5m and 30d"),
        ("repeat: 99d", "repeat must be between 5m and 30d"),
        ("escalate: {after: 2h}", "escalate.receiver is missing"),
        ("escalate: {receiver: leads}", "escalate.after is missing"),
        ("escalate: {after: 2h, receiver: leeds}", "leeds is not one of the receivers; did you mean leads?"),
        ("escalate: {afer: 2h, receiver: leads}", "escalate.afer is not a key here; did you mean after?"),
        ("escalate: 2h", "escalate must hold lines of the form key: value"),
    ],
)
def test_mistakes_are_named(file: File, written: str, complaint: str) -> None:
    with pytest.raises(BadConfig) as refused:
        file.load(f"{ROUTES}    {written}\n")

    assert complaint in str(refused.value)
