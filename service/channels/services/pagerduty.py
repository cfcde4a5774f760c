"""PagerDuty: an incident of each workflow and branch, which a success closes."""

from typing import Any

from service.channels.channel_service import ChannelService, Dialect, Incidents, OwnForm
from service.channels.incident_keys import incident_key
from service.model import Message

MAX_SUMMARY = 1_024  # characters; developer.pagerduty.com/docs/send-alert-event


def open_or_close(plugin: Any, message: Message) -> None:
    """Open an incident under the subject's key, which a success closes.

    The summary is the title: a phone call reads it out.
    """
    plugin.dedup = plugin.dedup or (incident_key(message) if message.subject else None)
    if message.severity in {"success", "info"} and plugin.action == "trigger":
        plugin.action = "resolve"
    plugin.click = plugin.click or message.url
    plugin.source = "Roundsman" if plugin.source == "Apprise" else plugin.source
    plugin.component = "CircleCI" if plugin.component == "Notification" else plugin.component
    details = {"message": message.text, **({"why": message.page} if message.page else {})}
    plugin.details = {**details, **plugin.details}
    send = plugin.send
    plugin.send = lambda *_, **how: send(**how | {"body": message.title[:MAX_SUMMARY], "title": ""})


SERVICES = (
    ChannelService(
        name="Pager Duty",
        schemes=("pagerduty",),
        dialect=Dialect.LITERAL,
        dialect_source="developer.pagerduty.com/docs/send-alert-event: summary is a text",
        own_form=OwnForm(apply=open_or_close, look="an incident: one line, a link, the rest as details"),
        incidents=Incidents(actions=("trigger", "map", "resolve"), closes_on_success=True),
    ),
)
