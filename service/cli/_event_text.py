"""The records of an event as lines for a terminal; a line is a text and its style."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from service.message.status_text import FAILED_STATUSES, duration
from service.model import Notification, NotificationState, Verdict
from service.operations.json_shapes import unnamed_failures
from service.operations.notification_status import is_put_off, status_phrases
from service.text import humanize

Line = tuple[str, str]
FAILED, WAITING = "failed: ", "to be told: "

MAX_TESTS = 10
OPAQUE = "circleci/"  # the begin of slugs that hold no name
BOLD, PLAIN, DOUBT, MATCHED = "bold", "", "yellow", "bold green"


def readable_project(shape: Any) -> str | None:
    """Return the project's slug, or its name where the slug is a code."""
    slug: str | None = shape["project"]
    name: str | None = shape["project_name"]
    return name or slug if slug is None or slug.startswith(OPAQUE) else slug


def format_time(time: str) -> str:
    """Return a time as ``2026-11-22 09:12:03 UTC``."""
    return f"{time[:19].replace('T', ' ')} UTC"


def headline(event: Any) -> Line:
    """Return a line such as ``acme/web main: build-and-test failed``."""
    project = event["project"]["full_name"]
    if event["kind"] == "ping":
        return f"a ping{f' of {project}' if project else ''}: CircleCI tried whether it reaches us", BOLD
    if event["kind"] == "settings-changed":
        return f"{project or event['org'] or 'a project'}: settings changed at CircleCI", BOLD
    where = f"tag {event['tag']}" if event["tag"] else event["branch"]
    place = " ".join(filter(None, [project or "a project", where]))
    what = " / ".join(filter(None, [event["workflow"]["name"], (event["job"] or {}).get("name")]))
    return f"{place}: {' '.join(filter(None, [what, event['status']])) or event['kind']}", BOLD


def run_lines(event: Any) -> Iterator[Line]:
    """Yield the commit and the time of a run, and its page at CircleCI."""
    number, revision = event["pipeline"]["number"], event["revision"]
    at = f"at {revision[:7]}" if revision else None
    said = [f"pipeline {number}" if number is not None else None, at, format_time(event["happened_at"])]
    yield f"  {', '.join(filter(None, said))}", PLAIN
    if event["workflow"]["url"]:
        yield f"  {event['workflow']['url']}", PLAIN


def receiver_names(told: Sequence[Notification]) -> str | None:
    """Return the receivers' names, joined by commas; None if there are none.

    A receiver that was not told has ``failed: `` or ``to be told: `` before its name.
    """
    sent = {one.receiver for one in told if one.state is NotificationState.SENT}
    dead = {one.receiver for one in told if one.state in {NotificationState.DEAD, NotificationState.DISMISSED}}
    names = sorted(dict.fromkeys(one.receiver for one in told), key=lambda name: (name not in dead, name in sent))
    said = (FAILED if name in dead else "" if name in sent else WAITING for name in names)
    return ", ".join(map("".join, zip(said, names, strict=True))) or None


def told_style(words: str) -> str:
    """Return the style of a cell with receivers' names."""
    return "red" if words.startswith(FAILED) else "yellow" if words.startswith(WAITING) else ""


def event_lines(event: Any) -> Iterator[Line]:
    """Yield the facts of the webhook and of its delivery."""
    pipeline, job, delivery = event["pipeline"]["number"], event["job"] or {}, event["delivery"]
    took, signed = event["duration_ms"], delivery["signed"]
    posted = "once" if not delivery["repeats"] else f"{delivery['repeats'] + 1} times"
    told = {
        "id": event["id"],
        "project": event["project"]["slug"],
        "pipeline": pipeline,
        "job": f"{job['name']}, number {job['number']}" if job.get("number") is not None else job.get("name"),
        "commit": " ".join(filter(None, [(event["revision"] or "")[:7], event["commit"]["subject"]])),
        "by": event["actor"]["name"] or event["actor"]["login"] or event["commit"]["author_name"],
        "trigger": event["trigger"],
        "happened": format_time(event["happened_at"]) + (f", took {duration(took)}" if took is not None else ""),
        "received": format_time(event["received_at"]),
        "at CircleCI": event["workflow"]["url"],
        "delivery": f"{delivery['state']}, posted {posted}",
        "signature": f"valid, secret {signed['secret']} (fingerprint {signed['fingerprint']})" if signed else None,
    }
    yield from ((f"  {name:<12}{value}", PLAIN) for name, value in told.items() if value)


def detail_lines(details: Any) -> Iterator[Line]:
    """Yield CircleCI's details: failed jobs, failed tests, and missing details."""
    for job in (details or {}).get("jobs") or ():
        if job["status"] in FAILED_STATUSES:
            yield f"  failed job  {': '.join([job['name'], *job['messages'][:1]])}", PLAIN
            yield from _failures(job["tests"])
    for missing in (details or {}).get("missing", ()):
        again = "" if missing["is_final"] else " (to be asked again)"
        yield f"  not known   {missing['want']}: {missing['reason']}{again}", DOUBT


