"""Lines of a story: links that are safe to follow, text from outside, and separators."""

from service.message.blocks import Link, Untrusted, join, link, untrusted


def test_link_needs_words_and_a_safe_address() -> None:
    assert link(("build",), "https://ci.example.com") == (Link(words=("build",), url="https://ci.example.com"),)
    assert link((), "https://ci.example.com") == ()
    assert link(("build",), "javascript:alert(1)") == ("build",)
    assert link(("build",), None) == ("build",)


def test_text_from_outside_is_one_piece_or_none() -> None:
    assert untrusted("a\nb") == (Untrusted(text="a b"),)
    assert untrusted("") == untrusted(None) == ()


def test_empty_parts_get_no_separator() -> None:
    assert join([(), ("a",), (), ("b", "c"), ()], ", ") == ("a", ", ", "b", "c")
