"""Who a user id is: remembered, because one person starts many workflows."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.api.client import Client
from service.circleci.api.request import Call, EndpointNotFound
from service.circleci.api.responses import UserShape
from service.errors import Permanent
from service.model import Actor

MAX_CACHED_USERS = 1_000
KNOWN_USER_TTL = timedelta(days=1)
UNKNOWN_USER_TTL = timedelta(minutes=10)  # a schedule starts workflows under an id that no user has, again and again


class UnknownUser(Permanent):
    """CircleCI knows no user by this id: one who has left, or its own, in whose name a schedule starts workflows."""


@dataclass(frozen=True, kw_only=True)
class CachedUser:
    """What CircleCI said of a user: who it is, or why it will not tell."""

    until: datetime
    result: Actor | Permanent


class Users:
    """CircleCI's users by id; the least recently asked for are forgotten first."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._cache: OrderedDict[str, CachedUser] = OrderedDict()

    async def find(self, user_id: str) -> Actor:
        """The user with this id; raises UnknownUser, Permanent when CircleCI does not tell, or Temporary."""
        cached = self._cache.get(user_id)
        if cached is None or cached.until <= self._clock():
            cached = self._cache[user_id] = await self._ask(user_id)
        self._cache.move_to_end(user_id)
        if len(self._cache) > MAX_CACHED_USERS:
            self._cache.popitem(last=False)

        if isinstance(cached.result, Permanent):
            raise type(cached.result)(str(cached.result))  # another each time: one that is raised grows a traceback
        return cached.result

    async def _ask(self, user_id: str) -> CachedUser:
        try:
            user = await self._client.ask_once(Call(template="/user/{id}", parts={"id": user_id}), UserShape)
        except EndpointNotFound as error:
            return CachedUser(until=self._clock() + UNKNOWN_USER_TTL, result=UnknownUser(str(error)))
        except Permanent as error:
            return CachedUser(until=self._clock() + UNKNOWN_USER_TTL, result=error)
        actor = Actor(id=user.id or user_id, login=user.login, name=user.name)
        return CachedUser(until=self._clock() + KNOWN_USER_TTL, result=actor)
