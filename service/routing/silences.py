"""The silence that fits an event. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from service.model import Event, Matcher, Silence, SilenceState
from service.routing.decide import fits
from service.routing.match_key import Fact
from service.routing.match_keys import read_facts


def find_silence(event: Event, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """Return the active silence that fits an event and ends last; None without one."""
    active = [silence for silence in silences if silence.state(now) is SilenceState.ACTIVE]
    if not active:
        return None
    facts = read_facts(event)
    fitting = (silence for silence in active if fit_all(silence.matchers, facts))
    return max(fitting, key=lambda silence: (silence.ends_at, silence.id), default=None)


def fit_all(matchers: Iterable[Matcher], facts: Mapping[str, Fact]) -> bool:
    """Return whether all matchers fit; without ``event``, jobs and workflows do."""
    return all(fits(matcher, facts[matcher.key]) for matcher in matchers)


def silence_reason(silence: Silence) -> str:
    """Return the reason why a message is not sent, for the record."""
    return (
        f"silenced until {silence.ends_at:%Y-%m-%d %H:%M} UTC by {silence.who}: {silence.comment} "
        f"(silence {str(silence.id)[:8]})"
    )
