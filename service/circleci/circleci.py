"""CircleCI as a source: verify and parse posts, call the API, manage hooks."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from urllib.parse import urlsplit

import httpx

from service.circleci.api import webhooks
from service.circleci.api.breaker import Log
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import CallsLeft, Client, connect
from service.circleci.api.request import TOKEN_SETTING
from service.circleci.api.step_logs import StepLogs
from service.circleci.api.test_results import TestResults
from service.circleci.api.transfer import connect_storage, is_cloud
from service.circleci.api.users import Users
from service.circleci.api.v3_presence import V3Presence
from service.circleci.details import DetailsFetcher
from service.circleci.links import web_app
from service.circleci.source import JobFilter, every_job
from service.circleci.times import now_utc
from service.circleci.usage_files import UsageFiles
from service.circleci.webhook import parser, signature
from service.errors import Permanent
from service.metrics import Metrics
from service.model import Actor, Delivery, DetailKind, Details, Event, Hook, SignatureMatch

__all__ = ["CircleCI", "Log"]


ADMIN_TOKEN_SETTING = "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
MAX_LISTED_BRANCHES = 5_000  # of one answer. Source: CircleCI API v2 reference, getAllInsightsBranches


class CircleCI:
    """One CircleCI: the cloud, or a CircleCI Server.

    secrets   those of our hooks there, newest first
    url       its address, such as https://circleci.com
    token     a personal API token; without one posts are parsed, but the API cannot be called
    admin     another one for what only an organization admin may do; None: the token does that too
    api       the version of the API: v3, v2, or auto for v3 at the cloud and v2 at a server
    log       gets a line about a refused token, and about a CircleCI that does not answer; commands pass none
    """

    name = "circleci"

    def __init__(  # noqa: PLR0913 - each is one thing that the assembly chooses
        self,
        *,
        secrets: Sequence[str],
        url: str,
        token: str | None,
        admin: str | None = None,
        metrics: Metrics,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = now_utc,
        log: Log | None = None,
        api: str = "auto",
    ) -> None:
        self._secrets = tuple(secrets)
        self.token_expires: dict[str, date] = {}
        self._metrics = metrics
        self._is_cloud = urlsplit(url).hostname == "circleci.com"  # only of the cloud we know the addresses of pages
        self._url = url
        self._clock = clock
        self._token = token
        self._connect = partial(connect, url, transport=transport)
        self._client = Client(self._connect(token), metrics=metrics, clock=clock, log=log)
        self._api = CircleCIAPI(self._client)
        self._admin = admin or token
        self._admin_client = Client(
            self._connect(self._admin),
            metrics=metrics,
            clock=clock,
            log=log,
            breaker=self._client.breaker,
            setting=_admin_setting(admin),
        )
        self._admin_api = CircleCIAPI(self._admin_client)
        self._users = Users(self._api, clock)
        self.v3 = V3Presence(is_expected=api == "v3" or (api == "auto" and is_cloud(url)), clock=clock)
        self.usage_files = UsageFiles(partial(connect_storage, transport), needs_https=is_cloud(url))
        self._of_jobs = (
            StepLogs(self._api, has_v3=self.v3.is_expected, storage=partial(connect_storage, transport)),
            TestResults(self._api, has_v3=self.v3.is_expected),
        )

    @property
    def api(self) -> CircleCIAPI:
        """The API, asked with the token that reads."""
        return self._api

    @property
    def has_v3(self) -> bool:
        """True if it has API v3, as far as that is known."""
        return self.v3.is_there

    def web_app(self, known: str | None = None) -> str | None:
        """Return the address of its web app; None if it cannot be told.

        known   the page of a workflow there, as a webhook named it
        """
        return "https://app.circleci.com" if self._is_cloud else web_app(known, self._url)

    @property
    def admin_api(self) -> CircleCIAPI:
        """The API, asked with the token of an organization admin, if there is one.

        Without one it is the API of the only token: what CircleCI asks of a token holds for all its calls.
        """
        return self._admin_api if self.has_admin else self._api

    def set_expiry(self, *, token: date | None, admin: date | None) -> None:
        """Set the days on which the tokens end, where they are told."""
        told = {TOKEN_SETTING: token, ADMIN_TOKEN_SETTING: admin if self.has_admin else None}
        self.token_expires = {setting: day for setting, day in told.items() if day}
        for setting, day in told.items():
            ends_at = datetime.combine(day, time.min, UTC).timestamp() if day else math.inf
            self._metrics.token_expires.labels(setting).set(ends_at)

    @property
    def has_admin(self) -> bool:
        """True if the token that manages is another than the one that reads."""
        return self._admin != self._token

    @property
    def clock_offset(self) -> timedelta | None:
        """The time by which CircleCI's clock is ahead of ours; None: not known."""
        known = (self._client.clock_offset, self._admin_client.clock_offset)
        return next((offset for offset in known if offset is not None), None)

    @property
    def has_room(self) -> bool:
        """True if CircleCI's limits leave enough for what a message waits for."""
        return self._client.has_room

    @property
    def has_token(self) -> bool:
        """True if there is a token that reads."""
        return self._token is not None

    @property
    def calls_left(self) -> CallsLeft | None:
        """The calls that CircleCI's limit leaves this process; None: not known."""
        return self._client.left

    def require_signature(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise BadSignature unless the headers of a post hold one v1 signature."""
        signature.read_v1_signature(headers)

    def verify(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> SignatureMatch:
        """Return the secret that signed the post; raise BadSignature if none did."""
        return signature.verify(headers, body, self._secrets)

    def replace_credentials(self, *, secrets: Sequence[str], token: str | None, admin: str | None = None) -> None:
        """Replace the secrets and the tokens; if it raises BadConfig, nothing has changed."""
        reading = self._connect(token) if token != self._token else None
        managing = self._connect(admin or token) if (admin or token) != self._admin else None
        if token != self._token:
            self._client.use_connections(reading)
            self._token = token
            self._metrics.token_refused.labels(TOKEN_SETTING).set(0)
        if (admin or token) != self._admin:
            self._admin_client.use_connections(managing)
            self._admin = admin or token
            self._metrics.token_refused.labels(ADMIN_TOKEN_SETTING).set(0)
        self._admin_client.setting = _admin_setting(admin)
        self._secrets = tuple(secrets)

    def identify(self, body: bytes) -> str:
        """Return CircleCI's own id of the event, or one made from the body. Never raises."""
        return parser.identify(body)

    def find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that a post names, or None. Never raises."""
        return parser.find_hook(body)

    def kept_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
        """Return the headers to store with the delivery."""
        return parser.kept_headers(headers)

    def parse(self, delivery: Delivery) -> Event:
        """Return the event in a delivery; raise Permanent if it is not understood."""
        return parser.parse(delivery, links=self._is_cloud)

    async def enrich(
        self, event: Event, wants: frozenset[DetailKind], known: Details | None, *, passes_of: JobFilter = every_job
    ) -> Details:
        """Return the ``known`` details with the wanted ones added.

        passes_of   returns whether the test results of a job that passed are wanted, by its name

        Raises no error of CircleCI's: the details that could not be had are in ``missing``.
        """
        fetcher = DetailsFetcher(self._api, self._users, event, known or Details(), of_jobs=self._of_jobs)
        return await fetcher.fetch(wants, self._clock(), passes_of=passes_of)

    async def me(self) -> Actor:
        """Return the owner of the token; raises Temporary or Permanent."""
        user = await self._api.me()
        if user.id is None:
            raise Permanent("CircleCI does not say whose API token this is; check ROUNDSMAN_CIRCLECI_URL")
        return Actor(id=user.id, login=user.login, name=user.name)

    async def project_id(self, slug: str) -> str:
        """Return a project's id, by which its hooks are listed.

        Raises Temporary or Permanent.
        """
        project = await self.admin_api.project(slug)
        if project.id is None:
            raise Permanent(f"CircleCI does not say the id of project {slug}")
        return project.id

    async def default_branch(self, slug: str) -> str | None:
        """Return the default branch of a project; raises Temporary or Permanent."""
        return (await self._api.project(slug)).vcs_info.default_branch

    async def branches(self, slug: str) -> frozenset[str]:
        """Return the branches of a project; none if there are too many to list all.

        Raises Temporary or Permanent.
        """
        found = frozenset((await self._api.branches(slug)).branches)
        return found if len(found) < MAX_LISTED_BRANCHES else frozenset()

    async def list_hooks(self, project_id: str) -> list[Hook]:
        """Return the hooks of a project; raises Temporary or Permanent."""
        return await webhooks.list_hooks(self.admin_api, project_id)

    async def create_hook(self, project_id: str, *, name: str, url: str, events: Sequence[str], secret: str) -> Hook:
        """Create a hook at a project.

        Raises Temporary or Permanent; Permanent also if the hook that CircleCI answers differs from the request.
        """
        request = webhooks.HookRequest(name=name, url=url, events=events, verify_tls=True, secret=secret)
        return await webhooks.create_hook(self.admin_api, project_id, request)

    async def update_hook(self, hook_id: str, *, name: str, url: str, events: Sequence[str], secret: str) -> Hook:
        """Change a hook, its secret included; raises as ``create_hook`` does."""
        request = webhooks.HookRequest(name=name, url=url, events=events, secret=secret)
        return await webhooks.update_hook(self.admin_api, hook_id, request)

    async def delete_hook(self, hook_id: str) -> None:
        """Delete a hook; raises Temporary or Permanent."""
        await webhooks.delete_hook(self.admin_api, hook_id)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        await self._admin_client.close()


def _admin_setting(admin: str | None) -> str:
    """Return the variable of the token that manages."""
    return ADMIN_TOKEN_SETTING if admin else TOKEN_SETTING
