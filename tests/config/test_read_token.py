"""The read token: which values are refused."""

import pytest

from service.config.env import load_settings
from tests.config.test_settings import complaint, problems


@pytest.mark.parametrize("token", ["x" * 40, "short-but-varied-0123456789", "ab" * 20])
def test_a_read_token_that_could_be_guessed_is_refused(token: str) -> None:
    assert complaint("read_token", token) == (
        "needs 32 characters, 10 of them different: with the key of a signed address anyone could guess a simpler "
        "one; make one with: openssl rand -hex 32"
    )


def test_a_read_token_that_is_the_admin_token_is_refused() -> None:
    token = "0123456789abcdef" * 4

    [problem] = problems(lambda: load_settings({"ROUNDSMAN_READ_TOKEN": token, "ROUNDSMAN_ADMIN_TOKEN": token}))

    assert problem == (
        "ROUNDSMAN_READ_TOKEN is the same as ROUNDSMAN_ADMIN_TOKEN, so a reader could change everything; "
        "make one with: openssl rand -hex 32"
    )
