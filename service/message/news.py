"""The news of a track: what broke or was fixed, as a title and as lines."""

from collections.abc import Iterator
from datetime import datetime

from service.message.blocks import Line, Words, link, untrusted
from service.message.failures import failed_jobs
from service.message.status_text import age, clock_time, duration, ordinal, status_words
from service.model import Closing, DetailKind, Details, Event, JobReport, MessageFacts, News
from service.text import capitalize_first

NEWS_OF_RED = frozenset({News.BROKE, News.STILL_BROKEN, News.REMINDER, News.ESCALATION})
NEWS_OF_TRACKS = NEWS_OF_RED | {News.FIXED, News.PASSED}
MAX_SUSPECTS = 5
_RED_WORDS = {News.BROKE: "broke"}


def news_words(event: Event, details: Details, news: News) -> Line:
    """Return the news of a track: ``broke: 3 tests fail in unit-tests``."""
    if news is News.FIXED:
        return ("fixed", *_after(event))
    if news is News.PASSED:
        return ("passed: ", *_workflow(event))
    return (_RED_WORDS.get(news, "still red"), ": ", *failure_words(event, details))


def failure_words(event: Event, details: Details) -> Words:
    """Return the failures in a few words, as far as they are known."""
    failed = failed_jobs(details.jobs or ())
    tested = [job for job in failed if job.tests and job.tests.failed]
    if tested:
        return (_tests_fail(tested, details), *_in_jobs(tested))
    if len(failed) == 1:
        return (*(untrusted(failed[0].name, 80) or ("a job",)), " ", *status_words(failed[0].status))
    return (f"{len(failed)} jobs failed",) if failed else (*_workflow(event), " ", *status_words(event.status))


def track_lines(event: Event, facts: MessageFacts) -> Iterator[Line]:
    """Yield lines on the track: how long it was red or green, and who has it."""
    since = event.run.since if event.run else None
    if facts.news is News.FIXED and facts.closed_because is Closing.RERUN:
        yield ("Green after a rerun of the same commit.",)
    if facts.news is News.FIXED and since:
        yield (f"It was red from {_span(since, event.happened_at)}{_runs(event, 'for {} runs')}.",)
    if facts.news in NEWS_OF_RED - {News.BROKE} and since:
        yield (f"Red since {clock_time(since, event.happened_at)}{_nth(event)}.",)
    if facts.news is News.BROKE and facts.green_since and since:
        yield (f"Green for {age(since - facts.green_since)} before this.",)
    if facts.news in NEWS_OF_RED and facts.red_reruns:
        reruns = "1 automatic rerun was" if facts.red_reruns == 1 else f"{facts.red_reruns} automatic reruns were"
        yield (f"{reruns} red too.",)
    if facts.taken and facts.news in NEWS_OF_RED:
        taken = facts.taken
        note = (": ", *untrusted(taken.note)) if taken.note else (".",)
        yield ("Taken by ", *untrusted(taken.by, 80), f" at {clock_time(taken.at, event.happened_at)}", *note)


def red_lines(event: Event, facts: MessageFacts) -> Iterator[Line]:
    """Yield lines on a red run: what else is red of the same, and the suspects."""
    red = facts.red
    if red.remark:
        yield (f"{capitalize_first(red.remark)}: no test learns from this run.",)
    if red.coverage and red.coverage.is_partial:  # beside tests that are said to be flaky
        yield (f"Tests known for {red.coverage.known} of {red.coverage.red_runs} red runs of the last 90 days.",)
    if red.red_elsewhere:
        since = clock_time(red.red_elsewhere.since, event.happened_at)
        yield ("Also red on ", *untrusted(red.red_elsewhere.branch, 80), f" since {since}.")
    names = [name for one in red.culprits.suspects if (name := one.author_name or one.author_email)]
    if names and facts.news in NEWS_OF_RED:
        shown = list(dict.fromkeys(names))
        people = [word for name in shown[:MAX_SUSPECTS] for word in (", ", *untrusted(name, 80))][1:]
        more = (f" and {len(shown) - MAX_SUSPECTS} more",) if len(shown) > MAX_SUSPECTS else ()
        is_sure = any(one.is_confirmed for one in red.culprits.suspects)
        since = (
            "Changed since the last green run by "
            if red.culprits.has_green
            else "No green run is on record; changed by "
        )
        lead = "Broken by " if is_sure else since
        page = (" (", *link(("compare",), red.culprits.compare_url), ")") if red.culprits.compare_url else ()
        yield (lead, *people, *more, *page, ".")


def took_words(event: Event, facts: MessageFacts) -> str | None:
    """Return ``after 5 min, usually 4 min 10 s``, as far as it is known."""
    if event.duration_ms is None:
        return None
    usual = f", usually {duration(facts.usual_ms)}" if facts.usual_ms is not None else ""
    return f"after {duration(event.duration_ms)}{usual}"


def _workflow(event: Event) -> Words:
    return untrusted(event.workflow.name, 80) or ("a workflow",)


def _after(event: Event) -> Words:
    since = event.run.since if event.run else None
    return (f" after {age(event.happened_at - since)}",) if since else ()


def _tests_fail(jobs: list[JobReport], details: Details) -> str:
    reports = [job.tests for job in jobs if job.tests]
    count = sum(report.failed for report in reports)
    are_missing = any(missing.want is DetailKind.TESTS for missing in details.missing)
    least = "at least " if are_missing or not all(report.is_complete for report in reports) else ""
    return f"{least}{count} {'test fails' if count == 1 else 'tests fail'} in "


def _in_jobs(jobs: list[JobReport]) -> Words:
    return (untrusted(jobs[0].name, 80) or ("a job",)) if len(jobs) == 1 else (f"{len(jobs)} jobs",)


def _span(start: datetime, end: datetime) -> str:
    if start.date() != end.date():
        return f"{clock_time(start, end)} to {clock_time(end, start)}"
    return f"{start:%H:%M} to {end:%H:%M} UTC"


def _runs(event: Event, words: str) -> str:
    streak = event.run.streak if event.run else 0
    return f", {words.format(streak)}" if streak > 1 else ""


def _nth(event: Event) -> str:
    streak = event.run.streak if event.run else 0
    return f", the {ordinal(streak)} run in a row" if streak > 1 else ""
