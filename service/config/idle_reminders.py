"""Reminders and escalations of routes that are told of no red branch."""

from collections.abc import Iterator

from service.config.impossible import STATUSES, fitting
from service.config.yaml_document import Document
from service.model import Color, EventKind, Route, Transition, color_of


def idle_reminders(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a sentence about each reminder and escalation that never comes."""
    for position, route in enumerate(routes):
        asked = {"repeat": route.repeat_s is not None, "escalate": route.escalation is not None}
        for key in [] if _hears_red_branches(route) else [key for key, is_set in asked.items() if is_set]:
            claim = "does nothing: its route is told of no branch that is red; match such runs, or remove it"
            yield document.problem(("routes", position, key), claim)


def _hears_red_branches(route: Route) -> bool:
    by_key = {matcher.key: matcher for matcher in route.matchers}
    if route.escalation is None and "event" in by_key and fitting(by_key["event"], (EventKind.WORKFLOW_HELD,)):
        return True
    is_of_workflows = "event" not in by_key or fitting(by_key["event"], (EventKind.WORKFLOW_COMPLETED,))
    has_branch = "tag" not in by_key or not by_key["tag"].patterns
    statuses = [status for status in fitting(by_key.get("status"), STATUSES) if color_of(status) is Color.RED]
    transitions = fitting(by_key.get("transition"), (Transition.BROKE, Transition.STILL_BROKEN))
    return bool(is_of_workflows and has_branch and statuses and transitions)
