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
from service.web.request_body import BodyReader


def other_routes(
    settings: Settings, context: Context, access: Access, changes: Changes, *, assistants: Assistants | None
) -> list[BaseRoute]:
    """Return these routes; those for assistants and for spans only if switched on."""
    feeds = Feeds(store=context.store, access=access, clock=context.clock, address=settings.address)
    live = LiveEndpoint(access=access, changes=changes)
    of_spans = _span_receiver(settings.otlp_token, context).routes() if settings.otlp_token else ()
    return [*feeds.routes(), *live.routes(), *of_spans, *(assistants.routes() if assistants else ())]


def _span_receiver(token: str, context: Context) -> SpanReceiver:
    return SpanReceiver(
        token=token,
        store=context.store,
        metrics=context.metrics,
        clock=context.clock,
        body_reader=BodyReader(),
    )
