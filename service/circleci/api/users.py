"""CircleCI's users by id: cached, because one person starts many workflows."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointNotFound
from service.errors import Permanent
from service.model import Actor

MAX_CACHED_USERS = 1_000
KNOWN_USER_TTL = timedelta(days=1)
UNKNOWN_USER_TTL = timedelta(minutes=10)  # a schedule starts workflows under an id that no user has, again and again


class UnknownUser(Permanent):
    """CircleCI has no user with this id.

    The user has left, or it is CircleCI's own user, which starts scheduled workflows.
    """


@dataclass(frozen=True, kw_only=True)
class CachedUser:
    """CircleCI's answer about a user: the actor, or the error to raise."""

    until: datetime
    result: Actor | Permanent


class Users:
    """A cache of CircleCI's users by id; the least recently used are dropped first."""

    def __init__(self, api: CircleCIAPI, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._clock = clock
        self._cache: OrderedDict[str, CachedUser] = OrderedDict()

    async def find(self, user_id: str) -> Actor:
        """Return the user with this id.

        Raises UnknownUser, Permanent when CircleCI refuses to answer, or Temporary.
        """
        cached = self._cache.get(user_id)
        if cached is None or cached.until <= self._clock():
            cached = self._cache[user_id] = await self._ask(user_id)
        self._cache.move_to_end(user_id)
        if len(self._cache) > MAX_CACHED_USERS:
            self._cache.popitem(last=False)

        if isinstance(cached.result, Permanent):
            raise type(cached.result)(str(cached.result))  # a new one each time: each raise adds to its traceback
        return cached.result

    async def _ask(self, user_id: str) -> CachedUser:
        try:
            user = await self._api.user(user_id)
        except EndpointNotFound as error:
            return CachedUser(until=self._clock() + UNKNOWN_USER_TTL, result=UnknownUser(str(error)))
        except Permanent as error:
            return CachedUser(until=self._clock() + UNKNOWN_USER_TTL, result=error)
        actor = Actor(id=user.id or user_id, login=user.login, name=user.name)
        return CachedUser(until=self._clock() + KNOWN_USER_TTL, result=actor)
