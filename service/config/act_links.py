"""Links in messages that act at CircleCI: ``act_links:`` of routes."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from service.config.durations import seconds_between
from service.config.settings import Settings, variable
from service.model import Route

ActLinksFor = Annotated[int, BeforeValidator(seconds_between("5m", "7d"))]


def missing_links(settings: Settings, routes: Sequence[Route]) -> Iterator[str]:
    """Yield a sentence about each setting that the links of messages lack."""
    asking = [route.name for route in routes if route.act_links_s is not None]
    if not asking:
        return
    begin = f"act_links of route {asking[0]} does nothing:"
    if settings.public_url is None:
        yield f"{begin} a link needs our address; set {variable('public_url')}"
    if settings.circleci_token is None and settings.circleci_admin_token is None:
        yield f"{begin} there is no CircleCI to ask; set {variable('circleci_token')}"
    if settings.is_shared and settings.admin_token is None:
        yield f"{begin} links are signed with {variable('admin_token')}; set it for workers too"
