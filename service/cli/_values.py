"""Completion of values in a shell: fixed lists, and receivers of roundsman.yaml."""

import os
from collections.abc import Callable, Iterable

from service.config.configuration import load
from service.config.impossible import STATUSES
from service.errors import BadConfig
from service.model import NotificationState, Transition
from service.operations.queries import EVENT_VALUES, TOLD_VALUES

Complete = Callable[..., list[str]]
"""A function of the word that is completed, and of the context if it asks for that."""


def completion_of(values: Iterable[str]) -> Complete:
    """Return a function that completes a word to these values."""
    known = [str(value) for value in values]

    def complete(incomplete: str) -> list[str]:
        return _beginning(known, incomplete)

    return complete


def complete_receiver(incomplete: str) -> list[str]:
    """Return the receivers of roundsman.yaml that begin with these characters.

    None of them if the file cannot be read: a shell shows no error.
    """
    try:
        config = load(os.environ, serving=False, sending=False)
    except BadConfig:
        return []
    return _beginning(config.receivers, incomplete)


def _beginning(values: Iterable[str], incomplete: str) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


complete_status = completion_of(STATUSES)
complete_event = completion_of(EVENT_VALUES)
complete_transition = completion_of(Transition)
complete_told = completion_of(TOLD_VALUES)
complete_state = completion_of(NotificationState)
