"""Who a user id is: remembered, because one person starts many workflows."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.api.client import Client
from service.circleci.api.request import Call, NotThere
from service.circleci.api.responses import UserShape
from service.errors import Permanent
from service.model import Actor

MOST_REMEMBERED = 1_000
KNOWN_FOR = timedelta(days=1)
UNKNOWN_FOR = timedelta(minutes=10)  # a schedule starts workflows under an id that no user has, again and again


class UnknownUser(Permanent):
    """CircleCI knows no user by this id: one who has left, or its own, in whose name a schedule starts workflows."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What CircleCI said of a user: who it is, or why it will not tell."""

    until: datetime
    told: Actor | Permanent


class Users:
    """CircleCI's users by id; the least recently asked for are forgotten first."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    async def find(self, user_id: str) -> Actor:
        """The user with this id; raises UnknownUser, Permanent when CircleCI does not tell, or Temporary."""
        memory = self._memories.get(user_id)
        if memory is None or memory.until <= self._clock():
            memory = self._memories[user_id] = await self._ask(user_id)
        self._memories.move_to_end(user_id)
        if len(self._memories) > MOST_REMEMBERED:
            self._memories.popitem(last=False)

        if isinstance(memory.told, Permanent):
            raise type(memory.told)(str(memory.told))  # another each time: one that is raised grows a traceback
        return memory.told

    async def _ask(self, user_id: str) -> Memory:
        try:
            user = await self._client.ask_once(Call(template="/user/{id}", parts={"id": user_id}), UserShape)
        except NotThere as error:
            return Memory(until=self._clock() + UNKNOWN_FOR, told=UnknownUser(str(error)))
        except Permanent as error:
            return Memory(until=self._clock() + UNKNOWN_FOR, told=error)
        actor = Actor(id=user.id or user_id, login=user.login, name=user.name)
        return Memory(until=self._clock() + KNOWN_FOR, told=actor)
