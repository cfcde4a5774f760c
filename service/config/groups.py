"""Groups of news that are told in one message: ``group:``."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from service.config.addresses import not_empty
from service.config.durations import seconds_between
from service.config.shapes import Shape, suggest
from service.model import Group
from service.routing.groups import GROUPED_BY

DEFAULT_WAIT_S = 20


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else not_empty(value)


def _fact(written: str) -> str:
    if written not in GROUPED_BY:
        raise ValueError(f"{written} is nothing to group by; {suggest(written, GROUPED_BY)}")
    return written


class GroupShape(Shape):
    """The facts that news of one message share, and the wait of the first one."""

    by: Annotated[tuple[Annotated[str, AfterValidator(_fact)], ...], BeforeValidator(_as_list)]
    wait: Annotated[int, BeforeValidator(seconds_between("1s", "10m"))] = DEFAULT_WAIT_S


def to_group(shape: GroupShape | None) -> Group | None:
    """Return the group of a route; None without any."""
    return Group(by=tuple(dict.fromkeys(shape.by)), wait_s=shape.wait) if shape else None
