"""The endpoints for feeds, badges and build monitors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Event
from service.operations import queries
from service.operations.incidents.incidents import require_known
from service.operations.overviews import status
from service.operations.overviews.badges import read_badge
from service.store.events.filters import Search
from service.store.runs.same_names import definitions_of
from service.store.runs.tracks import StoredTrack
from service.web.auth.access import Access
from service.web.auth.signed_addresses import PARAMETER
from service.web.feeds import atom, badge, cctray
from service.web.feeds.badge import Badge
from service.web.feeds.cached import cached_response
from service.web.pages import build_addresses, builds
from service.web.parameters import checked_params, single_valued_params

MAX_ENTRIES = 50
CCTRAY_PARAMETERS = ("project", "branch", "workflow")
BADGE_PARAMETERS = ("branch",)


@dataclass(frozen=True, kw_only=True)
class Feeds:
    """The endpoints that readers poll; each needs a session, a token or its own key.

    address   ours, for links
    """

    store: Store
    access: Access
    clock: Callable[[], datetime]
    address: str

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/feed.atom", self.atom),
            Route("/cctray.xml", self.cctray),
            Route("/badge/{name:path}.svg", self.badge_picture),
            Route("/badge/{name:path}.json", self.badge_json),
        ]

    async def atom(self, request: Request) -> Response:
        """Return builds as an Atom feed; the filters are those of the builds page."""
        await self.access.require_reader(request)
        unknown = {name for name, _ in checked_params(request.query_params)} - {*queries.SEARCHABLE, PARAMETER}
        if unknown:
            raise BadRequest(f"{min(unknown)!a} means nothing here; there are {', '.join(queries.SEARCHABLE)}")
        filters = build_addresses.read_filters(request.query_params)
        events = await self.store.snapshot(_newest, builds.to_search(filters, self.clock()))
        own = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        body = atom.render_atom(events, site=self.address, own=own, page=build_addresses.address(filters))
        return cached_response(request, body, media_type=atom.MEDIA_TYPE)

    async def cctray(self, request: Request) -> Response:
        """Return the states of workflows as cctray.xml: of default branches, or as asked."""
        await self.access.require_reader(request)
        asked = _single_valued(request, CCTRAY_PARAMETERS)
        names = status.Asked(**{name: value or None for name, value in asked.items()})
        tracks, definitions = await self.store.snapshot(_tracks, names, self.clock())
        body = cctray.render_cctray(tracks, definitions, site=self.address)
        return cached_response(request, body, media_type=cctray.MEDIA_TYPE)

    async def badge_picture(self, request: Request) -> Response:
        """Return the state of PROJECT or PROJECT/WORKFLOW as a badge."""
        body = badge.render_svg(await self._badge(request))
        return cached_response(request, body, media_type=badge.MEDIA_TYPE)

    async def badge_json(self, request: Request) -> Response:
        """Return the same in the form that shields.io's endpoint badge reads."""
        shape = JSONResponse(badge.shields_json(await self._badge(request)))
        return cached_response(request, bytes(shape.body), media_type="application/json")

    async def _badge(self, request: Request) -> Badge:
        await self.access.require_reader(request)
        branch = _single_valued(request, BADGE_PARAMETERS).get("branch") or None
        label, state = await self.store.snapshot(read_badge, request.path_params["name"], branch, self.clock())
        return Badge(label=label, state=state)


def _newest(transaction: Transaction, search: Search) -> list[Event]:
    return list(queries.find_events(transaction, search, limit=MAX_ENTRIES, cursor=None).items)


def _tracks(
    transaction: Transaction, asked: status.Asked, now: datetime
) -> tuple[list[StoredTrack], Mapping[int, str]]:
    """Return the tracks that count, and the definitions that tell some of them apart."""
    tracks = status.counting_tracks(transaction, asked, now)
    return tracks, definitions_of(transaction, [one.track.id for one in tracks])


def _single_valued(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters without the key. Raises BadRequest for an unknown one."""
    asked = single_valued_params(request.query_params)
    asked.pop(PARAMETER, None)
    require_known(asked, known, "means nothing here")
    return asked
