"""Settings of projects, under ``projects:`` of roundsman.yaml."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

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


def _branch(written: str) -> str:
    if not written.strip() or any(one in written for one in "*?[ "):
        raise ValueError(f"{written!a} is no name of a branch; write the one that counts most, such as main")
    return written


BranchName = Annotated[str, AfterValidator(_branch)]
ProjectPattern = Annotated[str, AfterValidator(_pattern)]
Expire = Annotated[int, BeforeValidator(seconds_between("1d", "400d"))]
RerunWait = Annotated[int, BeforeValidator(seconds_between("0s", "2h"))]


class ProjectShape(Shape):
    """The settings of the projects that a pattern fits."""

    default_branch: BranchName | None = None
    expire: Expire | None = None
    rerun_wait: RerunWait | None = None
    reconcile: bool | None = None
    holds: bool | None = None


def to_project_rules(shapes: Mapping[str, ProjectShape]) -> ProjectRules:
    """Return the settings of projects, in the order of the file."""
    return ProjectRules(tuple(_to_rule(pattern, shape) for pattern, shape in shapes.items()))


def _to_rule(pattern: str, shape: ProjectShape) -> ProjectRule:
    return ProjectRule(
        pattern=pattern,
        default_branch=shape.default_branch,
        expire=_span(shape.expire),
        rerun_wait=_span(shape.rerun_wait),
        reconcile=shape.reconcile,
        holds=shape.holds,
    )


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
