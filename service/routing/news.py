"""The news in an event for a channel, and its key. Pure."""

from hashlib import sha256

from service.model import Color, Event, News, Route, RunState, Transition
from service.routing.decide import hears_ends

MAX_KEY_BYTES = 2_600  # of the 2,704 of an entry of a Postgres index, which holds a channel's key beside it


def news_key(event: Event) -> str:
    """Return the key of the news in an event: its job or workflow, and the status.

    Canceling a workflow with N jobs posts N+1 ``workflow-completed`` events with one status: one piece of news. The key
    is part of an index: one that is longer than any real one is hashed.
    """
    if event.job is not None:
        return _indexable(f"job:{event.job.id or event.source_event_id}:{event.status}")
    return _indexable(f"workflow:{event.workflow.id or event.source_event_id}:{event.status}")


COLORS = {News.BROKE: Color.RED, News.STILL_BROKEN: Color.RED, News.FIXED: Color.GREEN, News.PASSED: Color.GREEN}
"""The color that a channel knows of once it was told these news."""
REMINDERS = frozenset({News.REMINDER, News.ESCALATION})


def news_of(route: Route, run: RunState, *, known: Color | None, others_know_red: bool) -> News | None:
    """Return the news in a run for a channel; None if it is no news there.

    route            hears of it, and follows changes
    known            the color of the track that the channel was told last, also of news under way
    others_know_red  another channel was told that the track is red

    A channel hears that it broke if it does not know that it is red, and that it was fixed if it does. What it knows of
    an earlier break counts only if its route would have told it of the end.
    """
    match run.transition:
        case Transition.BROKE | Transition.STILL_BROKEN if known is not Color.RED:
            return News.BROKE
        case Transition.BROKE if not hears_ends(route):
            return News.BROKE
        case Transition.STILL_BROKEN if _names(route, Transition.STILL_BROKEN):
            return News.STILL_BROKEN
        case Transition.FIXED if known is Color.RED or (others_know_red and asks_for_ends(route)):
            return News.FIXED
        case Transition.PASSED:
            return News.FIXED if known is Color.RED and hears_ends(route) else News.PASSED
        case _:
            return None


def _names(route: Route, transition: Transition) -> bool:
    """Return whether a route names a transition, and not by a pattern that fits all."""
    return any(matcher.key == "transition" and transition in matcher.patterns for matcher in route.matchers)


def asks_for_ends(route: Route) -> bool:
    """Return whether a route asks what was fixed of that which others were told."""
    return _names(route, Transition.FIXED) and not _names(route, Transition.BROKE)


def _indexable(text: str) -> str:
    spelled = text.encode(errors="replace")
    return text if len(spelled) <= MAX_KEY_BYTES else f"sha256:{sha256(spelled).hexdigest()}"
