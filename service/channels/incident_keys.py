"""Incidents at services: each opened and closed by one key of the track.

Apprise's plugins make a key of the title, which is another one at the end of an incident; or they keep the ids that the
service gave them in memory, which does not outlive the process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any
from urllib.parse import quote

from service.model import Message

END = "success"
OPENING_ACTIONS = frozenset({"map", "trigger", "new", "create", "critical", "warning"})


@dataclass(frozen=True, kw_only=True)
class KeyedIncidents:
    """The names in an Apprise plugin by which it opens and closes an incident.

    key      the attribute of the key; the URL's own takes precedence
    closes   the action that closes
    """

    key: str
    closes: str

    def __call__(self, plugin: Any, message: Message) -> None:
        """Let a plugin open or close the incident of the message's subject."""
        if not message.subject:  # a test: an incident of its own
            return
        if not getattr(plugin, self.key):
            setattr(plugin, self.key, incident_key(message))
        if message.severity == END and plugin.action in OPENING_ACTIONS:
            plugin.action = self.closes
        if hasattr(plugin, "click"):
            plugin.click = plugin.click or message.url


def incident_key(message: Message) -> str:
    """Return the key of the message's track: a failure opens it, a success closes it."""
    return sha256(message.subject.encode("utf-8", "replace")).hexdigest()


def open_or_recover(plugin: Any, message: Message) -> None:
    """Let the plugin of Splunk On-Call use our key, unless the URL has one.

    Its default is one key for all messages to a routing key.
    """
    if message.subject and plugin.entity_id == f"{plugin.app_id}/{plugin.routing_key}":
        plugin.entity_id = incident_key(message)
    if message.severity == END and plugin.action in OPENING_ACTIONS:
        plugin.action = "resolve"


def by_alias(addresses: str) -> Callable[[Any, Message], None]:
    """Return a form that opens and closes alerts by their alias.

    addresses   the name of the plugin's table of addresses by region

    Source: docs.opsgenie.com/docs/alert-api: "Close Alert" takes an identifierType of alias.
    """

    def apply(plugin: Any, message: Message) -> None:
        if not message.subject:
            return
        plugin.alias = plugin.alias or incident_key(message)
        if message.severity == END and plugin.action in OPENING_ACTIONS | {"close"}:
            base = getattr(import_module(type(plugin).__module__), addresses)[plugin.region_name]
            plugin.send = lambda body, **_: _close(plugin, base, body)

    return apply


def _close(plugin: Any, base: str, note: str) -> bool:
    """Close the alert by its alias; True if the service accepted."""
    import requests  # noqa: PLC0415 - only a process that sends needs it

    payload = {"source": plugin.app_desc, "note": note} | ({"user": plugin.user} if plugin.user else {})
    url = f"{base}/{quote(plugin.alias, safe='')}/close"
    accepted, _ = plugin._fetch(requests.post, url, payload, {"identifierType": "alias"})
    return bool(accepted)
