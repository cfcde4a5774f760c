"""Services of incidents: a failure opens one there, so that good news must not be told in the same way."""

from hashlib import sha256
from typing import Any

from service.model import Message

# By Apprise's names: each message is an incident there, an alert that rings, or an issue that a person must close.
OPENS = frozenset(
    {
        "Better Stack",
        "FireHydrant",
        "GitHub",
        "GoAlert",
        "Jira",
        "LFG Alarm",
        "Opsgenie",
        "Pager Duty",
        "PagerTree",
        "SIGNL4",
        "Spike.sh",
        "Splunk On-Call",
        "Squadcast",
        "ilert",
        "incident.io",
        "xMatters",
    }
)
CLOSING_ACTIONS = frozenset({"map", "resolve", "close"})
QUIET = frozenset({"success", "info"})


def key_of(message: Message) -> str:
    """Return the key of the incident that a message is about: its failure opens it, and its success closes it."""
    return sha256(message.subject.encode()).hexdigest()


def is_unwanted(service: str, plugin: Any, message: Message) -> bool:
    """Tell whether a message would open an incident though nothing has failed.

    A success goes where it closes an incident. A message about no build is a test, which an operator asked for.
    """
    if service not in OPENS or message.severity not in QUIET or not message.subject:
        return False
    closes = service == "Pager Duty" or getattr(plugin, "action", None) in CLOSING_ACTIONS
    return message.severity == "info" or not closes
