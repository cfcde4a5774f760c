"""What is on record about an event, as lines for people at a terminal; a line is its text and its style."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from service.message.words import BROKEN, duration

Line = tuple[str, str]

MOST_TESTS = 10
BOLD, PLAIN, DOUBT = "bold", "", "yellow"


def when(time: str) -> str:
    """``2026-11-22 09:12:03 UTC``."""
    return f"{time[:19].replace('T', ' ')} UTC"


def headline(event: Any) -> Line:
    """``acme/web main: build-and-test failed``."""
    project = event["project"]["full_name"]
    if event["kind"] == "ping":
        return f"a ping{f' of {project}' if project else ''}: CircleCI tried whether it reaches us", BOLD
    where = f"tag {event['tag']}" if event["tag"] else event["branch"]
    place = " ".join(filter(None, [project or "a project", where]))
    what = " / ".join(filter(None, [event["workflow"]["name"], (event["job"] or {}).get("name")]))
    return f"{place}: {' '.join(filter(None, [what, event['status']])) or event['kind']}", BOLD


def facts(event: Any) -> Iterator[Line]:
    """What the webhook said, and how it came."""
    pipeline, job, delivery = event["pipeline"]["number"], event["job"] or {}, event["delivery"]
    took = event["duration_ms"]
    posted = "once" if not delivery["repeats"] else f"{delivery['repeats'] + 1} times"
    told = {
        "id": event["id"],
        "project": event["project"]["slug"],
        "pipeline": pipeline,
        "job": f"{job['name']}, number {job['number']}" if job.get("number") is not None else job.get("name"),
        "commit": " ".join(filter(None, [(event["revision"] or "")[:7], event["commit"]["subject"]])),
        "by": event["actor"]["name"] or event["actor"]["login"] or event["commit"]["author_name"],
        "trigger": event["trigger"],
        "happened": when(event["happened_at"]) + (f", took {duration(took)}" if took is not None else ""),
        "received": when(event["received_at"]),
        "at CircleCI": event["workflow"]["url"],
        "delivery": f"{delivery['state']}, posted {posted}",
    }
    yield from ((f"  {name:<12}{value}", PLAIN) for name, value in told.items() if value)


def learned(details: Any) -> Iterator[Line]:
    """What CircleCI told us: the failed jobs and their failed tests, and what it would not say."""
    for job in (details or {}).get("jobs") or ():
        if job["status"] in BROKEN:
            yield f"  failed job  {': '.join([job['name'], *job['messages'][:1]])}", PLAIN
            yield from _failures((job["tests"] or {}).get("failures") or ())
    for missing in (details or {}).get("missing", ()):
        again = "" if missing["is_final"] else " (to be asked again)"
        yield f"  not known   {missing['want']}: {missing['reason']}{again}", DOUBT


def _failures(failures: Sequence[Any]) -> Iterator[Line]:
    for failure in failures[:MOST_TESTS]:
        name = ".".join(filter(None, [failure["class_name"], failure["name"]]))
        first = next(iter((failure["message"] or "").strip().splitlines()), None)
        yield f"              {': '.join(filter(None, [name, first]))}", PLAIN
    if len(failures) > MOST_TESTS:
        yield f"              and {len(failures) - MOST_TESTS} more", PLAIN


def reasons(decisions: Sequence[Any]) -> Iterator[Line]:
    """What every route said, the newest round with all its reasons, older ones with those that led to messages."""
    if not decisions:
        yield "nobody was told: roundsman.yaml had no routes", PLAIN
        return
    newest = decisions[0]["round"]
    for judged, said in groupby(decisions, key=itemgetter("round")):
        of_round = list(said)
        if newest > 1:
            yield f"{'judged again' if judged > 1 else 'judged'} at {when(of_round[0]['decided_at'])}", BOLD
        for decision in of_round:
            yield f"route '{decision['route']}' to {decision['receiver']}: {decision['verdict']}", BOLD
            if judged == newest or decision["verdict"] == "matched":
                yield f"  {decision['reason']}", PLAIN


def tellings(notifications: Sequence[Any], *, words: bool = False) -> Iterator[Line]:
    """How far it is with each channel, with every attempt; with ``words`` also what was said."""
    for one in notifications:
        yield f"{one['channel_label']}: {how_far(one)}  (notification {one['id']})", BOLD
        for attempt in one["attempts"]:
            yield f"  {_attempt(attempt)}", PLAIN
            if words and attempt["title"] is not None:
                yield from (
                    (f"    {line}", PLAIN) for line in [attempt["title"], *(attempt["words"] or "").splitlines()]
                )


def how_far(notification: Any) -> str:
    """``told at ...``, ``could not be told: ...``; whoever was told stays told, whatever becomes of a resend."""
    state, is_told = notification["state"], notification["sent_at"] is not None
    subject = "a resend " if is_told else ""
    told = f"told at {when(notification['sent_at'])}" if is_told else ""
    match state:
        case "dead" | "dismissed":
            failed = "could not be sent" if is_told else "could not be told"
            now = f"{subject}{failed}: {notification['reason']}{'; dismissed' if state == 'dismissed' else ''}"
        case "sending":
            now = "a resend is being sent now" if is_told else "being told now"
        case "pending":
            now = subject + _next(notification)
        case _:
            now = ""
    return "; ".join(filter(None, [told, now]))


def _next(notification: Any) -> str:
    """When the next attempt is; after one that did not work, why, and until when it is tried."""
    if not notification["reason"]:
        return "is yet to be sent" if notification["sent_at"] else "to be told"
    times = f"next at {when(notification['next_attempt_at'])}, given up after {when(notification['give_up_at'])}"
    return f"{'was ' if notification['sent_at'] else ''}put off: {notification['reason']}; {times}"


def _attempt(attempt: Any) -> str:
    asked = f", asked for by {attempt['asked_by']}" if attempt["asked_by"] else ""
    came = ": ".join(filter(None, [attempt["outcome"], attempt["reason"] or attempt["receipt"]]))
    return f"attempt {attempt['number']} at {when(attempt['started_at'])}{asked}: {came}"


def doings(actions: Sequence[Any]) -> Iterator[Line]:
    """What operators did, when and why."""
    for action in actions:
        because = f", because: {action['reason']}" if action["reason"] else ""
        yield f"{action['verb']} at {when(action['at'])} by {action['who']}{because}", PLAIN
