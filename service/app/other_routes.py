"""The routes beside API and pages: feeds, the stream of changes, spans."""

from starlette.routing import BaseRoute

from service.app.assistants import Assistants
from service.config.settings import Settings
from service.pipeline.context import Context
from service.web.auth.access import Access
from service.web.feeds.feeds import Feeds
from service.web.live.changes import Changes
from service.web.live.endpoint import LiveEndpoint
from service.web.otlp.receiver import SpanReceiver
from service.web.otlp.tokens import SpanTokens
from service.web.request_body import BodyReader


def other_routes(
    settings: Settings, context: Context, access: Access, changes: Changes, *, assistants: Assistants | None
) -> list[BaseRoute]:
    """Return these routes but for spans; those for assistants only if switched on."""
    feeds = Feeds(store=context.store, access=access, clock=context.clock, address=settings.address)
    live = LiveEndpoint(access=access, changes=changes)
    return [*feeds.routes(), *live.routes(), *(assistants.routes() if assistants else ())]


def span_routes(tokens: SpanTokens, context: Context) -> list[BaseRoute]:
    """Return the routes of the receiver of spans; none without a token."""
    if not tokens.are_there:
        return []
    receiver = SpanReceiver(
        tokens=tokens,
        store=context.store,
        metrics=context.metrics,
        clock=context.clock,
        body_reader=BodyReader(),
    )
    return [*receiver.routes()]
