"""Addresses of hooks: hooks told apart by theirs, and whether CircleCI can post to ours."""

import pytest

from service.operations.hooks.hook_addresses import find_obstacle
from service.operations.hooks.hooks import plan
from tests.operations.hooks.test_hooks import MINE, PUBLIC_URL, Board, board, spec

__all__ = ["board"]  # pytest finds fixtures by name

CLOUD = "https://circleci.com"
SERVER = "https://circleci.example.com"
THIS_MACHINE = [
    *("https://127.0.0.1:8000", "https://localhost", "https://LOCALHOST.", "https://ci.localhost", "https://[::1]"),
    *("https://127.1", "https://2130706433", "https://0x7f000001", "https://[::ffff:127.0.0.1]", "https://0.0.0.0"),
    "http://127.0.0.1:8000",
]
PRIVATE = [
    *(
        "https://10.0.0.1",
        "https://192.168.1.20:8443",
        "https://172.16.0.9",
        "https://169.254.1.1",
        "https://[fd00::1]",
    ),
    *("https://100.64.0.1", "https://[::ffff:10.0.0.1]", "https://10.1", "https://ci", "https://ci.internal"),
    *("https://ci.corp.local", "https://ci.lan", "https://ci.home.arpa.", "https://CI.INTERNAL:8443"),
]
PUBLIC = ["https://ci.example.com", "https://1.1.1.1", "https://[2606:4700::1111]", "https://local.example.com"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        (f"{PUBLIC_URL}/hooks/circleci/", True),
        ("https://Roundsman.Example.com:443/hooks/circleci", True),
        (f"{PUBLIC_URL}:8443/hooks/circleci", False),
        (f"{PUBLIC_URL}/hooks/circleci?x=1", False),
        (f"{PUBLIC_URL}/hooks", False),
        ("https://[", False),
        ("https://roundsman.example.com:port/hooks/circleci", False),
    ],
)
async def test_hook_is_ours_however_our_address_is_spelled(board: Board, url: str, is_ours: bool) -> None:
    board.register("Roundsman", url)

    [first, *others] = await plan(board.circleci, [spec()], MINE)

    assert (first.verb.value, len(others)) == (("unchanged", 0) if is_ours else ("create", 1))


@pytest.mark.parametrize("url", THIS_MACHINE)
@pytest.mark.parametrize("circleci", [CLOUD, SERVER])
def test_no_circleci_reaches_an_address_of_this_machine(url: str, circleci: str) -> None:
    assert "leads to this machine alone: set ROUNDSMAN_PUBLIC_URL" in (find_obstacle(url, circleci) or "")


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_network_is_closed_to_the_cloud_and_open_to_a_server_in_it(url: str) -> None:
    assert "is of a private network: set ROUNDSMAN_PUBLIC_URL" in (find_obstacle(url, CLOUD) or "")
    assert find_obstacle(url, SERVER) is None


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_address_with_tls_can_be_reached(url: str) -> None:
    assert find_obstacle(url, CLOUD) is None
    assert "CircleCI posts to https only" in (find_obstacle(url.replace("https", "http"), CLOUD) or "")


def test_without_an_address_there_is_none() -> None:
    assert "ROUNDSMAN_PUBLIC_URL is not set" in (find_obstacle(None, CLOUD) or "")
