"""The key of a piece of news, by which two events lead to one message. Pure."""

from hashlib import sha256

from service.model import Event

MAX_KEY_BYTES = 2_600  # of the 2,704 of an entry of a Postgres index, which holds a channel's key beside it


def news_key(event: Event) -> str:
    """Return the key of the news in an event: its job or workflow, and the status.

    Canceling a workflow with N jobs posts N+1 ``workflow-completed`` events with one status: one piece of news. The key
    is part of an index: one that is longer than any real one is hashed.
    """
    if event.job is not None:
        return _indexable(f"job:{event.job.id or event.source_event_id}:{event.status}")
    return _indexable(f"workflow:{event.workflow.id or event.source_event_id}:{event.status}")


def _indexable(text: str) -> str:
    spelled = text.encode(errors="replace")
    return text if len(spelled) <= MAX_KEY_BYTES else f"sha256:{sha256(spelled).hexdigest()}"
