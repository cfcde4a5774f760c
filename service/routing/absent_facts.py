"""The event as it was judged: without the facts that were added to it later.

Details fill in absent facts of an event and change no other (``with_details``), so that the names of the absent ones
are enough to remove them again.
"""

from dataclasses import replace

from service.model import AbsentFacts, Event, PullRequest


def absent_facts(event: Event) -> AbsentFacts:
    """Return which of the facts that details may add the event lacks."""
    values = {
        AbsentFacts.LOGIN: event.actor.login,
        AbsentFacts.NAME: event.actor.name,
        AbsentFacts.BRANCH: event.branch,
        AbsentFacts.TAG: event.tag,
        AbsentFacts.QUEUE: event.queue_ms,
    }
    absent = AbsentFacts.NONE if event.pull_request.is_known else AbsentFacts.PULL_REQUEST
    for fact, value in values.items():
        if value is None:
            absent |= fact
    return absent


def without_facts(event: Event, absent: AbsentFacts) -> Event:
    """Return the event without these facts."""
    actor = replace(
        event.actor,
        login=None if AbsentFacts.LOGIN in absent else event.actor.login,
        name=None if AbsentFacts.NAME in absent else event.actor.name,
    )
    branch = None if AbsentFacts.BRANCH in absent else event.branch
    tag = None if AbsentFacts.TAG in absent else event.tag
    pull_request = PullRequest() if AbsentFacts.PULL_REQUEST in absent else event.pull_request
    queue_ms = None if AbsentFacts.QUEUE in absent else event.queue_ms
    return replace(event, actor=actor, branch=branch, tag=tag, pull_request=pull_request, queue_ms=queue_ms)
