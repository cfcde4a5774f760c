"""The contents of a digest: what broke, was fixed, is red, is flaky and slow."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from service.message.status_text import age, duration
from service.model import Closing, Color, Event, Incident, Transition
from service.text import percent

MAX_LINES = 10
MAX_SLOWEST = 3
SLOWING_TIMES = 1.2
SLOWING_MS = 30_000  # a workflow of seconds that takes a few more is no news


@dataclass(frozen=True, kw_only=True)
class FlakyTest:
    """A flaky test of a digest; without a name it is a job without tests.

    place       the name of its project
    fails       in ``runs``, the known ones of the last 90 days
    url         the last run in which it failed
    """

    place: str
    job: str
    name: str
    fails: int
    runs: int
    evidence: str = ""
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class SlowWorkflow:
    """The usual duration of a workflow in a time; ``before_ms`` None: unknown.

    runs   the green runs that it is the median of
    """

    place: str
    usual_ms: int
    runs: int
    before_ms: int | None = None

    @property
    def is_slowing(self) -> bool:
        """True if it takes much longer than in the time before."""
        return self.gain_ms >= SLOWING_MS and self.usual_ms >= (self.before_ms or 0) * SLOWING_TIMES

    @property
    def gain_ms(self) -> int:
        """The time that it takes more than before."""
        return 0 if self.before_ms is None else self.usual_ms - self.before_ms


@dataclass(kw_only=True)
class DigestFacts:
    """The runs of a time, newest first. Grey ones count neither as green nor as red.

    insights     lines of CircleCI's own figures
    usual        workflows whose usual duration is known, the slowest first
    is_partial   more runs than were read are in this time, or in the one before
    reds_left_out, tests_left_out   the number of red branches and of failed tests that were not looked at
    """

    runs: list[Event] = field(default_factory=list)
    green_before: int = 0
    red_before: int = 0
    red_now: Sequence[tuple[Event, Incident]] = ()
    closed: Mapping[UUID, Incident] = field(default_factory=dict)
    flaky: Sequence[FlakyTest] = ()
    usual: Sequence[SlowWorkflow] = ()
    insights: Sequence[str] = ()
    is_partial: bool = False
    reds_left_out: int = 0
    tests_left_out: int = 0

    @property
    def is_empty(self) -> bool:
        """True if nothing was red, and nothing is."""
        return not self.red_now and not any(_is(event, Color.RED) for event in self.runs)

    def with_transition(self, transition: Transition) -> list[Event]:
        """Return the runs with a transition, oldest first."""
        return [event for event in reversed(self.runs) if event.run and event.run.transition is transition]

    def count_before(self, runs: Sequence[Event]) -> None:
        """Count runs of the time before."""
        colors = [event.run.color for event in runs if event.run]
        self.green_before += colors.count(Color.GREEN)
        self.red_before += colors.count(Color.RED)


def _is(event: Event, color: Color) -> bool:
    return event.run is not None and event.run.color is color


def digest_lines(facts: DigestFacts, now: datetime, timezone: str) -> list[str]:
    """Return the paragraphs of a digest."""
    zone = ZoneInfo(timezone)
    fixed = facts.with_transition(Transition.FIXED)
    return [
        _rate(facts),
        *(["There were more runs than a digest reads: the oldest are left out."] if facts.is_partial else []),
        *([f"Times are in {timezone}."] if facts.red_now else []),
        *_section("Red now", [_red_line(event, incident, now, zone) for event, incident in facts.red_now]),
        *(
            [f"and {facts.reds_left_out} more branches are red, which were not looked at"]
            if facts.reds_left_out
            else []
        ),
        *_section("Broke", [place_of(event) for event in facts.with_transition(Transition.BROKE)]),
        *_section("Fixed", [_fixed_line(event, facts) for event in fixed], _time_to_fix(fixed)),
        *_section("Flaky tests", [_flaky_line(one) for one in facts.flaky]),
        *_tests_left_out(facts),
        *_section("Green after a rerun of the same commit, more than once", list(_rerun_lines(facts))),
        *_slow_sections(facts),
        *_section("As CircleCI counts once a day, on default branches", facts.insights),
    ]


def _section(title: str, lines: Sequence[str], remark: str = "") -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines)}{remark}"
        yield from (f"- {line}" for line in lines[:MAX_LINES])
    if len(lines) > MAX_LINES:
        yield f"and {len(lines) - MAX_LINES} more"


def _tests_left_out(facts: DigestFacts) -> Iterator[str]:
    if facts.tests_left_out:
        yield f"and {facts.tests_left_out} more tests failed, of which it was not looked at whether they are flaky"


def _rate(facts: DigestFacts) -> str:
    green, red = (sum(_is(event, color) for event in facts.runs) for color in (Color.GREEN, Color.RED))
    now, before = _percent(green, red), _percent(facts.green_before, facts.red_before)
    grey = len(facts.runs) - green - red
    others = f" {grey} more {'was' if grey == 1 else 'were'} canceled or did not run: these count as neither."
    if now is None:
        return f"No run was green or red.{others if grey else ''}"
    compared = f", {before} % the time before" if before is not None else ""
    return f"{now} % of {green + red} runs were green{compared}.{others if grey else ''}"


def _percent(green: int, red: int) -> int | None:
    """Return the share of green runs; never 100 if one was red."""
    return green * 100 // (green + red) if green + red else None


def place_of(event: Event) -> str:
    """Return the project, branch and workflow of a run."""
    where = f"tag {event.tag}" if event.tag else event.branch
    return f"{event.project_name or 'a project'} {where or ''}: {event.workflow.name or 'a workflow'}".replace(
        " :", ":"
    )


def _red_line(event: Event, incident: Incident, now: datetime, zone: ZoneInfo) -> str:
    since = incident.opened_at.astimezone(zone)
    runs = f"{incident.streak} run{'' if incident.streak == 1 else 's'}"
    parts = [
        place_of(event),
        f"since {since:%a %d %b %H:%M} ({age(now - incident.opened_at)}, {runs})",
        _holder(incident, now, zone),
    ]
    if incident.is_muted(now):
        parts.append("muted")
    return ", ".join(parts)


def _holder(incident: Incident, now: datetime, zone: ZoneInfo) -> str:
    """Return who has an incident, and until when if that was said."""
    if incident.taken is None:
        return "not taken"
    if incident.taken.until is None:
        return f"{incident.taken.by} has it"
    until = f"{incident.taken.until.astimezone(zone):%a %d %b %H:%M}"
    return f"{incident.taken.by} {'has' if incident.taken.until > now else 'had'} it until {until}"


def _fix_time(event: Event) -> timedelta | None:
    since = event.run.since if event.run else None
    return event.happened_at - since if since else None


def _time_to_fix(fixed: Sequence[Event]) -> str:
    taken = [time.total_seconds() for event in fixed if (time := _fix_time(event)) is not None]
    return f", half of them within {age(timedelta(seconds=median(taken)))}" if len(taken) > 1 else ""


def _fixed_line(event: Event, facts: DigestFacts) -> str:
    time, incident = _fix_time(event), _closed(event, facts)
    by_rerun = ", by a rerun of the same commit" if incident and incident.closed_because is Closing.RERUN else ""
    return f"{place_of(event)} after {age(time)}{by_rerun}" if time is not None else f"{place_of(event)}{by_rerun}"


def _closed(event: Event, facts: DigestFacts) -> Incident | None:
    return facts.closed.get(event.run.incident_id) if event.run and event.run.incident_id else None


def _flaky_line(test: FlakyTest) -> str:
    name = f"{test.job}: {test.name}" if test.name else f"job {test.job}"
    parts = [f"{test.place} {name}", f"failed in {test.fails} of {test.runs} runs ({percent(test.fails / test.runs)})"]
    parts += [test.evidence] if test.evidence else []
    parts += [f"the last failure: {test.url}"] if test.url else []
    return ", ".join(parts)


def _rerun_lines(facts: DigestFacts) -> Iterator[str]:
    """Yield the workflows of which reruns turned green, more often than once.

    A single one may be chance.
    """
    counts: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    links: dict[str, str] = {}
    for event in reversed(facts.runs):
        runs[place_of(event)] += any(_is(event, color) for color in (Color.GREEN, Color.RED))
        if _is(event, Color.RED) and event.workflow.url:
            links[place_of(event)] = event.workflow.url
        incident = _closed(event, facts)
        if event.run and event.run.transition is Transition.FIXED and incident:
            counts[place_of(event)] += incident.closed_because is Closing.RERUN
    for place, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        if count > 1:
            link = f", the last failure: {links[place]}" if place in links else ""
            yield f"{place}, {count} of {runs[place]} runs{link}"


def _slow_sections(facts: DigestFacts) -> Iterator[str]:
    """Yield the slowest workflows, and those that take longer than in the time before."""
    slowest = [f"{one.place}, usually {duration(one.usual_ms)} ({one.runs} green runs)" for one in facts.usual]
    yield from _section("Slowest", slowest[:MAX_SLOWEST])
    slowing = sorted((one for one in facts.usual if one.is_slowing), key=lambda one: (-one.gain_ms, one.place))
    yield from _section(
        "Slowing",
        [
            f"{one.place}, usually {duration(one.usual_ms)}, {duration(one.before_ms or 0)} the time before"
            for one in slowing
        ],
    )
