"""Patterns: the names that they fit, escapes, and ambiguous ones."""

from dataclasses import replace
from fnmatch import fnmatchcase
from unicodedata import normalize

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.model import Actor, Commit, Route, Verdict
from service.routing.decide import decide
from service.routing.patterns import (
    compile_pattern,
    ends_with_question_mark,
    find_ambiguous_escape,
    find_ambiguous_set,
    has_closed_brackets,
    has_wildcards,
    to_nfc,
    unescape,
)
from tests.support.example_events import FAILED, route

NAMES = [
    "renovate[bot]",
    "test [linux, 3.11]",
    "what?",
    "all *",
    "[",
    "]",
    "[]",
    "a\\b",
    "!important",
    "a[b",
    "[!x]",
    "é",
]


@pytest.mark.parametrize("name", NAMES)
def test_pattern_that_equals_a_name_fits_it_even_with_wildcards(name: str) -> None:
    assert compile_pattern(name)(to_nfc(name))


@given(st.text(max_size=10))
def test_every_name_is_fit_by_itself(name: str) -> None:
    assert compile_pattern(name)(to_nfc(name))


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("renovate[bot]", ["renovate[bot]", "renovateb"], ["renovate", "renovate[bo]"]),
        (r"renovate\[bot]", ["renovate[bot]"], ["renovateb", "renovateo"]),
        (r"renovate\[bot\]", ["renovate[bot]"], ["renovateb"]),
        ("renovate[[]bot]", ["renovate[bot]"], ["renovateb"]),
        (r"*\[bot]", ["dependabot[bot]"], ["robot", "[bot]x"]),
        (r"test \[*", ["test [linux, 3.11]"], ["test linux"]),
        (r"all \*", ["all *"], ["all of it"]),
        (r"what\?", ["what?"], ["whats"]),
        (r"\!important", ["!important", r"\!important"], ["important"]),
        (r"a\\b", [r"a\b", r"a\\b"], ["ab"]),
        (r"a\b", [r"a\b"], ["ab"]),
        (r"a\*", ["a*"], ["ab", r"a\b"]),
        (r"[\]]", [r"\]"], ["]"]),
        ("v[0-9]*", ["v1.2"], ["vx", "V1"]),
        ("a*c", ["abc", "a/b\nc"], ["ab"]),
    ],
)
def test_pattern_fits_the_expected_names(pattern: str, fitting: list[str], others: list[str]) -> None:
    fit = compile_pattern(pattern)

    assert [name for name in fitting if not fit(name)] == []
    assert [name for name in others if fit(name)] == []


@given(st.text("ab/*?[]!-^", min_size=1, max_size=6), st.text("ab/-^", max_size=6))
def test_pattern_without_a_backslash_fits_the_names_that_a_shell_glob_fits(pattern: str, name: str) -> None:
    assert compile_pattern(pattern)(name) == (pattern == name or fnmatchcase(name, pattern))


@pytest.mark.parametrize("pattern", ["caf\u00e9/*", "cafe\u0301/*"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_two_spellings_of_a_name_are_one(pattern: str, form: str) -> None:
    name = normalize(form, "caf\u00e9/main")  # type: ignore[arg-type]  # reason: parametrize knows no literals

    assert compile_pattern(pattern)(to_nfc(name))
    assert not compile_pattern("cafe/*")(to_nfc(name))


@pytest.mark.parametrize(
    ("pattern", "doubtful"),
    [
        ("renovate[bot]", "[bot]"),
        ("*[bot]", "[bot]"),
        ("test [linux, 3.11]", "[linux, 3.11]"),
        ("deploy [eu-west-1]", "[eu-west-1]"),
        ("[ab]", "[ab]"),
        (r"renovate\[bot]", None),
        ("renovate[[]bot]", None),
        ("v[0-9]*", None),
        ("v[0-9a-f]", None),
        ("v[!0]", None),
        ("[*] and [?]", None),
        ("plain", None),
    ],
)
def test_set_that_could_be_a_part_of_a_name_is_ambiguous(pattern: str, doubtful: str | None) -> None:
    assert find_ambiguous_set(pattern) == doubtful


@pytest.mark.parametrize(
    ("pattern", "is_more"), [("a*", True), ("a[b]", True), (r"a\*", False), (r"a\[b]", False), ("a", False)]
)
def test_wildcards_are_those_that_are_not_escaped(pattern: str, is_more: bool) -> None:
    assert has_wildcards(pattern) is is_more


@pytest.mark.parametrize(("pattern", "closed"), [("a[b", False), (r"a\[b", True), ("a[[]b", True), ("[]", False)])
def test_bracket_that_opens_a_set_wants_another(pattern: str, closed: bool) -> None:
    assert has_closed_brackets(pattern) is closed


@pytest.mark.parametrize(
    ("pattern", "doubtful"),
    [(r"a\*", r"\*"), (r"a\[b\?", r"\?"), (r"a\[b\!", None), (r"a\\", None), ("a*", None), (r"[\*]", None)],
)
def test_backslash_before_a_wildcard_is_ambiguous(pattern: str, doubtful: str | None) -> None:
    assert find_ambiguous_escape(pattern) == doubtful


@pytest.mark.parametrize(
    ("pattern", "is_so"),
    [("what?", True), ("?", False), ("what?!", False), ("w*t?", False), (r"what\?", False), ("a-?", False)],
)
def test_question_mark_at_the_end_of_a_word_is_told_apart(pattern: str, is_so: bool) -> None:
    assert ends_with_question_mark(pattern) is is_so


@pytest.mark.parametrize(("pattern", "name"), [(r"a\*", "a*"), (r"\[b]", "[b]"), ("[b]", "[b]"), (r"a\\b", r"a\b")])
def test_unescaped_pattern_keeps_its_sets(pattern: str, name: str) -> None:
    assert unescape(pattern) == name


def test_routes_tell_of_names_with_brackets_by_those_names() -> None:
    bot, author = Actor(id="1", login="dependabot[bot]"), Commit(author_name="renovate[bot]")
    event = replace(FAILED, actor=bot, commit=author)
    routes: list[Route] = [
        route("by", author="renovate[bot]"),
        route("but", actor="!dependabot[bot]"),
        route("others", actor=r"!*\[bot]"),
    ]

    assert [(decision.verdict, decision.reason) for decision in decide(event, routes)] == [
        (Verdict.MATCHED, "author renovate[bot] matches renovate[bot]"),
        (Verdict.NOT_MATCHED, "actor dependabot[bot] is excluded by !dependabot[bot]"),
        (Verdict.NOT_MATCHED, r"actor dependabot[bot] is excluded by !*\[bot]"),
    ]


SIGNS = st.text("ab*?[]!\\é", max_size=6)


@given(SIGNS, SIGNS)
def test_pattern_without_wildcards_fits_what_it_fits_as_the_beginning_of_a_glob(pattern: str, name: str) -> None:
    assume(not has_wildcards(pattern) and not pattern.endswith("\\"))

    is_beginning = compile_pattern(f"{pattern}?")(f"{name}z")

    assert compile_pattern(pattern)(name) == (name == pattern or is_beginning)
