"""The demo posts webhooks as CircleCI does: the same headers, the same signature, a few tries."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import ping
from service.testing.fake_circleci.sender import Answer, Post, Sender, Signing, signature

PING = ping(WEB, datetime(2026, 3, 2, 8, 30, tzinfo=UTC))
KEPT = httpx.Response(202, json={"delivery": "0", "duplicate": False})
REPEATED = httpx.Response(202, json={"delivery": "0", "duplicate": True})


class Hook:
    """Answers in the order given, and keeps what it was posted."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = iter(answers)
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return next(self._answers)


async def send(post: Post, answer: Callable[[httpx.Request], httpx.Response]) -> Answer:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await Sender(http, url="http://here/hooks/circleci", secret="s3cret", pause_s=0).send(post)


async def test_a_post_looks_like_circlecis() -> None:
    hook = Hook(KEPT)

    await send(Post.of(PING), hook)

    (request,) = hook.seen
    assert (request.method, request.url.path) == ("POST", "/hooks/circleci")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "CircleCI-Webhook/1.0"
    assert request.headers["circleci-event-type"] == "ping"
    assert request.headers["circleci-signature"] == signature("s3cret", request.content)
    assert request.extensions["timeout"] == {"connect": 10, "read": 10, "write": 10, "pool": 10}


@pytest.mark.parametrize(
    ("secret", "body", "expected"),
    [  # CircleCI docs, "Validate outbound webhooks"
        ("secret", b"hello world", "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
        ("another-secret", b"lalala", "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
    ],
)
def test_the_signature_is_the_published_one(secret: str, body: bytes, expected: str) -> None:
    assert signature(secret, body) == f"v1={expected}"


@pytest.mark.parametrize(("signing", "is_signed"), [(Signing.WRONG, True), (Signing.NONE, False)])
async def test_a_stranger_does_not_know_the_secret_and_tries_once(signing: Signing, is_signed: bool) -> None:
    hook = Hook(httpx.Response(401))

    answer = await send(Post.of(PING, signing=signing), hook)

    (request,) = hook.seen
    assert answer == Answer(status=401, tries=1)
    assert ("circleci-signature" in request.headers) is is_signed
    assert request.headers.get("circleci-signature") != signature("s3cret", request.content)


async def test_duplicate_is_distinguished_from_a_new_post() -> None:
    assert await send(Post.of(PING), Hook(KEPT)) == Answer(status=202)
    assert await send(Post.of(PING), Hook(REPEATED)) == Answer(status=202, is_duplicate=True)


async def test_the_same_bytes_are_posted_again_until_they_are_taken() -> None:
    hook = Hook(httpx.Response(503), KEPT)

    answer = await send(Post.of(PING), hook)

    assert answer == Answer(status=202, tries=2)
    assert hook.seen[0].content == hook.seen[1].content


async def test_after_a_few_tries_it_gives_up() -> None:
    assert await send(Post.of(PING), lambda _: httpx.Response(500)) == Answer(status=500, tries=3)


async def test_no_answer_is_a_failure_like_another() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    assert await send(Post.of(PING), refuse) == Answer(status=None, tries=3)