def _failures(tests: Any) -> Iterator[Line]:
    """Yield the first failed tests, and the number of the others."""
    failures = tests["failures"][:MAX_TESTS] if tests else ()
    for failure in failures:
        name = ".".join(filter(None, [failure["class_name"], failure["name"]]))
        first = next(iter((failure["message"] or "").strip().splitlines()), None)
        yield f"              {': '.join(filter(None, [name, first]))}", PLAIN
    if tests and (rest := unnamed_failures(tests, len(failures))):
        least = "" if tests["is_complete"] else "at least "
        yield f"              {'and ' if failures else ''}{least}{rest} {'more' if failures else 'failed tests'}", PLAIN


def decision_lines(decisions: Sequence[Any]) -> Iterator[Line]:
    """Yield the decision of each route.

    The newest round has all reasons, older rounds only those of matched routes.
    """
    if not decisions:
        yield "no receiver was told: roundsman.yaml had no routes", PLAIN
        return
    newest = decisions[0]["round"]
    for judged, said in groupby(decisions, key=itemgetter("round")):
        of_round = list(said)
        if newest > 1:
            yield f"{'judged again' if judged > 1 else 'judged'} at {format_time(of_round[0]['decided_at'])}", BOLD
        for decision in of_round:
            style = MATCHED if decision["verdict"] == Verdict.MATCHED else BOLD
            yield f"route '{decision['route']}' to {decision['receiver']}: {humanize(decision['verdict'])}", style
            if judged == newest or decision["verdict"] == "matched" or decision["verdict_today"]:
                yield f"  {decision['reason']}", PLAIN
            if today := decision["verdict_today"]:
                yield f"  by the rules of this release it would be {humanize(today)}, for the reason above", DOUBT


def notification_lines(notifications: Sequence[Any], *, words: bool = False) -> Iterator[Line]:
    """Yield each channel's status and attempts; with ``words`` also the messages."""
    for one in notifications:
        yield f"{one['channel_label']}: {notification_status(one)}  (notification {one['id']})", BOLD
        for attempt in one["attempts"]:
            yield f"  {_attempt(attempt)}", PLAIN
            if words and attempt["title"] is not None:
                yield from (
                    (f"    {line}", PLAIN) for line in [attempt["title"], *(attempt["words"] or "").splitlines()]
                )


def evidence_lines(evidence: Sequence[Any]) -> Iterator[Line]:
    """Yield the claims on a red run, each with the runs that it rests on."""
    for claim in evidence:
        about = f"{claim['test']}: " if claim["test"] else ""
        yield f"evidence, {about}{claim['words']}", BOLD
        for run in claim["runs"]:
            place = " at ".join(filter(None, [run["branch"], (run["revision"] or "")[:7]]))
            said = [run["name"], place, format_time(run["at"]), f"event {run['event'][:8]}"]
            yield f"  {run['result']}: {', '.join(filter(None, said))}", PLAIN
            if run["url"]:
                yield f"    {run['url']}", PLAIN
        if claim["more"]:
            yield f"  and {claim['more']} more", PLAIN


def notification_status(notification: Any) -> str:
    """Return the status, such as ``told at ...`` or ``not delivered: ...``.

    After a failure it has the reason, and the time after which it is given up.
    """
    said = [
        f"{one.words} at {format_time(one.time)}" if one.time else one.words for one in status_phrases(notification)
    ]
    if is_put_off(notification):
        said[-1] += f", given up after {format_time(notification['give_up_at'])}"
    if notification["reason"] and notification["state"] not in {NotificationState.SENDING, NotificationState.SENT}:
        said[-1] += f": {notification['reason']}"
    return "; ".join(said)


def _attempt(attempt: Any) -> str:
    asked = f", asked for by {attempt['asked_by']}" if attempt["asked_by"] else ""
    came = ": ".join(filter(None, [humanize(attempt["outcome"]), attempt["reason"] or attempt["receipt"]]))
    return f"attempt {attempt['number']} at {format_time(attempt['started_at'])}{asked}: {came}"


def operator_action_lines(actions: Sequence[Any], notifications: Sequence[Any]) -> Iterator[Line]:
    """Yield the operators' actions: verb, channel if it has one, time, name, reason."""
    labels = {one["id"]: one["channel_label"] for one in notifications}
    for action in actions:
        whose = f" of {labels[action['subject_id']]}" if action["subject_id"] in labels else ""
        because = f", because: {action['reason']}" if action["reason"] else ""
        yield f"{action['verb']}{whose} at {format_time(action['at'])} by {action['who']}{because}", PLAIN
