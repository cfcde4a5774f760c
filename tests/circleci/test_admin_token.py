"""The token that manages: it goes where only an admin may, and the other one everywhere else."""

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.errors import BadConfig, Temporary
from service.metrics import Metrics


class Wire:
    """CircleCI's end: keeps the token of each call by its path."""

    def __init__(self) -> None:
        self.tokens: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("circle-token", "")
        self.tokens.append((request.url.path.removeprefix("/api/v2"), token))
        return httpx.Response(200, json={"id": "x", "items": [], "next_page_token": None})


def circleci(wire: Wire, *, admin: str | None) -> CircleCI:
    transport = httpx.MockTransport(wire)
    return CircleCI(secrets=[], url="http://ci", token="reads", admin=admin, metrics=Metrics(), transport=transport)


@pytest.mark.parametrize(("admin", "used"), [("manages", "manages"), (None, "reads")])
async def test_hooks_are_asked_for_with_the_token_that_manages(admin: str | None, used: str) -> None:
    wire = Wire()
    source = circleci(wire, admin=admin)

    await source.me()
    await source.list_hooks("p")
    await source.close()

    assert wire.tokens == [("/me", "reads"), ("/webhook", used)]


async def test_both_tokens_can_be_replaced_while_it_runs() -> None:
    wire = Wire()
    source = circleci(wire, admin="manages")

    source.replace_credentials(secrets=[], token="reads-2", admin="manages-2")
    await source.me()
    await source.list_hooks("p")
    source.replace_credentials(secrets=[], token="reads-2")
    await source.list_hooks("p")
    await source.close()

    assert wire.tokens == [("/me", "reads-2"), ("/webhook", "manages-2"), ("/webhook", "reads-2")]


async def test_a_token_that_cannot_be_sent_leaves_both_as_they_were() -> None:
    wire = Wire()
    source = circleci(wire, admin="manages")

    with pytest.raises(BadConfig):
        source.replace_credentials(secrets=[], token="reads-2", admin="bad\ntoken")
    await source.me()
    await source.list_hooks("p")
    await source.close()

    assert wire.tokens == [("/me", "reads"), ("/webhook", "manages")]


async def test_the_wait_that_is_asked_of_one_token_does_not_hold_back_the_other() -> None:
    answers = [httpx.Response(429, headers={"retry-after": "30"}), httpx.Response(200, json={"items": []})]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    source = CircleCI(
        secrets=[], url="http://ci", token="reads", admin="manages", metrics=Metrics(), transport=transport
    )

    with pytest.raises(Temporary):
        await source.me()
    assert await source.list_hooks("p") == []
    await source.close()
