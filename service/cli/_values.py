"""Values that a shell completes: those of a fixed list, and the receivers of roundsman.yaml."""

import os
from collections.abc import Callable, Iterable

from service.config.configuration import load
from service.config.warnings import STATUSES
from service.errors import BadConfig
from service.model import EventKind, NotificationState

Complete = Callable[[str], list[str]]


def completion_of(values: Iterable[str]) -> Complete:
    """Return what completes a word to one of these values."""
    known = [str(value) for value in values]

    def complete(incomplete: str) -> list[str]:
        return _beginning(known, incomplete)

    return complete


def complete_receiver(incomplete: str) -> list[str]:
    """Return the receivers of roundsman.yaml that begin so; none where it cannot be read: a shell shows no error."""
    try:
        config = load(os.environ, serving=False, sending=False)
    except BadConfig:
        return []
    return _beginning(config.receivers, incomplete)


def _beginning(values: Iterable[str], incomplete: str) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


complete_status = completion_of(STATUSES)
complete_event = completion_of([*EventKind, "any"])
complete_told = completion_of(["none", "any"])
complete_state = completion_of(NotificationState)
