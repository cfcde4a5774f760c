"""Match keys: each reads the value that it puts, and names the detail to ask for."""

from dataclasses import replace

import pytest

from service.model import Actor, DetailKind, EventKind
from service.routing.match_keys import MATCH_KEYS, SEARCH_FILTERS, findable_details, read_facts
from tests.example_events import FAILED, UNPLACED, UNSIGNED

VALUES = {"event": "job-completed", "project": "gh/some/project", "transition": "fixed", "streak": "3"}


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_a_value_that_is_put_is_the_one_that_is_read(name: str) -> None:
    key, value = MATCH_KEYS[name], VALUES.get(name, f"some {name}")

    assert value in key.read(key.put(FAILED, value)).spellings


@pytest.mark.parametrize("name", [name for name in MATCH_KEYS if name != "event"])
def test_a_value_that_is_taken_away_is_absent(name: str) -> None:
    key = MATCH_KEYS[name]

    assert key.read(key.put(FAILED, None)).spellings == ()


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_no_key_changes_the_value_of_another(name: str) -> None:
    brought_along = {
        "org": {"project"},
        "project": {"org"},
        "job": {"event", "transition", "streak"},
        "event": {"transition", "streak"},
        "status": {"transition", "streak"},
        "streak": {"transition"},
        "transition": {"streak"},
    }.get(name, set())
    before, after = read_facts(FAILED), read_facts(MATCH_KEYS[name].put(FAILED, VALUES.get(name, "other")))

    assert {other for other in MATCH_KEYS if before[other] != after[other]} <= {name, *brought_along}


def test_a_job_that_is_named_makes_an_event_of_a_job() -> None:
    assert MATCH_KEYS["job"].put(FAILED, "build").kind is EventKind.JOB_COMPLETED


def test_only_absent_values_that_circleci_knows_are_asked_for() -> None:
    assert findable_details(FAILED) == {}
    assert findable_details(UNSIGNED) == {"actor": DetailKind.ACTOR}
    assert findable_details(UNPLACED) == {"branch": DetailKind.VCS, "tag": DetailKind.VCS}
    assert findable_details(MATCH_KEYS["author"].put(FAILED, None)) == {}


@pytest.mark.parametrize("actor", [Actor(login="ada"), Actor(name="Ada")])
def test_person_of_whom_one_name_is_known_is_not_asked_for(actor: Actor) -> None:
    assert findable_details(replace(FAILED, actor=actor)) == {}


def test_names_that_people_choose_freely_may_hold_brackets() -> None:
    """Git refuses refs with brackets, CircleCI slugs and organizations."""
    free = {name for name, key in MATCH_KEYS.items() if key.may_hold_brackets}

    assert free == {"workflow", "job", "actor", "author"}


def test_page_shows_the_filters_of_a_first_look_at_once() -> None:
    assert [name for name, found in SEARCH_FILTERS.items() if found.is_prominent] == ["project", "branch", "status"]
