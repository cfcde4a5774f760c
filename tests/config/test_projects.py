"""``projects:`` of roundsman.yaml."""

from datetime import timedelta
from pathlib import Path

import pytest

from service.model import Track
from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_of_two_patterns_the_first_that_gives_a_setting_counts(file: File) -> None:
    rules = file.load(f"{ROUTE}projects:\n  gh/acme/web: {{rerun_wait: 0}}\n  gh/acme/*: {{rerun_wait: 1h}}\n").projects

    assert rules.rerun_wait("gh/acme/web", "acme/web") == timedelta()
    assert rules.rerun_wait("github/acme/api", None) == timedelta(hours=1)
    assert rules.rerun_wait("circleci/org/code", "acme/web") is None
    assert rules.rerun_wait(None, None) is None


def test_a_project_goes_by_its_name_too(file: File) -> None:
    rules = file.load(f'{ROUTE}projects:\n  "acme/*": {{rerun_wait: 5m}}\n').projects

    assert rules.rerun_wait("circleci/org/code", "acme/web") == timedelta(minutes=5)


def test_a_track_gets_the_settings_of_its_project(file: File) -> None:
    rules = file.load(
        f"{ROUTE}projects:\n  gh/acme/web: {{default_branch: develop}}\n  gh/acme/*: {{expire: 7d}}\n"
    ).projects
    track = Track(
        id=1, project_id=None, project_slug="github/acme/web", project_name="acme/web", workflow="build", branch="main"
    )
    applied = rules.applied_to(track)

    assert (applied.default_branches, applied.is_of_default_branch) == (("develop",), False)
    assert (applied.expiry, rules.shortest_expiry) == (timedelta(days=7), timedelta(days=7))
    assert (track.default_branches, track.expiry) == (("main", "master"), timedelta(days=30))


def test_without_the_section_nothing_is_set(file: File) -> None:
    assert file.load(ROUTE).projects.rerun_wait("gh/acme/web", None) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("gh/acme/web: {rerun_wait: soon}", "rerun_wait is not a duration; write it as 20s, 30m, 4h, 1h30m or 14d"),
        ("gh/acme/web: {rerun_wait: 3h}", "rerun_wait must be between 0s and 2h"),
        ("gh/acme/web: {expire: 1h}", "expire must be between 1d and 400d"),
        ("gh/acme/web: {default_branch: release/*}", "'release/*' is no name of a branch; write the one that counts"),
        ("gh/acme/web: {rerunwait: 5m}", "rerunwait is not a key here; did you mean rerun_wait?"),
        ('"!gh/acme/web": {rerun_wait: 5m}', "excludes, and settings are of projects that a pattern fits"),
        ('"gh/acme/[web": {rerun_wait: 5m}', "opens a [ that no ] closes; write [[] for the plain character"),
        ('"": {rerun_wait: 5m}', "is an empty pattern; write a project's slug"),
        ("gh/acme/web: 5m", "must hold lines of the form key: value"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: File, line: str, complaint: str) -> None:
    complaints = file.complaints(f"{ROUTE}projects:\n  {line}\n")

    assert any(complaint in one and one.startswith("roundsman.yaml:") for one in complaints), complaints
