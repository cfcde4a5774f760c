"""Findings of `doctor` beyond those of `check`: tokens, rights, clocks, disk."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from service.circleci.circleci import ADMIN_TOKEN_SETTING, CircleCI
from service.db.data_folder import database_file
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.message.status_text import age
from service.operations.checks.checks import Finding, Grade
from service.operations.checks.rights import Access, RightFound
from service.queue import lane_heads
from service.store.circleci import hooks
from service.store.deliveries import dead_counts, deliveries, refusals
from service.store.events import fetches
from service.store.reports import health_rows
from service.store.upkeep import alarms

DAY = timedelta(days=1)
MAX_CLOCK_OFFSET = timedelta(seconds=30)
MIN_FREE_BYTES = 1_000_000_000
MIN_FREE_SHARE = 0.05
MAX_WAIT_S = 300.0
EXPIRES_SOON = timedelta(days=30)


async def check_admin_token(source: CircleCI) -> list[Finding]:
    """Check that CircleCI accepts the token that manages, if it is another."""
    if not source.has_admin:
        return []
    what = "CircleCI admin token"
    try:
        owner = await source.admin_api.me()
    except (Temporary, Permanent) as error:
        return [Finding(what=what, grade=Grade.WRONG, sentence=str(error))]
    return [Finding(what=what, grade=Grade.OK, sentence=f"accepted; it is {owner.login or owner.id}'s")]


async def check_versions(source: CircleCI) -> list[Finding]:
    """Check that the versions of the API that are used answer."""
    settings = source.api.settings
    asked = settings.person_v3 if source.has_v3 else settings.person_v1
    what = f"CircleCI API {'v3' if source.has_v3 else 'v1.1'}"
    try:
        await asked()
    except NoToken:
        return []
    except (Temporary, Permanent) as error:
        sentence = f"{error}; messages have less detail; ROUNDSMAN_CIRCLECI_API says which version is used"
        return [Finding(what=what, grade=Grade.NOTE, sentence=sentence)]
    return [Finding(what=what, grade=Grade.OK, sentence="it answers")]


def check_expiry(setting: str, expires: date | None, today: date) -> list[Finding]:
    """Check the day on which a token ends, where it is told."""
    if expires is None:
        return []
    what, left = f"expiry of {setting}", expires - today
    if left <= timedelta():
        sentence = f"it ended on {expires}: make a new one at CircleCI, and set {setting} and {setting}_ENDS"
        return [Finding(what=what, grade=Grade.WRONG, sentence=sentence)]
    if left <= EXPIRES_SOON:
        sentence = f"it ends on {expires}, in {left.days} d: make a new one at CircleCI, and set {setting}"
        return [Finding(what=what, grade=Grade.NOTE, sentence=sentence)]
    return [Finding(what=what, grade=Grade.OK, sentence=f"it ends on {expires}")]


def check_rights(found: tuple[Sequence[RightFound], Sequence[RightFound]], *, has_admin: bool) -> Iterator[Finding]:
    """Yield a finding on each right of the two tokens."""
    reading, managing = found
    of_admin = f"right of {ADMIN_TOKEN_SETTING}" if has_admin else "right to manage"
    for name, rights in (("right to read", reading), (of_admin, managing)):
        for right in rights:
            yield _right_finding(f"{name}, {right.what}", right)


def _right_finding(what: str, right: RightFound) -> Finding:
    if right.access is Access.GIVEN:
        return Finding(what=what, grade=Grade.OK, sentence="given")
    grade = Grade.WRONG if right.is_needed and right.access is Access.LACKING else Grade.NOTE
    begin = "lacking" if right.access is Access.LACKING else "not known"
    return Finding(what=what, grade=grade, sentence=f"{begin}: {right.sentence}")


def check_circleci_clock(source: CircleCI) -> list[Finding]:
    """Check that this machine's clock agrees with CircleCI's, by its last answer."""
    offset = source.clock_offset
    if offset is None:
        return []
    seconds = round(offset.total_seconds())
    if abs(offset) > MAX_CLOCK_OFFSET:
        way = "ahead of" if seconds > 0 else "behind"
        sentence = f"CircleCI's clock is {abs(seconds)} s {way} this machine's; have it set by NTP"
        return [Finding(what="clock at CircleCI", grade=Grade.WRONG, sentence=sentence)]
    way = f", {abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}" if seconds else ""
    sentence = f"it agrees within {MAX_CLOCK_OFFSET.seconds} s{way}"
    return [Finding(what="clock at CircleCI", grade=Grade.OK, sentence=sentence)]


def check_disk(database_url: str) -> list[Finding]:
    """Check that there is room for the database; nothing for a server's."""
    file = database_file(database_url)
    if file is None:
        return []
    folder = next((one for one in (file.parent, *file.parent.absolute().parents) if one.exists()), Path("/"))
    usage = shutil.disk_usage(folder)
    sentence = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free"
    if usage.free < MIN_FREE_BYTES or usage.free < MIN_FREE_SHARE * usage.total:
        sentence += ": make room, or let ROUNDSMAN_KEEP_DAYS be smaller"
        return [Finding(what="disk", grade=Grade.WRONG, sentence=sentence)]
    return [Finding(what="disk", grade=Grade.OK, sentence=sentence)]


