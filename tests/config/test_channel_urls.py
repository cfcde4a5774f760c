"""Channels as written: references, escaping, and keys that survive a new secret."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.config.channel_urls import Address, SecretSources, channels, resolve

at_any_pace = settings(deadline=None)


def url(written: str, **environ: str) -> str:
    return resolve(written, SecretSources(environ=environ, folder=Path())).url


@pytest.mark.parametrize(
    ("written", "secret", "expected"),
    [
        ("mailto://ci:${PW}@mail.example.com", "p@ss/w:rd?", "mailto://ci:p%40ss%2Fw%3Ard%3F@mail.example.com"),
        ("mailto://${PW}:x@mail.example.com", "a/b", "mailto://a/b:x@mail.example.com"),
        ("mailto://ci:x${PW}@mail.example.com", "a/b", "mailto://ci:xa/b@mail.example.com"),
        ("json://example.com:${PW}/path", "8000", "json://example.com:8000/path"),
        ("slack://${PW}", "A/B/C", "slack://A/B/C"),
        ("${PW}", " slack://A/B/C\n", "slack://A/B/C"),
        ("json://example.com/$${PW}/${PW}", "x", "json://example.com/${PW}/x"),
        ("json://example.com/$PW", "x", "json://example.com/$PW"),
    ],
)
def test_only_a_password_is_escaped(written: str, secret: str, expected: str) -> None:
    assert url(written, PW=secret) == expected


def test_value_with_a_reference_in_it_is_not_resolved_again() -> None:
    assert url("json://example.com/${A}", A="${B}", B="never") == "json://example.com/${B}"


@pytest.mark.parametrize(
    ("written", "claim"),
    [
        ("json://${A", r"opens a \$\{ that no \} closes; write \$\$\{"),
        ("json://${}", "names neither a variable nor a file"),
        ("json://${slack://hush}", "names neither a variable nor a file"),
        ("json://${BLANK}", "needs the variable BLANK, which is not set"),
        (
            "json://${file:absent}",
            "needs the file absent, which cannot be read: No such file or directory; name a file",
        ),
        (
            "json://${file:}",
            "needs the file , which cannot be read: Is a directory; name a file that this user may read",
        ),
        ("json://${file:binary}", "needs the file binary, which is not UTF-8 text"),
        ("json://${file:blank}", "needs the file blank, which is empty"),
        ("json:/example.com", "is not an address"),
        ("://example.com", "is not an address"),
        ("json://", "is not an address"),
    ],
)
def test_reference_that_cannot_be_resolved_is_named_and_no_value_shown(
    written: str, claim: str, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "blank").write_text("\n")

    with pytest.raises(ValueError, match=claim) as caught:
        resolve(written, SecretSources(environ={"BLANK": " "}, folder=tmp_path))

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("written", ["${TOKEN}", "${file:nowhere}", "mailto://ci:${TOKEN}@example.com"])
def test_secrets_may_be_absent_if_nothing_is_sent(written: str) -> None:
    sources = SecretSources(environ={"TOKEN": "hush"}, folder=Path(), placeholder="secret://secret")

    assert "hush" not in resolve(written, sources).url


def test_a_reference_that_names_nothing_is_wrong_even_then() -> None:
    with pytest.raises(ValueError, match="names neither a variable nor a file"):
        resolve("${a b}", SecretSources(environ={}, folder=Path(), placeholder="secret://secret"))


def test_a_key_survives_a_new_secret() -> None:
    old, new = (Address(written="slack://${TOKEN}", url=f"slack://{token}") for token in ("old", "new"))

    assert channels("team", [old], {})[0].key == channels("team", [new], {})[0].key


def test_no_repr_shows_a_secret() -> None:
    address = resolve("slack://${TOKEN}", SecretSources(environ={"TOKEN": "hush"}, folder=Path()))
    sources = SecretSources(environ={"TOKEN": "hush"}, folder=Path())

    assert "hush" not in f"{address} {sources} {channels('team', [address], {})}"


@at_any_pace
@given(st.text(min_size=1).filter(str.strip))
def test_no_password_changes_the_rest_of_the_address(password: str) -> None:
    filled = url("mailto://ci:${PW}@mail.example.com", PW=password)

    assert filled.count("@") == 1
    assert filled.partition("@")[2] == "mail.example.com"
    assert not set(filled.removeprefix("mailto://ci:").partition("@")[0]) & set("/?#:[] ")
