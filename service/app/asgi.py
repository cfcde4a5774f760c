"""The ASGI apps: routes, middlewares and the answers to errors, put together."""

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route

from service.errors import RoundsmanError
from service.metrics import Metrics
from service.operations.hook_addresses import HOOK_PATH
from service.web.api import Api
from service.web.clean_text import CleanTextMiddleware
from service.web.errors import ErrorHandler, html_or_json_error, json_error
from service.web.misrouted_webhooks import record_misrouted_webhooks
from service.web.pages.pages import Pages
from service.web.private_responses import PrivateResponseMiddleware
from service.web.request_log import RequestLogMiddleware
from service.web.webhook import WebhookEndpoint


def health_app(api: Api) -> Starlette:
    """Return the app of a worker, which has only health endpoints."""
    return _starlette(api.health_routes(), api.metrics, json_error)


def receiving_app(api: Api, webhook: WebhookEndpoint, pages: Pages, *, max_body_bytes: int) -> Starlette:
    """Return the app of a process that receives webhooks and shows pages."""
    receive = partial(webhook.receive, max_body_bytes=max_body_bytes)
    hook = Route(HOOK_PATH, receive, methods=["POST"])
    # CircleCI follows no redirect: a URL with a slash at its end must not lose every webhook
    slashed = Route(f"{HOOK_PATH}/", receive, methods=["POST"], include_in_schema=False)
    answer = record_misrouted_webhooks(html_or_json_error(pages), webhook.refusals, clock=webhook.clock)
    return _starlette([hook, slashed, *api.routes(), *pages.routes()], api.metrics, answer)


def _starlette(routes: Sequence[BaseRoute], metrics: Metrics, answer: ErrorHandler) -> Starlette:
    handlers = dict.fromkeys((RoundsmanError, HTTPException, ClientDisconnect, 500), answer)
    middleware = [
        Middleware(RequestLogMiddleware, metrics=metrics),
        Middleware(PrivateResponseMiddleware),
        Middleware(CleanTextMiddleware),
    ]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    app.router.redirect_slashes = False  # a redirect would use the Host header, which may name any host
    return app
