"""Words of strangers on one line."""

import pytest

from service.message.sanitize import one_line, safe_url, truncate


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a b", "a b"),
        ("a  b", "a b"),
        (" a", "a"),
        ("a ", "a"),
        (" ", ""),
        ("a\tb\r\nc\u2028d", "a b c d"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 197 + "..."),
        ("", ""),
        (None, ""),
    ],
)
def test_text_is_on_one_line_without_what_surrounds_it(text: str | None, line: str) -> None:
    assert one_line(text) == line


def test_characters_that_turn_the_direction_are_marked() -> None:
    assert "\u202e" not in one_line("a\u202eb")
    assert len(one_line("a\u202eb")) == 3


def test_text_that_fits_is_whole_and_another_ends_with_dots_and_no_space() -> None:
    assert truncate("abcdef", 6) == "abcdef"
    assert truncate("abc defg", 7) == "abc..."


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://example.com/" + "x" * 480, "https://example.com/" + "x" * 480),
        ("https://example.com/" + "x" * 481, None),
        ("https://ada:secret@example.com/", None),
        ("javascript:alert(1)", None),
        ("ftp://example.com/", None),
        ("https://[::1", None),
        ("https:///path", None),
        ("https://example.com/*_<b>|`", "https://example.com/%2A_%3Cb%3E%7C%60"),
        (None, None),
        ("", None),
    ],
)
def test_address_is_safe_that_is_of_the_web_short_and_without_credentials(url: str | None, safe: str | None) -> None:
    assert safe_url(url) == safe
