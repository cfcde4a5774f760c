"""The settings of projects, by the first pattern that gives one."""

from datetime import timedelta

import pytest

from service.model import DEFAULT_EXPIRY, ProjectRule, Track
from service.routing.projects import NO_RULES, ProjectRules

MINUTE = timedelta(minutes=1)
RULES = ProjectRules(
    (
        ProjectRule(pattern="acme/web", rerun_wait=MINUTE, reconcile=False),
        ProjectRule(pattern="gh/acme/*", rerun_wait=2 * MINUTE, default_branch="trunk", holds=False),
        ProjectRule(pattern="acme/*", expire=DEFAULT_EXPIRY / 2, reconcile=True),
    )
)


@pytest.mark.parametrize(
    ("slug", "name", "wait"),
    [
        ("gh/acme/web", "acme/web", MINUTE),
        (None, "acme/web", MINUTE),
        ("gh/acme/api", "acme/api", 2 * MINUTE),
        ("github/acme/api", None, 2 * MINUTE),  # either spelling of a slug
        (None, "acme/api", None),
        ("gh/other/api", "other/api", None),
        (None, None, None),
    ],
)
def test_first_pattern_that_fits_and_gives_it_counts(
    slug: str | None, name: str | None, wait: timedelta | None
) -> None:
    assert RULES.rerun_wait(slug, name) == wait
    assert NO_RULES.rerun_wait(slug, name) is None


def test_what_is_looked_for_is_looked_for_unless_a_pattern_says_no() -> None:
    assert [RULES.is_reconciled(None, name) for name in ("acme/web", "acme/api", "other/api")] == [False, True, True]
    assert [RULES.hears_of_holds(slug, None) for slug in ("gh/acme/web", "gh/other/api")] == [False, True]
    assert NO_RULES.is_reconciled("gh/acme/web", "acme/web")
    assert NO_RULES.hears_of_holds("gh/acme/web", "acme/web")


def test_track_has_the_settings_of_its_project() -> None:
    track = Track(
        id=1, project_id=None, project_slug="gh/acme/api", project_name="acme/api", workflow="build", branch="main"
    )

    applied = RULES.applied_to(track)
    assert (applied.own_default, applied.expire_s) == ("trunk", round(DEFAULT_EXPIRY.total_seconds() / 2))
    assert NO_RULES.applied_to(applied) == track


def test_shortest_expiry_is_that_of_any_project_or_the_usual_one() -> None:
    assert RULES.shortest_expiry == DEFAULT_EXPIRY / 2
    assert NO_RULES.shortest_expiry == DEFAULT_EXPIRY
    assert ProjectRules((ProjectRule(pattern="*", expire=2 * DEFAULT_EXPIRY),)).shortest_expiry == DEFAULT_EXPIRY
