"""A client that posts webhooks as CircleCI does: signed, timed out, retried."""

import asyncio
import hmac
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

import httpx

from service.testing.fake_circleci.payloads import Payload, as_bytes

TIMEOUT_S = 10.0  # CircleCI docs, "Outbound webhooks": no answer within 10 seconds is a failure


class Signing(Enum):
    """The signature of a post."""

    CORRECT = "with the hook's secret"
    WRONG = "with another secret"
    NONE = "not at all"


@dataclass(frozen=True, kw_only=True)
class Post:
    """A webhook to post."""

    event_type: str
    body: bytes
    signing: Signing = Signing.CORRECT

    @classmethod
    def of(cls, payload: Payload, *, signing: Signing = Signing.CORRECT) -> "Post":
        """Return the post of a payload."""
        return cls(event_type=payload["type"], body=as_bytes(payload), signing=signing)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a post; the status is None if there was no answer."""

    status: int | None
    is_duplicate: bool = False
    tries: int = 1


class Sender:
    """A sender of posts to one hook.

    tries     CircleCI tries again after anything but a 2xx; the number of tries is not documented
    pause_s   seconds between two tries
    """

    def __init__(self, http: httpx.AsyncClient, *, url: str, secret: str, tries: int = 3, pause_s: float = 1.0) -> None:
        self._http = http
        self._url = url
        self._secret = secret
        self._tries = tries
        self._pause_s = pause_s

    async def send(self, post: Post) -> Answer:
        """Post until a 2xx answer; a post without the right signature is tried once."""
        most = self._tries if post.signing is Signing.CORRECT else 1
        for tried in range(1, most):
            answer = await self._post_once(post, tried)
            if answer.status and 200 <= answer.status < 300:
                return answer
            await asyncio.sleep(self._pause_s)
        return await self._post_once(post, most)

    async def _post_once(self, post: Post, tries: int) -> Answer:
        try:
            response = await self._http.post(
                self._url, content=post.body, headers=self._headers(post), timeout=TIMEOUT_S
            )
        except httpx.TransportError:
            return Answer(status=None, tries=tries)

        is_duplicate = response.status_code == 202 and response.json()["duplicate"]
        return Answer(status=response.status_code, is_duplicate=is_duplicate, tries=tries)

    def _headers(self, post: Post) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": "CircleCI-Webhook/1.0",
            "circleci-event-type": post.event_type,
        }
        if post.signing is Signing.NONE:
            return headers

        secret = self._secret if post.signing is Signing.CORRECT else "a guess"
        return headers | {"circleci-signature": signature(secret, post.body)}


def signature(secret: str, body: bytes) -> str:
    """Return the signature header of a body.

    Source: CircleCI docs, "Validate outbound webhooks".
    """
    return "v1=" + hmac.new(secret.encode(), body, sha256).hexdigest()
