"""Acts on builds that a request asks for, by page or API."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointNotFound
from service.circleci.circleci import CircleCI
from service.errors import BadRequest, NotFound, Permanent
from service.message.act_links import ActLinks

T = TypeVar("T")
NO_CIRCLECI = "there is no CircleCI to ask: set ROUNDSMAN_CIRCLECI_TOKEN"


@dataclass(frozen=True, kw_only=True)
class ActingSource:
    """The source that acts are asked of; None: there is none, as in a test.

    links   those in messages that act; None: there are none
    """

    source: object = None
    links: ActLinks | None = None

    @property
    def api(self) -> CircleCIAPI:
        """The API with the token that manages. Raises BadRequest."""
        if not isinstance(self.source, CircleCI):
            raise BadRequest(NO_CIRCLECI, status=409)
        return self.source.admin_api


async def as_refusal(asked: Awaitable[T]) -> T:
    """Return the answer; raise NotFound or BadRequest for what CircleCI refuses.

    Then nothing was asked for: an act looks first.
    """
    try:
        return await asked
    except EndpointNotFound as error:
        raise NotFound(str(error)) from error
    except Permanent as error:
        raise BadRequest(str(error), status=409) from error
