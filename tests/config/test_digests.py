"""``digests:`` of roundsman.yaml."""

from pathlib import Path

import pytest

from service.model import Digest
from tests.support.example_events import matcher
from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_all_of_it_is_read(file: File) -> None:
    line = (
        '{name: m, cron: "0 9 * * mon", timezone: Europe/Oslo, match: {branch: main}, receiver: team, skip_empty: true}'
    )

    assert file.load(f"{ROUTE}digests:\n  - {line}\n").digests == (
        Digest(
            name="m",
            cron="0 9 * * mon",
            receiver="team",
            timezone="Europe/Oslo",
            matchers=(matcher("branch", "main"),),
            skips_empty=True,
        ),
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{name: m, cron: "0 9 * *", receiver: team}', "has 4 fields; write five, such as '0 9 * * mon'"),
        ('{name: m, cron: "0 0 30 feb *", receiver: team}', "never comes"),
        (
            '{name: m, cron: "0 9 * * *", receiver: team, match: {flaky: true}}',
            "digest 'm': match names flaky, which is worked out at a run's judgment, not for a whole time",
        ),
        ('{name: m, cron: "0 9 * * *", receiver: teem}', "teem is not one of the receivers; did you mean team?"),
        ('{name: m, cron: "0 9 * * *", receiver: team, timezone: Mars}', "Mars is not a time zone"),
        ('{cron: "0 9 * * *", receiver: team}', "name is missing"),
        ('{name: m, cron: "0 9 * * *", receiver: team, match: {brunch: x}}', "did you mean branch?"),
    ],
)
def test_a_mistake_is_named(file: File, line: str, complaint: str) -> None:
    complaints = file.complaints(f"{ROUTE}digests:\n  - {line}\n")

    assert any(complaint in one for one in complaints), complaints


def test_two_of_one_name_are_refused(file: File) -> None:
    line = '{name: m, cron: "0 9 * * mon", receiver: team}'

    assert "give each digest its own name" in file.complaint(f"{ROUTE}digests:\n  - {line}\n  - {line}\n")
