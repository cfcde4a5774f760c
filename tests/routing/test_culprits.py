"""Culprits: the range, who is confirmed, and the page of the changes."""

from datetime import UTC, datetime, timedelta

import pytest

from service.model import Color
from service.routing.culprits import RevisionRun, compare_url, culprits, green_since

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
COLORS = {"G": Color.GREEN, "R": Color.RED, "-": Color.GREY}
OLD, NEW = "a" * 40, "b" * 40


def track(written: str) -> list[RevisionRun]:
    """Runs such as ``aG bR b- cR``: a revision and a color each, an hour apart."""
    return [
        RevisionRun(
            revision=revision,
            color=COLORS[color],
            created_at=START + timedelta(hours=number),
            stopped_at=START + timedelta(hours=number, minutes=10),
            author_name=f"author of {revision}",
        )
        for number, (revision, color) in enumerate(map(tuple, written.split()))
    ]


@pytest.mark.parametrize(
    ("written", "suspects"),
    [
        ("aG bR", "b"),
        ("aG bR cR dR", "b"),  # those after the oldest red are no culprits
        ("aG b- c- dR", "bcd"),  # grey ones are in the range
        ("aG bG cR", "c"),
        ("aG bR cG dR", "d"),
        ("aR bR", "a"),  # no green before it
        ("a- bR", "ab"),
        ("aG", ""),
        ("aG bR cG", ""),  # not red
        ("aG b-", ""),
        ("aG aR", ""),  # the same revision was green before
        ("aG bR b- bR", "b"),
        ("", ""),
    ],
)
def test_culprits_are_after_the_newest_green_up_to_the_oldest_red(written: str, suspects: str) -> None:
    assert [one.revision for one in culprits(track(written)).suspects] == list(suspects)


@pytest.mark.parametrize(
    ("written", "broke", "first_green"),
    [
        ("aG bR", 1, 0),
        ("aG bG cR dR", 2, 0),
        ("aR bR cG dG eR", 4, 2),
        ("aR b- cG d- eG fR", 5, 2),  # grey ones change nothing
        ("aG bR cG dR", 3, 2),
        ("aG bR cR", 1, 0),
        ("aG bR cR", 2, None),  # its incident opened after an earlier one had expired
        ("aR", 0, None),
        ("a- bR", 1, None),
    ],
)
def test_a_track_was_green_since_its_first_green_run_in_a_row(
    written: str, broke: int, first_green: int | None
) -> None:
    runs = track(written)

    since = green_since(runs, runs[broke].stopped_at)

    assert since == (None if first_green is None else runs[first_green].stopped_at)


def test_of_a_break_that_is_not_among_the_runs_nothing_is_known() -> None:
    assert green_since(track("aG bG"), START) is None


def test_a_suspect_has_its_author() -> None:
    (suspect,) = culprits(track("aG bR")).suspects

    assert (suspect.author_name, suspect.is_confirmed) == ("author of b", False)


@pytest.mark.parametrize(
    ("written", "confirmed"),
    [
        ("aG bR bR bR", [False]),  # its predecessor ran once
        ("aG aG bR bR bR", [False]),  # no green began after a red
        ("aG bR aG bR bR", [True]),
        ("aG bR bR aG bR", [True]),
        ("aG bR aG bR", [False]),  # red twice only
        ("aG aR bR aG bR bR", [False]),  # its predecessor was red too
        ("aG bR aG bG bR bR bR", []),  # it was green too
    ],
)
def test_a_culprit_is_confirmed_by_reruns_of_both_only(written: str, confirmed: list[bool]) -> None:
    """Reruns stand in the order of the track: those of an old pipeline come before newer ones."""
    runs = track(written)
    runs.sort(key=lambda run: run.revision or "")

    assert [one.is_confirmed for one in culprits(runs).suspects] == confirmed


def test_the_range_has_a_page_of_its_changes() -> None:
    runs = [
        RevisionRun(revision=revision, color=color, created_at=START, stopped_at=START)
        for revision, color in ((OLD, Color.GREEN), (NEW, Color.RED))
    ]

    found = culprits(runs, slug="gh/acme/web")

    assert found.compare_url == f"https://github.com/acme/web/compare/{OLD}...{NEW}"


@pytest.mark.parametrize(
    ("commit_url", "slug", "page"),
    [
        (f"https://github.com/acme/web/commit/{NEW}", None, f"https://github.com/acme/web/compare/{OLD}...{NEW}"),
        (
            f"https://git.example.com/acme/web/commit/{NEW}",
            "circleci/x/y",
            f"https://git.example.com/acme/web/compare/{OLD}...{NEW}",
        ),
        (
            f"https://gitlab.com/acme/team/web/-/commit/{NEW}",
            None,
            f"https://gitlab.com/acme/team/web/-/compare/{OLD}...{NEW}",
        ),
        (
            f"https://git.example.com/acme/web/-/commit/{NEW}",
            None,
            f"https://git.example.com/acme/web/-/compare/{OLD}...{NEW}",
        ),
        (
            f"https://gitlab.example.com/acme/web/commit/{NEW}",
            None,
            f"https://gitlab.example.com/acme/web/-/compare/{OLD}...{NEW}",
        ),
        (
            f"https://bitbucket.org/acme/web/commits/{NEW}",
            None,
            f"https://bitbucket.org/acme/web/branches/compare/{NEW}%0D{OLD}",
        ),
        (None, "bb/acme/web", f"https://bitbucket.org/acme/web/branches/compare/{NEW}%0D{OLD}"),
        (None, "github/acme/web", f"https://github.com/acme/web/compare/{OLD}...{NEW}"),
        (None, "circleci/AbC/DeF", None),
        ("javascript:alert(1)", None, None),
        (None, "gh/acme/web?x=/y", None),
    ],
)
def test_each_host_has_its_address(commit_url: str | None, slug: str | None, page: str | None) -> None:
    assert compare_url(commit_url, slug, OLD, NEW) == page


@pytest.mark.parametrize("revision", ["main", "../..", "", "A" * 40, "a" * 65])
def test_a_revision_that_is_none_has_no_page(revision: str) -> None:
    assert compare_url(None, "gh/acme/web", OLD, revision) is None


def test_range_without_a_green_run_says_so() -> None:
    assert not culprits(track("aR bR")).has_green
    assert culprits(track("aG bR")).has_green
