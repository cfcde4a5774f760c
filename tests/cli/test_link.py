"""The command ``link``: an address with its key."""

import pytest

from service.web.auth.signed_addresses import AddressSigner
from tests.support.cli_runner import Terminal

READ_TOKEN = "an-invented-token-that-only-reads-0123"
FEED = "/feed.atom?project=gh/acme/web"


@pytest.mark.parametrize("written", [FEED, f"https://ci.example.com{FEED}", f"{FEED}&key=old"])
def test_link_prints_the_signed_address(terminal: Terminal, written: str) -> None:
    terminal.set(ROUNDSMAN_READ_TOKEN=READ_TOKEN, ROUNDSMAN_PUBLIC_URL="https://ci.example.com")

    said, as_json = terminal.run("link", written), terminal.run("link", written, "--json")

    assert said.lines == ["https://ci.example.com" + AddressSigner(READ_TOKEN).sign(FEED)]
    assert as_json.json == {"link": said.lines[0]}


def test_link_without_a_read_token_says_what_to_set(terminal: Terminal) -> None:
    said = terminal.run("link", FEED)

    assert said.code == 2
    assert "ROUNDSMAN_READ_TOKEN is not set" in said.err


def test_link_to_what_has_no_key_says_what_can_have_one(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_READ_TOKEN=READ_TOKEN)

    said = terminal.run("link", "/api/v1/events")

    assert said.code == 2
    assert "an address of /feed.atom, /cctray.xml, /board or /badge/PROJECT.svg can have a key" in " ".join(
        said.err.split()
    )