def read_rows(transaction: Transaction, now: datetime) -> list[Finding]:
    """Return what the rows say: work that waits, dead letters, refusals, alarms."""
    backlog = deliveries.backlog(transaction, now) + fetches.backlog(transaction, now)
    backlog += lane_heads.backlog(transaction, now)
    return [
        _backlog_finding(backlog.depth, backlog.oldest_age_s),
        _dead_finding(sum(dead_counts.count_dead_letters(transaction).values())),
        _refusal_finding(transaction, now),
        _intake_finding(health_rows.last_accepted(transaction), now),
        *(Finding(what="alarm", grade=Grade.WRONG, sentence=one.sentence) for one in alarms.find_all(transaction)),
    ]


def _backlog_finding(depth: int, oldest_s: float) -> Finding:
    sentence = f"{depth} due, the oldest for {age(timedelta(seconds=oldest_s))}"
    if depth and oldest_s > MAX_WAIT_S:
        sentence += ": look whether a worker runs, and at its log"
        return Finding(what="queue", grade=Grade.WRONG, sentence=sentence)
    return Finding(what="queue", grade=Grade.OK, sentence=sentence if depth else "nothing is due")


def _dead_finding(count: int) -> Finding:
    if count:
        sentence = f"{count} wait for a person: `roundsman dead-letters` says what, why and what to do"
        return Finding(what="dead letters", grade=Grade.WRONG, sentence=sentence)
    return Finding(what="dead letters", grade=Grade.OK, sentence="none")


def _refusal_finding(transaction: Transaction, now: datetime) -> Finding:
    recent = [one for one in refusals.latest(transaction) if one.at >= now - DAY]
    if not recent:
        return Finding(what="refusals", grade=Grade.OK, sentence="no post was refused within a day")
    ours = {hook.id for hook in hooks.find_all(transaction)}
    grade = Grade.WRONG if any(one.hook_id in ours for one in recent) else Grade.NOTE
    whose = ", some of a hook of ours" if grade is Grade.WRONG else ""
    sentence = f"{sum(one.count for one in recent)} within a day{whose}: `roundsman refusals` says why"
    return Finding(what="refusals", grade=grade, sentence=sentence)


def _intake_finding(last: datetime | None, now: datetime) -> Finding:
    if last is None:
        sentence = "none was accepted yet: `roundsman hooks plan` says what is missing at CircleCI"
        return Finding(what="webhooks", grade=Grade.NOTE, sentence=sentence)
    grade = Grade.OK if now - last < DAY else Grade.NOTE
    return Finding(what="webhooks", grade=grade, sentence=f"the last one was accepted at {last:%Y-%m-%d %H:%M} UTC")
