"""CircleCI, the source: its posts verified and understood, its API asked, its hooks kept in order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

import httpx

from service.circleci.api import webhooks
from service.circleci.api.breaker import Log
from service.circleci.api.client import Client, connect
from service.circleci.api.request import Call
from service.circleci.api.responses import ProjectShape, UserShape
from service.circleci.api.users import Users
from service.circleci.details import DetailsFetcher
from service.circleci.times import now_utc
from service.circleci.webhook import parser, signature
from service.errors import Permanent
from service.metrics import Metrics
from service.model import Actor, Delivery, DetailKind, Details, Event, Hook, SignatureMatch

__all__ = ["CircleCI", "Log"]


class CircleCI:
    """One CircleCI, in the cloud or a server of one's own.

    secrets   of our hooks there, newest first
    url       its address, such as https://circleci.com
    token     a personal API token; without one posts are understood, but nothing can be asked
    log       hears of a refused token, and of a CircleCI that does not answer; commands keep none
    """

    name = "circleci"

    def __init__(  # noqa: PLR0913 - each is one thing that the assembly chooses
        self,
        *,
        secrets: Sequence[str],
        url: str,
        token: str | None,
        metrics: Metrics,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = now_utc,
        log: Log | None = None,
    ) -> None:
        self._secrets = tuple(secrets)
        self._is_cloud = urlsplit(url).hostname == "circleci.com"  # only there we know where the pages are
        self._clock = clock
        self._token = token
        self._connect = partial(connect, url, transport=transport)
        self._client = Client(self._connect(token), metrics=metrics, clock=clock, log=log)
        self._users = Users(self._client, clock)

    def require_signature(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise BadSignature unless the headers of a post hold one v1 signature."""
        signature.read_v1_signature(headers)

    def verify(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> SignatureMatch:
        """Which of our secrets signed the post; raises BadSignature."""
        return signature.verify(headers, body, self._secrets)

    def renew(self, *, secrets: Sequence[str], token: str | None) -> None:
        """Verify by other secrets, ask with another token; raises BadConfig, and then nothing changes."""
        if token != self._token:
            self._client.use(self._connect(token))
            self._token = token
        self._secrets = tuple(secrets)

    def identify(self, body: bytes) -> str:
        """CircleCI's own id of the event, or one made from the body; never raises."""
        return parser.identify(body)

    def find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that a post says it is from; None when it says none. Never raises."""
        return parser.find_hook(body)

    def kept_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
        """The headers worth keeping with the delivery."""
        return parser.kept_headers(headers)

    def parse(self, delivery: Delivery) -> Event:
        """The event that a delivery carries; raises Permanent when it is not understood."""
        return parser.parse(delivery, links=self._is_cloud)

    async def enrich(self, event: Event, wants: frozenset[DetailKind], known: Details | None) -> Details:
        """Ask for what is wanted and not ``known`` yet; what cannot be had is in ``missing``, nothing is raised."""
        return await DetailsFetcher(self._client, self._users, event, known or Details()).answer(wants, self._clock())

    async def me(self) -> Actor:
        """Whose token it is; raises Temporary or Permanent."""
        user = await self._client.ask(Call(template="/me"), UserShape)
        if user.id is None:
            raise Permanent("CircleCI does not say whose API token this is; check ROUNDSMAN_CIRCLECI_URL")
        return Actor(id=user.id, login=user.login, name=user.name)

    async def project_id(self, slug: str) -> str:
        """The id of a project, which its hooks are listed under; raises Temporary or Permanent."""
        project = await self._client.ask(Call(template="/project/{slug}", parts={"slug": slug}), ProjectShape)
        if project.id is None:
            raise Permanent(f"CircleCI does not say the id of project {slug}")
        return project.id

    async def list_hooks(self, project_id: str) -> list[Hook]:
        """The hooks of a project; raises Temporary or Permanent."""
        return await webhooks.list_hooks(self._client, project_id)

    async def create_hook(self, project_id: str, *, name: str, url: str, events: Sequence[str], secret: str) -> Hook:
        """Make a hook at a project; raises Temporary, or Permanent, also where it does not read back as wished."""
        request = webhooks.HookRequest(name=name, url=url, events=events, verify_tls=True, secret=secret)
        return await webhooks.create_hook(self._client, project_id, request)

    async def update_hook(self, hook_id: str, *, name: str, url: str, events: Sequence[str], secret: str) -> Hook:
        """Change a hook, its secret included; raises as ``create_hook`` does."""
        request = webhooks.HookRequest(name=name, url=url, events=events, secret=secret)
        return await webhooks.update_hook(self._client, hook_id, request)

    async def delete_hook(self, hook_id: str) -> None:
        """Take a hook away; raises Temporary or Permanent."""
        await webhooks.delete_hook(self._client, hook_id)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()
