"""Settings of projects, under ``projects:`` of roundsman.yaml."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from service.config.durations import seconds_between
from service.config.shapes import Shape
from service.model import ProjectRule
from service.routing.patterns import has_closed_brackets
from service.routing.projects import ProjectRules


def _pattern(written: str) -> str:
    if not written.strip():
        raise ValueError("is an empty pattern; write a project's slug, such as gh/acme/web, or gh/acme/*")
    if written.startswith("!"):
        raise ValueError(f"{written} excludes, and settings are of projects that a pattern fits; leave out the !")
    if not has_closed_brackets(written):
        raise ValueError(f"{written} opens a [ that no ] closes; write [[] for the plain character")
    return written


ProjectPattern = Annotated[str, AfterValidator(_pattern)]
RerunWait = Annotated[int, BeforeValidator(seconds_between("0s", "2h"))]


class ProjectShape(Shape):
    """The settings of the projects that a pattern fits."""

    rerun_wait: RerunWait | None = Field(
        default=None,
        description="the time for which news of a failed run wait for CircleCI's automatic rerun, up to `2h`; `0`: "
        "not at all. By default the workflow's usual duration and 2 minutes, within 5 and 30 minutes",
    )


def to_project_rules(shapes: Mapping[str, ProjectShape]) -> ProjectRules:
    """Return the settings of projects, in the order of the file."""
    return ProjectRules(tuple(_to_rule(pattern, shape) for pattern, shape in shapes.items()))


def _to_rule(pattern: str, shape: ProjectShape) -> ProjectRule:
    return ProjectRule(pattern=pattern, rerun_wait=_span(shape.rerun_wait))


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
