"""Services of incidents: each message opens one, so good news must not be sent."""

import re
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from service.model import Channel, Message

# By Apprise's names: each message becomes an incident, an alert that rings, or an issue that a person must close.
OPENS_INCIDENTS = frozenset(
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
NO_FAILURE = frozenset({"success", "info"})

# The same services by the schemes of their URLs, with the values of ``action=`` in Apprise's order, default first.
_ALERT = ("map", "new", "close", "delete", "acknowledge", "note")
_SPLUNK = ("map", "info", "acknowledgement", "warning", "recovery", "resolve", "critical")
ACTIONS: dict[str, tuple[str, ...]] = {
    "betterstack": (),
    "firehydrant": ("map", "trigger", "resolve"),
    "github": (),
    "goalert": ("map", "trigger", "close"),
    "goalerts": ("map", "trigger", "close"),
    "ilert": ("map", "trigger", "acknowledge", "resolve"),
    "incidentio": ("map", "trigger", "resolve"),
    "jira": _ALERT,
    "lfg": (),
    "opsgenie": _ALERT,
    "pagerduty": ("trigger", "map", "resolve"),
    "pagertree": ("create", "acknowledge", "resolve", "map"),
    "signl4": ("trigger", "map", "acknowledge", "resolve"),
    "spike": (),
    "splunk": _SPLUNK,
    "squadcast": ("map", "trigger", "resolve"),
    "victorops": _SPLUNK,
    "xmatters": (),
}
CLOSES_ON_SUCCESS = frozenset({"pagerduty"})  # cards.py sends a success as a resolve

# Apprise also accepts the webhook URLs that these services show their users.
KIND_BY_ADDRESS = {
    r"https?://signals\.firehydrant\.com/v1/process/": "firehydrant",
    r"https://api\.spike\.sh/v1/alerts/": "spike",
    r"https?://alert\.victorops\.com/integrations/generic/": "victorops",
    r"https?://api\.(eu\.)?squadcast\.com/v2/incidents/api/": "squadcast",
    r"https?://api\.incident\.io/v2/alert_events/http/": "incidentio",
    r"https?://api\.lfg\.gm/horn/": "lfg",
    r"https?://[a-z0-9.-]+\.xmatters\.com/api/integration/": "xmatters",
}


def incident_key(message: Message) -> str:
    """Return the incident's key: a failure opens it, a success closes it."""
    return sha256(message.subject.encode()).hexdigest()


def is_needless_incident(service: str, plugin: Any, message: Message) -> bool:
    """Tell whether a message would open an incident though nothing has failed.

    A success that closes an incident is sent. So is a message without a subject: a test, which an operator asked for.
    """
    if service not in OPENS_INCIDENTS or message.severity not in NO_FAILURE or not message.subject:
        return False
    closes = service == "Pager Duty" or getattr(plugin, "action", None) in CLOSING_ACTIONS
    return message.severity == "info" or not closes


def gets_no_good_news(channel: Channel, severity: str) -> bool:
    """Tell whether a channel must get no message of this severity.

    Such a message would open an incident though nothing has failed. Decided by the URL alone, without Apprise; an
    ``action=`` that Apprise reads in another way is left to ``is_needless_incident``.
    """
    by_address = (scheme for start, scheme in KIND_BY_ADDRESS.items() if re.match(start, channel.url, re.IGNORECASE))
    scheme = next(by_address, channel.kind)
    if scheme not in ACTIONS or severity not in NO_FAILURE:
        return False
    return severity == "info" or not (scheme in CLOSES_ON_SUCCESS or _action(scheme, channel.url) in CLOSING_ACTIONS)


def _action(scheme: str, url: str) -> str | None:
    """Return the action of a URL, by its first letters as in Apprise, or the default."""
    params = {name.lower(): value.strip().lower() for name, value in parse_qsl(url.partition("?")[2])}
    actions = ACTIONS[scheme]
    given = params.get("action")
    named = (action for action in actions if given and action.startswith(given))
    return next(named, next(iter(actions), None))
