"""The syntax of a search's text: filters by name, words, quotes, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequest
from service.operations.queries import NAMED_FILTERS
from service.operations.search_text import expand, write


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vouchers", {"q": ["vouchers"]}),
        ("status:failed vouchers", {"status": ["failed"], "q": ["vouchers"]}),
        ("Status:failed STATUS:error", {"status": ["failed", "error"]}),
        ("project:acme/* branch:!main,release/*", {"project": ["acme/*"], "branch": ["!main,release/*"]}),
        ('workflow:"build and test" by:"ada ex"', {"workflow": ["build and test"], "by": ["ada ex"]}),
        ('"fix: typo" since:7d', {"since": ["7d"], "q": ["fix: typo"]}),
        ("https://example.com/x 10:42 fix: x", {"q": ["https://example.com/x 10:42 fix: x"]}),
        ('broken " quote', {"q": ['broken " quote']}),
        ("", {}),
        ("   ", {}),
        ('branch:""', {"branch": [""]}),
        ('branch:"a ""b"" c" """x"', {"branch": ['a "b" c'], "q": ['"x']}),
        ('branch:"//x"', {"branch": ["//x"]}),
    ],
)
def test_a_text_says_what_filters_say(text: str, found: dict[str, list[str]]) -> None:
    assert expand({"q": text}, NAMED_FILTERS) == found


def test_filters_of_the_text_are_added_to_those_beside_it() -> None:
    assert expand({"status": ["failed"], "q": ["status:error"]}, NAMED_FILTERS) == {"status": ["failed", "error"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stauts:failed", r"^'stauts:' is not something to search by; did you mean status:\? .*\"stauts:failed\""),
        ("xyzzy:1", r"^'xyzzy:' is not something to search by; there are org, project, .*, until\. Words "),
        ("q:x", r"^'q:' is not something"),
        (" ".join(["a"] * 101), "may have 100 parts"),
    ],
)
def test_a_wrong_text_is_refused_with_the_next_step(text: str, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        expand({"q": text}, NAMED_FILTERS)


VALUES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(str.strip).filter(bool)
ODD = st.sampled_from(["a b", '"', 'a"b', '""', "//x", "x:y", "status:failed", '"a" b', "\\*", "fix:", "'"])
LISTS = st.lists(VALUES | ODD, min_size=1, max_size=3)


@given(st.dictionaries(st.sampled_from(NAMED_FILTERS), LISTS, max_size=4), st.lists(VALUES | ODD, max_size=3))
def test_a_written_search_is_read_back(filters: dict[str, list[str]], words: list[str]) -> None:
    text = write({**filters, "q": words}, NAMED_FILTERS)
    found = expand({"q": text}, NAMED_FILTERS)

    assert " ".join(found.pop("q", [])).split() == " ".join(words).split()
    assert found == filters
