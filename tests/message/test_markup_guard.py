"""Names with dots: which a service could make a link of, and which stay as they are."""

import pytest

from service.message import guard_hosts, guard_hosts_visibly, guard_markup
from service.message.markup_guard import guard_links

BREAK = "\N{ZERO WIDTH SPACE}"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("evil.example", "evil|.example"),
        ("evil.example/path", "evil|.example/path"),
        ("EVIL.EXAMPLE", "EVIL|.EXAMPLE"),
        ("//evil.example", "//evil|.example"),
        ("shop.evil.example:80", "shop|.evil|.example:80"),
        ("www.evil.example", "www|.evil|.example"),
        ("evil.xn--p1ai", "evil|.xn--p1ai"),
        ("b\u00fccher.example", "b\u00fccher|.example"),
        ("evil.\u0440\u0444", "evil|.\u0440\u0444"),
        ("evil\u3002example", "evil|\u3002example"),
        ("evil\uff0eexample", "evil|\uff0eexample"),
        ("evil\u3002a.py", "evil\u3002a|.py"),
        ("\U0001f4a9.example", "\U0001f4a9|.example"),
        ("evil.sh/install", "evil|.sh/install"),
        ("//evil.sh", "//evil|.sh"),
        ("www.evil.sh", "www|.evil|.sh"),
        ("evil.example.py", "evil|.example|.py"),
        ("com.acme.CartTest", "com|.acme|.CartTest"),
    ],
)
@pytest.mark.parametrize("guard", [guard_markup, guard_links, guard_hosts])
def test_dots_that_could_make_a_host_of_a_name_are_broken(guard: type[str], words: str, shown: str) -> None:
    assert guard(words).replace(BREAK, "|") == shown


@pytest.mark.parametrize("guard", [guard_markup, guard_links])
def test_address_behind_a_name_is_broken_too(guard: type[str]) -> None:
    assert guard("a@evil.sh") == f"a@{BREAK}evil{BREAK}.sh"


@pytest.mark.parametrize(
    "words",
    [
        "test_cart.py",
        "tests/test_cart.py:42",
        "./deploy.sh",
        "README.md",
        "uv.lock",
        "App.TSX",
        "1.2.3",
        "v1.2.rc1",
        "e.g. x",
    ],
)
@pytest.mark.parametrize("guard", [guard_markup, guard_links, guard_hosts, guard_hosts_visibly])
def test_source_files_and_versions_stay_as_they_are(guard: type[str], words: str) -> None:
    assert guard(words) == words


@pytest.mark.parametrize(
    ("words", "shown", "in_a_short_message"),
    [
        ("see https://evil.example/x", "see https:|//evil|.example/x", "see https: //evil .example/x"),
        ("www.evil.example", "www|.evil|.example", "www .evil .example"),
        ("ada@evil.example", "ada@evil|.example", "ada@evil .example"),
        ("@ada <b> *x* #12 [a](b)", "@ada <b> *x* #12 [a](b)", "@ada <b> *x* #12 [a](b)"),
    ],
)
def test_where_text_is_shown_as_it_is_only_hosts_are_broken(words: str, shown: str, in_a_short_message: str) -> None:
    assert guard_hosts(words).replace(BREAK, "|") == shown
    assert guard_hosts_visibly(words) == in_a_short_message
