"""Reminders and escalation of incidents: ``repeat:`` and ``escalate:``."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from service.config.durations import seconds_between
from service.config.shapes import Shape, receiver_name
from service.model import Escalation

Repeat = Annotated[int, BeforeValidator(seconds_between("5m", "30d"))]
After = Annotated[int, BeforeValidator(seconds_between("1m", "30d"))]


class EscalateShape(Shape):
    """Others who hear of an incident that no one has taken for long."""

    after: After
    receiver: Annotated[str, AfterValidator(receiver_name)]


def to_escalation(shape: EscalateShape | None) -> Escalation | None:
    """Return the escalation of a route; None without any."""
    return Escalation(after_s=shape.after, receiver=shape.receiver) if shape else None
