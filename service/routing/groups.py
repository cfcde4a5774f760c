"""Groups of news: the facts that news of one message share. Pure."""

from service.model import Event, Group, Notification

GROUPED_BY = ("pipeline", "track", "receiver", "fingerprint")

GroupKey = tuple[str, ...]
"""The key of a group on a channel: news with equal keys are of one group."""


def group_key(group: Group, notification: Notification, event: Event, fingerprint: str | None) -> GroupKey | None:
    """Return the key of the group that news belong to; None if they are alone.

    They are alone where a fact that they should share is unknown.

    fingerprint   that of their incident
    """
    facts = {
        "pipeline": event.pipeline.id,
        "track": None if notification.track_id is None else str(notification.track_id),
        "receiver": notification.receiver,
        "fingerprint": fingerprint,
    }
    shared = [facts[name] for name in group.by]
    if not all(shared):
        return None
    return (notification.receiver, *group.by, *(fact for fact in shared if fact))
