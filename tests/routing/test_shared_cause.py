"""Causes that many projects share."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.routing.shared_cause import OpenedIncident, shared_cause

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def opened(
    number: int, project: str, *, ago: int = 5, cause: str | None = "f", guarded: bool = False
) -> OpenedIncident:
    at = NOW - timedelta(minutes=ago)
    return OpenedIncident(id=UUID(int=number), project=project, opened_at=at, fingerprint=cause, is_guarded=guarded)


def test_three_projects_with_one_fingerprint_within_half_an_hour_share_a_cause() -> None:
    incidents = [opened(1, "a"), opened(2, "b"), opened(3, "c", ago=30), opened(4, "c"), opened(5, "d", cause="other")]

    found = shared_cause(incidents, NOW)

    assert found is not None
    assert found.sentence == "CircleCI or the network seems to be in trouble: 4 workflows of 3 projects"
    assert found == shared_cause(reversed(incidents), NOW)


def test_two_projects_or_half_an_hour_apart_share_none() -> None:
    assert shared_cause([opened(1, "a"), opened(2, "b"), opened(3, "b")], NOW) is None
    assert shared_cause([opened(1, "a", ago=0), opened(2, "b"), opened(3, "c", ago=31)], NOW) is None
    assert shared_cause([opened(1, "a", ago=0), opened(2, "b", ago=0), opened(3, "c", ago=-31)], NOW) is None
    assert shared_cause([opened(number, str(number), cause=None) for number in range(5)], NOW) is None


def test_incidents_of_which_nothing_is_learned_share_one_too() -> None:
    incidents = [opened(number, str(number), cause=None, guarded=True) for number in range(7)]

    found = shared_cause(incidents, NOW)

    assert found is not None
    assert found.sentence.endswith("7 workflows of 7 projects")


def test_the_half_hour_is_one_that_holds_the_incident_in_question_whatever_our_clock_says() -> None:
    early, late = [opened(n, str(n), ago=50 + n) for n in range(3)], [opened(9 - n, str(n), ago=n) for n in range(4)]

    found = shared_cause([*late, *early], NOW)
    before = shared_cause([*late, *early], NOW - timedelta(minutes=50))
    between = shared_cause([*late, *early], NOW - timedelta(minutes=40))
    ahead = shared_cause([opened(n, str(n), ago=-n) for n in range(3)], NOW)

    assert [found and len(found.incidents), before and len(before.incidents), between] == [4, 3, before]
    assert ahead is not None
