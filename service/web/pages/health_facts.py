"""Facts of health that this process alone knows, and its test messages."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from service.channels import AppriseChannels
from service.circleci.circleci import CircleCI
from service.config.configuration import Config
from service.errors import BadRequest, Permanent, Temporary
from service.health import Readiness
from service.health.cached import Cached
from service.model import Actor
from service.operations.checks.receiver_test import ChannelTest, send_test
from service.operations.health.health_page import HealthSetting, read_setting
from service.operations.json_shapes import Json, rfc3339

OWNER_KEPT_S = 60.0  # for which whose token it is is not asked again
OWNER_WITHIN_S = 2.0
NOT_ANSWERED = "CircleCI has not answered yet: reload the page in a moment"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class HealthParts:
    """The parts of the process that are asked; None: there is none, as in a test."""

    readiness: Readiness | None = None
    source: object = None
    notifier: object = None


class HealthFacts:
    """The setting, the checks of readiness, the token's owner, and test messages."""

    def __init__(self, setting: HealthSetting | None = None, parts: HealthParts | None = None) -> None:
        self.setting = setting or HealthSetting()
        self._parts = parts or HealthParts()
        self._owner = Cached(self._ask_owner, cache_for_s=OWNER_KEPT_S)
        self._testing: set[str] = set()

    def reload(self, config: Config) -> None:
        """Apply a reloaded configuration; a new token's owner is asked for anew."""
        self.setting = read_setting(config)
        self._owner = Cached(self._ask_owner, cache_for_s=OWNER_KEPT_S)

    async def read(self) -> Json:
        """Return ``checks``, ``owner``, ``token_problem`` and the ``calls`` that are left."""
        return {"checks": await self._checks(), **await self._token(), "calls": self._calls()}

    async def _checks(self) -> list[Json]:
        readiness = self._parts.readiness
        if readiness is None:
            return []
        names = list(readiness.names)
        results = await asyncio.gather(*(readiness.check(name) for name in names))
        return [
            {"name": name, "ok": one.is_ok, "sentence": one.sentence} for name, one in zip(names, results, strict=True)
        ]

    async def _token(self) -> Json:
        if not self.setting.has_token or not isinstance(self._parts.source, CircleCI):
            return {"owner": None, "token_problem": None}
        try:
            async with asyncio.timeout(OWNER_WITHIN_S):
                actor = await self._owner()
        except TimeoutError:
            return {"owner": None, "token_problem": NOT_ANSWERED}
        except (Temporary, Permanent) as error:
            return {"owner": None, "token_problem": str(error)}
        return {"owner": actor.login or actor.name, "token_problem": None}

    async def _ask_owner(self) -> Actor:
        if not isinstance(self._parts.source, CircleCI):
            raise Permanent("there is no CircleCI to ask")
        return await self._parts.source.me()

    def _calls(self) -> Json | None:
        left = self._parts.source.calls_left if isinstance(self._parts.source, CircleCI) else None
        return None if left is None else {"left": left.left, "limit": left.most, "at": rfc3339(left.at)}

    async def send_test(self, receiver: str, *, who: str) -> Sequence[ChannelTest]:
        """Send one test message to each channel of a receiver, and return the answers.

        Raises BadRequest for an unknown receiver, and while a test of it is under way.
        """
        if not isinstance(self._parts.notifier, AppriseChannels):
            raise BadRequest("this process sends no messages: run `roundsman receivers test`", status=409)
        if receiver in self._testing:
            raise BadRequest("a test of this receiver is under way: wait for its answer", status=409)
        self._testing.add(receiver)
        try:
            answers = await send_test(self.setting.receivers, receiver, self._parts.notifier)
        finally:
            self._testing.discard(receiver)
        accepted = sum(one.accepted for one in answers)
        log.info("test messages", receiver=receiver, who=who, channels=len(answers), accepted=accepted)
        return answers
