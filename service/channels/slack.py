"""Our plugin for slack://: Apprise reads the URL and posts; we compose.

Apprise's plugin sends plain text with naked addresses, or one block of text. Ours sends rich text with named links, a
color and buttons, through incoming webhooks and bots alike.
"""

from collections.abc import Mapping
from typing import Any

from apprise.manager_plugins import NotificationManager
from apprise.plugins.slack import NotifySlack, SlackMode

from service.message import slack_message
from service.model import Message

_PLUGIN: Any = NotifySlack  # Apprise has few types
_OF_WORKFLOWS = frozenset({SlackMode.WORKFLOW, SlackMode.WORKFLOW_TRIGGER})
_COMPOSED_BY_US = ("attachments", "blocks", "text", "mrkdwn")


class Slack(_PLUGIN):  # type: ignore[misc] # reason: see above
    """The plugin of slack://, which posts messages that we compose.

    message   the message; without one, in a workflow and with a template of the URL, Apprise composes it
    """

    message: Message | None = None

    def _send(self, url: str, payload: Any, *more: Any, **how: Any) -> Any:
        """Post the message in place of Apprise's form, to the same channel."""
        if self.message is not None and "attachments" in payload and self.mode not in _OF_WORKFLOWS:
            payload = _in_our_form(payload, self.message)
        return super()._send(url, payload, *more, **how)


def _in_our_form(payload: Mapping[str, Any], message: Message) -> dict[str, Any]:
    where = {key: value for key, value in payload.items() if key not in _COMPOSED_BY_US}
    return {**where, **slack_message(message), "mrkdwn": False, "parse": "none", "link_names": False}


def register_slack_plugin() -> None:
    """Register our plugin for its schemes in the whole process; call it once."""
    manager: Any = NotificationManager
    manager().add(Slack, force=True)
