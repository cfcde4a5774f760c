"""Known problems in messages: name them, reopen what is back, drop the muted."""

from dataclasses import replace
from datetime import datetime, timedelta

from service.db.tables import Transaction
from service.message.blocks import link, untrusted
from service.model import Details, KnownProblem, Line, Notification
from service.pipeline.context import Context
from service.routing.known_problems import KnownFailures, find_known
from service.store.audit import actions
from service.store.incidents import known_problems
from service.store.notifications import notifications

BACK_FOR = timedelta(hours=1)  # in which messages say that it was reopened
MAX_NAMED = 3


def find_problems(transaction: Transaction, context: Context, details: Details | None, now: datetime) -> KnownFailures:
    """Return the known problems in the details of an event.

    The first failure that matches a closed problem reopens it.
    """
    if details is None or not details.jobs:
        return KnownFailures()
    every = [*context.known_problems, *known_problems.find_all(transaction)]
    found = find_known(details, every, now)
    back = tuple(_reopened(transaction, problem, now) for problem in found.problems)
    # is_muted asks whether they were open before: what came back is told
    return replace(found, problems=back, is_all=found.is_all and all(one.is_open(now) for one in found.problems))


def _reopened(transaction: Transaction, problem: KnownProblem, now: datetime) -> KnownProblem:
    if problem.is_open(now) or problem.is_from_file:
        return problem
    known_problems.reopen(transaction, problem, now)
    return known_problems.find(transaction, problem.id)


def drop_muted(transaction: Transaction, notification: Notification, known: KnownFailures, now: datetime) -> bool:
    """Drop a message of muted problems alone; False if it is to be sent.

    One that an operator asked to be sent again is sent.
    """
    if notification.attempts or not known.problems or not known.is_muted(now):
        return False
    if any(action.verb == "resend" for action in actions.of_subjects(transaction, [notification.id])):
        return False
    titles = ", ".join(problem.title for problem in known.problems[:MAX_NAMED])
    reason = f"muted: all of it is a known problem ({titles})"
    return bool(notifications.drop(transaction, [notification.id], reason=reason))


def problem_notes(known: KnownFailures, now: datetime) -> tuple[Line, ...]:
    """Return the sentences of a message on known problems, each with its link."""
    return tuple(_note(problem, now) for problem in known.problems[:MAX_NAMED])


def _note(problem: KnownProblem, now: datetime) -> Line:
    owner = (", ", *untrusted(problem.owner, 80), " has it") if problem.owner else ()
    is_back = not problem.is_open(now) or (problem.reopened_at is not None and now - problem.reopened_at < BACK_FOR)
    back = (" It was closed, and is back: it counts as open again.",) if is_back else ()
    return ("Known problem: ", *link(untrusted(problem.title, 200), problem.link), *owner, ".", *back)
