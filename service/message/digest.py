"""The contents of a digest: what broke, was fixed, is red, is flaky and slow."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from service.message.status_text import age
from service.model import Closing, Color, Event, Incident, Transition

MAX_LINES = 10
MIN_RUNS = 3  # of a workflow that is named as slow


@dataclass(kw_only=True)
class DigestFacts:
    """The runs of a time. Grey ones count neither as green nor as red."""

    runs: list[Event] = field(default_factory=list)
    green_before: int = 0
    red_before: int = 0
    red_now: Sequence[tuple[Event, Incident]] = ()
    closed: Mapping[UUID, Incident] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True if nothing was red, and nothing is."""
        return not self.red_now and not any(_is(event, Color.RED) for event in self.runs)

    def with_transition(self, transition: Transition) -> list[Event]:
        """Return the runs with a transition, oldest first."""
        return [event for event in reversed(self.runs) if event.run and event.run.transition is transition]


def _is(event: Event, color: Color) -> bool:
    return event.run is not None and event.run.color is color


def digest_lines(facts: DigestFacts, now: datetime, timezone: str) -> list[str]:
    """Return the paragraphs of a digest."""
    zone = ZoneInfo(timezone)
    return [
        _rate(facts),
        *_section("Red now", [_red_line(event, incident, now, zone) for event, incident in facts.red_now]),
        *_section("Broke", [_place(event) for event in facts.with_transition(Transition.BROKE)]),
        *_section("Fixed", [_fixed_line(event) for event in facts.with_transition(Transition.FIXED)]),
        *_section("Flaky: green after a rerun of the same commit", list(_flaky_lines(facts))),
        *_section("Slowest", list(_slow_lines(facts))),
    ]


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines)}"
        yield from (f"- {line}" for line in lines[:MAX_LINES])
    if len(lines) > MAX_LINES:
        yield f"and {len(lines) - MAX_LINES} more"


def _rate(facts: DigestFacts) -> str:
    green, red = (sum(_is(event, color) for event in facts.runs) for color in (Color.GREEN, Color.RED))
    now, before = _percent(green, red), _percent(facts.green_before, facts.red_before)
    if now is None:
        return "No run was green or red."
    compared = f", {before} % the time before" if before is not None else ""
    return f"{now} % of {green + red} runs were green{compared}."


def _percent(green: int, red: int) -> int | None:
    """Return the share of green runs; never 100 if one was red."""
    return green * 100 // (green + red) if green + red else None


def _place(event: Event) -> str:
    where = f"tag {event.tag}" if event.tag else event.branch
    return f"{event.project_name or 'a project'} {where or ''}: {event.workflow.name or 'a workflow'}".replace(
        " :", ":"
    )


def _red_line(event: Event, incident: Incident, now: datetime, zone: ZoneInfo) -> str:
    since = incident.opened_at.astimezone(zone)
    taken = f", {incident.taken.by} has it" if incident.taken else ", not taken"
    runs = f"{incident.streak} run{'' if incident.streak == 1 else 's'}"
    return f"{_place(event)}, since {since:%a %d %b %H:%M} ({age(now - incident.opened_at)}, {runs}){taken}"


def _fixed_line(event: Event) -> str:
    since = event.run.since if event.run else None
    return f"{_place(event)} after {age(event.happened_at - since)}" if since else _place(event)


def _flaky_lines(facts: DigestFacts) -> Iterator[str]:
    """Yield the workflows of which reruns turned green, more often than once.

    A single one may be chance.
    """
    counts: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    links: dict[str, str] = {}
    for event in reversed(facts.runs):
        runs[_place(event)] += 1
        if _is(event, Color.RED) and event.workflow.url:
            links[_place(event)] = event.workflow.url
        incident = facts.closed.get(event.run.incident_id) if event.run and event.run.incident_id else None
        if event.run and event.run.transition is Transition.FIXED and incident:
            counts[_place(event)] += incident.closed_because is Closing.RERUN
    for place, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        if count > 1:
            link = f", the last failure: {links[place]}" if place in links else ""
            yield f"{place}, {count} of {runs[place]} runs{link}"


def _slow_lines(facts: DigestFacts) -> Iterator[str]:
    durations: dict[str, list[int]] = defaultdict(list)
    for event in facts.runs:
        if _is(event, Color.GREEN) and event.duration_ms is not None:
            durations[_place(event)].append(event.duration_ms)
    medians = {place: median(taken) for place, taken in durations.items() if len(taken) >= MIN_RUNS}
    for place, ms in sorted(medians.items(), key=lambda one: (-one[1], one[0]))[:3]:
        yield f"{place}, {round(ms / 60_000, 1):g} min (median of {len(durations[place])})"
