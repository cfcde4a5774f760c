"""``known_problems:`` of roundsman.yaml."""

from pathlib import Path

import pytest

from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_all_of_it_is_read(file: File) -> None:
    line = (
        '{pattern: "Could not resolve host", title: DNS, link: "https://tickets.example.com/41", owner: platform, '
        "until: 2027-03-01, mute: true}"
    )

    [problem] = file.load(f"{ROUTE}known_problems:\n  - {line}\n").known_problems
    [again] = file.load(f"{ROUTE}known_problems:\n  - {line.replace('DNS', 'Names')}\n").known_problems

    assert (problem.pattern, problem.title, problem.owner) == ("Could not resolve host", "DNS", "platform")
    assert (problem.link, f"{problem.until:%Y-%m-%d}") == ("https://tickets.example.com/41", "2027-03-01")
    assert (problem.is_muted, problem.is_from_file, problem.id == again.id) == (True, True, True)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{title: DNS}", "is not right: a known problem has a pattern or a fingerprint, one of the two"),
        ("{pattern: Could not}", "title is missing"),
        ("{pattern: abc, title: x}", "pattern needs 4 characters beside wildcards"),
        ("{pattern: Could not, title: x, until: soon}", "soon is not a day; write it as 2027-03-01"),
        ("{pattern: Could not, title: x, link: tickets/41}", "link must be an address that begins with"),
        ("{pattern: Could not, titel: x}", "titel is not a key here; did you mean title?"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: File, line: str, complaint: str) -> None:
    complaints = file.complaints(f"{ROUTE}known_problems:\n  - {line}\n")

    assert any(complaint in one and one.startswith("roundsman.yaml:7: known problem 1") for one in complaints), (
        complaints
    )
