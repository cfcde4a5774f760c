"""The ASGI apps: routes, middlewares and the answers to errors, put together."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from service.errors import RoundsmanError
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.web.api import Api
from service.web.clean_text import CleanTextMiddleware
from service.web.errors import ErrorHandler, html_or_json_error, json_error
from service.web.hook_app import HookApp
from service.web.misrouted_webhooks import record_misrouted_webhooks
from service.web.pages.pages import Pages
from service.web.private_responses import PrivateResponseMiddleware
from service.web.request_log import RequestLog, RequestLogMiddleware
from service.web.webhook import WebhookEndpoint


class App(Starlette):
    """An app that hands some requests to their endpoint ahead of all middleware.

    short_routes   routes whose endpoints do themselves what the middlewares do
    """

    def __init__(
        self, routes: Sequence[BaseRoute], log: RequestLog, answer: ErrorHandler, *, short_routes: Sequence[Route] = ()
    ) -> None:
        middleware = [
            Middleware(RequestLogMiddleware, log=log),
            Middleware(PrivateResponseMiddleware),
            Middleware(CleanTextMiddleware),
        ]
        handlers = dict.fromkeys((RoundsmanError, HTTPException, ClientDisconnect, 500), answer)
        super().__init__(routes=[*short_routes, *routes], middleware=middleware, exception_handlers=handlers)
        self.router.redirect_slashes = False  # a redirect would use the Host header, which may name any host
        self._short_routes = short_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = next((route for route in self._short_routes if route.matches(scope)[0] is Match.FULL), None)
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope["route"] = route
        await route.app(scope, receive, send)


def health_app(api: Api) -> Starlette:
    """Return the app of a worker, which has only health endpoints."""
    return App(api.health_routes(), RequestLog(api.metrics), json_error)


def receiving_app(
    api: Api, webhook: WebhookEndpoint, pages: Pages, others: Sequence[BaseRoute], *, max_body_bytes: int
) -> Starlette:
    """Return the app of a process that receives webhooks and shows pages.

    others   the routes that are neither of the API nor pages: feeds, and the stream of changes
    """
    log = RequestLog(api.metrics)
    receive = HookApp(webhook, log, json_error, max_body_bytes=max_body_bytes)
    hook = Route(HOOK_PATH, receive, methods=["POST"])
    # CircleCI follows no redirect: a URL with a slash at its end must not lose every webhook
    slashed = Route(f"{HOOK_PATH}/", receive, methods=["POST"], include_in_schema=False)
    answer = record_misrouted_webhooks(html_or_json_error(pages), webhook.refusals, clock=webhook.clock)
    return App([*api.routes(), *others, *pages.routes()], log, answer, short_routes=[hook, slashed])
