"""The contents of a digest: what broke, was fixed, is red, is flaky and slow."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from service.message.status_text import age, duration
from service.model import Closing, Color, Event, Incident, Transition
from service.model.same_names import marked_events
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
    """Return the paragraphs of a digest.

    A track stands in one of them: as red now, else as often green after reruns, else as fixed, else as broken.
    """
    zone = ZoneInfo(timezone)
    facts = _told_apart(facts)
    broke, fixed = facts.with_transition(Transition.BROKE), facts.with_transition(Transition.FIXED)
    times = Counter(map(_track, broke))
    red, reruns = {_track(event) for event, _ in facts.red_now}, _often_rerun(facts)
    said = red | {track for track, some in reruns.items() if len(some) == sum(_track(one) == track for one in fixed)}
    ends = _by_track(event for event in fixed if _track(event) not in said)
    begins = _by_track(event for event in broke if _track(event) not in said | ends.keys())
    return [
        _rate(facts),
        *_changes(broke, fixed),
        *(["There were more runs than a digest reads: the oldest are left out."] if facts.is_partial else []),
        *([f"Times are in {timezone}."] if facts.red_now else []),
        *_section("Red now", [_red_line(*one, now, zone) + _often(times[_track(one[0])]) for one in facts.red_now]),
        *(
            [f"and {facts.reds_left_out} more branches are red, which were not looked at"]
            if facts.reds_left_out
            else []
        ),
        *_section("Broke", [place_of(some[-1]) for some in begins.values()]),
        *_section("Fixed", [_fixed_line(some, facts) for some in ends.values()]),
        *_section("Flaky tests", [_flaky_line(one) for one in facts.flaky]),
        *_tests_left_out(facts),
        *_section("Green after a rerun of the same commit, more than once", list(_rerun_lines(reruns, facts))),
        *_slow_sections(facts),
        *_section("As CircleCI counts once a day, on default branches", facts.insights),
    ]


def _told_apart(facts: DigestFacts) -> DigestFacts:
    """Return the facts with projects of one name called so that they differ."""
    marked = marked_events([*facts.runs, *(event for event, _ in facts.red_now)])
    red_now = zip(marked[len(facts.runs) :], (incident for _, incident in facts.red_now), strict=True)
    return replace(facts, runs=[*marked[: len(facts.runs)]], red_now=list(red_now))


def _track(event: Event) -> object:
    """Return what tells a track from others."""
    return event.run.track_id if event.run and event.run.track_id is not None else place_of(event)


def _by_track(some: Iterable[Event]) -> dict[object, list[Event]]:
    found: dict[object, list[Event]] = defaultdict(list)
    for event in some:
        found[_track(event)].append(event)
    return found


def _often(times: int) -> str:
    return f", broke {times} times" if times > 1 else ""


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines)}"
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


def _changes(broke: Sequence[Event], fixed: Sequence[Event]) -> Iterator[str]:
    """Yield how often something broke and was fixed, and how fast."""
    taken = [time.total_seconds() for event in fixed if (time := _fix_time(event)) is not None]
    fast = f", half of them within {age(timedelta(seconds=median(taken)))}" if len(taken) > 1 else ""
    if broke or fixed:
        yield f"{_counted(len(broke), 'break')}, {_counted(len(fixed), 'fix', 'fixes')}{fast}."


def _counted(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number} {noun if number == 1 else nouns or f'{noun}s'}"


def _fixed_line(ends: Sequence[Event], facts: DigestFacts) -> str:
    """Return the last end of a track's red, and how many there were."""
    event = ends[-1]
    time, by_rerun = _fix_time(event), ", by a rerun of the same commit" if _is_by_rerun(event, facts) else ""
    times = f" {len(ends)} times, the last" if len(ends) > 1 else ""
    after = f" after {age(time)}" if time is not None else ""
    return f"{place_of(event)}{times}{after}{by_rerun}"


def _is_by_rerun(event: Event, facts: DigestFacts) -> bool:
    incident = _closed(event, facts)
    return incident is not None and incident.closed_because is Closing.RERUN


def _closed(event: Event, facts: DigestFacts) -> Incident | None:
    return facts.closed.get(event.run.incident_id) if event.run and event.run.incident_id else None


def _flaky_line(test: FlakyTest) -> str:
    name = f"{test.job}: {test.name}" if test.name else f"job {test.job}"
    parts = [f"{test.place} {name}", f"failed in {test.fails} of {test.runs} runs ({percent(test.fails / test.runs)})"]
    parts += [test.evidence] if test.evidence else []
    parts += [f"the last failure: {test.url}"] if test.url else []
    return ", ".join(parts)


def _often_rerun(facts: DigestFacts) -> dict[object, list[Event]]:
    """Return the runs by which reruns turned tracks green, of those with several.

    A single one may be chance.
    """
    ends = _by_track(one for one in facts.with_transition(Transition.FIXED) if _is_by_rerun(one, facts))
    return {track: some for track, some in ends.items() if len(some) > 1}


def _rerun_lines(reruns: Mapping[object, Sequence[Event]], facts: DigestFacts) -> Iterator[str]:
    """Yield the workflows of which reruns turned green, more often than once."""
    runs: dict[object, int] = defaultdict(int)
    links: dict[object, str] = {}
    for event in reversed(facts.runs):
        runs[_track(event)] += any(_is(event, color) for color in (Color.GREEN, Color.RED))
        if _is(event, Color.RED) and event.workflow.url:
            links[_track(event)] = event.workflow.url
    for track, some in sorted(reruns.items(), key=lambda one: (-len(one[1]), place_of(one[1][0]))):
        link = f", the last failure: {links[track]}" if track in links else ""
        yield f"{place_of(some[0])}, {len(some)} of {runs[track]} runs{link}"


def _slow_sections(facts: DigestFacts) -> Iterator[str]:
    """Yield the slowest workflows, and others that take longer than before."""
    slowest = [
        f"{one.place}, usually {duration(one.usual_ms)} ({one.runs} green runs){_before(one) if one.is_slowing else ''}"
        for one in facts.usual[:MAX_SLOWEST]
    ]
    yield from _section("Slowest", slowest)
    slowing = [one for one in facts.usual[MAX_SLOWEST:] if one.is_slowing]
    slowing.sort(key=lambda one: (-one.gain_ms, one.place))
    lines = [f"{one.place}, usually {duration(one.usual_ms)}{_before(one)}" for one in slowing]
    yield from _section("Slowing too" if any(one.is_slowing for one in facts.usual[:MAX_SLOWEST]) else "Slowing", lines)


def _before(one: SlowWorkflow) -> str:
    return f", {duration(one.before_ms or 0)} the time before"
