"""Bodies as pages show them: the beginning, formatted, at a price that does not grow with the body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text import clean, decode
from service.web.pages.template_filters import MAX_BODY, pretty_json, truncate_body

WORDS = st.text(st.characters(), max_size=20)  # with NUL and lone surrogates
LEAVES = st.none() | st.booleans() | st.integers() | WORDS
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@pytest.mark.long
@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_json_looks_as_the_library_formats_it(value: object, is_ascii: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent)

    assert pretty_json(body) == clean(json.dumps(json.loads(body), indent=2, ensure_ascii=False))


@given(st.text(st.sampled_from('{}[]:,"\\ u0dtrue-1.eE\n'), max_size=20))
def test_what_is_not_json_is_shown_as_it_is(body: str) -> None:
    try:
        shown = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        assert pretty_json(body) == body
    else:
        assert json.loads(pretty_json(body)) == json.loads(shown)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 90 + "1," * 500_000,
        "[" * 300 + "1," * 500_000,
        "[" * 100_000,
        "[" + "1," * 500_000,
        '"' + "a" * 1_000_000,
        '{"a": "' + "\\u0000" * 200_000,
        " " * 1_000_000 + "1",
        "[" + "\\ud83d" * 100_000,
        '["' + "\\ud83d" * 100_000 + '"]',
    ],
)
def test_no_more_than_the_beginning_is_shown(body: str) -> None:
    shown = truncate_body(pretty_json(body))

    assert len(shown) <= MAX_BODY + 2
    assert shown.endswith(" …")
    assert shown.encode()


def test_a_lone_surrogate_becomes_a_mark_wherever_it_stands() -> None:
    assert (
        pretty_json('{"\\ud83d": ["\\udc00", "\\ud83d\\ude00"]}') == '{\n  "\ufffd": [\n    "\ufffd",\n    "😀"\n  ]\n}'
    )


@pytest.mark.long
@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode), st.integers(0, 60))
def test_bytes_are_read_whole_or_to_a_limit_without_half_a_character(body: bytes, limit: int) -> None:
    whole = body.decode("utf-8", "backslashreplace")

    assert decode(body) == whole
    assert whole.startswith(decode(body, limit)) or "\\x" in whole
