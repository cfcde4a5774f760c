"""Hooks told apart by where they post to."""

import pytest

from service.operations.hooks import plan
from tests.operations.test_hooks import MINE, PUBLIC_URL, Board, board, spec

__all__ = ["board"]  # pytest finds fixtures by name


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
