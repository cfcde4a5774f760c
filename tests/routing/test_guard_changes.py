"""Differences between two states of settings, in words."""

import pytest

from service.model import ChangeKind, GuardArea
from service.routing.guard_changes import NOUNS, Change, describe, find_changes


def test_what_is_new_gone_or_other_is_a_change_and_the_rest_is_none() -> None:
    before = {"gone": "a", "other": "a", "same": "a", "empty": ""}
    after = {"new": "b", "other": "b", "same": "a", "empty": ""}

    assert list(find_changes(before, after)) == [
        ("gone", ChangeKind.REMOVED, "a", None),
        ("new", ChangeKind.ADDED, None, "b"),
        ("other", ChangeKind.CHANGED, "a", "b"),
    ]


@pytest.mark.parametrize(
    ("area", "change", "sentence"),
    [
        (GuardArea.CONTEXTS, ("deploy", ChangeKind.ADDED, None, "all"), "context deploy added to acme: all"),
        (GuardArea.CONTEXTS, ("deploy", ChangeKind.ADDED, None, ""), "context deploy added to acme"),
        (GuardArea.CONTEXTS, ("deploy", ChangeKind.REMOVED, "all", None), "context deploy removed from acme"),
        (GuardArea.CONTEXTS, ("x", ChangeKind.CHANGED, "a", "b"), "context x of acme changed from a to b"),
        (GuardArea.CONTEXTS, ("x", ChangeKind.CHANGED, "", "b"), "context x of acme changed from nothing to b"),
        (GuardArea.CONTEXTS, ("x", ChangeKind.CHANGED, "a", ""), "context x of acme changed from a to nothing"),
        (GuardArea.CONTEXT_VARIABLES, ("T", ChangeKind.ADDED, None, "1"), "context variable T added to acme"),
        (
            GuardArea.CONTEXT_VARIABLES,
            ("T", ChangeKind.CHANGED, "1", "2"),
            "context variable T of acme has a new value",
        ),
        (GuardArea.CONTEXT_VARIABLES, ("T", ChangeKind.REMOVED, "1", None), "context variable T removed from acme"),
        (GuardArea.CONTEXTS, ("a\u202eb", ChangeKind.REMOVED, "", None), "context a\ufffdb removed from acme"),
    ],
)
def test_change_is_told_in_a_sentence(area: GuardArea, change: Change, sentence: str) -> None:
    assert describe(area, "acme", change) == sentence


def test_every_area_has_its_noun() -> None:
    assert NOUNS.keys() == set(GuardArea)
