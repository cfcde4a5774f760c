"""Limits on credits, under ``budgets:`` of roundsman.yaml."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from service.config.projects import ProjectPattern
from service.config.shapes import Shape
from service.model import Budget

MAX_CREDITS = 1_000_000_000_000


class BudgetShape(Shape):
    """A limit on the credits of projects in a time."""

    project: ProjectPattern
    credits: Annotated[int, Field(ge=1, le=MAX_CREDITS)]
    per: Literal["month"] = "month"


def to_budgets(shapes: Iterable[BudgetShape]) -> tuple[Budget, ...]:
    """Return the budgets of the file."""
    return tuple(Budget(project=shape.project, credits=shape.credits) for shape in shapes)
