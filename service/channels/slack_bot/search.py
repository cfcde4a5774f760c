"""Look for messages of ours after an attempt whose outcome is not known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.channels.slack_bot import refusals
from service.channels.slack_bot.api import Refused, SlackApi
from service.errors import Temporary

EVENT_TYPE = "roundsman_message"
PAGE_SIZE = 200
MAX_PAGES = 25
MAX_SKEW = timedelta(minutes=15)  # between our clock and Slack's


class NoRightToRead(Exception):
    """The token may not read the channel; the code says why."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A message of ours that was found.

    notification   the id of the one that it was posted for
    """

    ts: str
    notification: str


def metadata(notification_id: UUID, incident_id: UUID | None) -> Mapping[str, Any]:
    """Return the metadata by which a message is found again."""
    payload = {"notification": str(notification_id)}
    if incident_id is not None:
        payload["incident"] = str(incident_id)
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def find_message(api: SlackApi, channel: str, incident_id: UUID, *, since: datetime) -> Posted | None:
    """Return the newest message of an incident since a time.

    Raises NoRightToRead, Refused and Temporary.
    """
    arguments = {"channel": channel, "oldest": _oldest(since)}
    for found in _messages(api, "conversations.history", arguments):
        payload = _payload(found)
        if payload.get("incident") == str(incident_id) and found.get("thread_ts") in {None, found.get("ts")}:
            return Posted(ts=str(found.get("ts")), notification=str(payload.get("notification")))
    return None


def has_reply(api: SlackApi, place: tuple[str, str], notification_id: UUID, *, since: datetime) -> bool:
    """Tell whether a thread has the reply of a notification.

    place   the channel, and the ts of the message above the thread

    Raises NoRightToRead, Refused and Temporary.
    """
    channel, ts = place
    arguments = {"channel": channel, "ts": ts, "oldest": _oldest(since)}
    found = _messages(api, "conversations.replies", arguments)
    return any(_payload(one).get("notification") == str(notification_id) and one.get("ts") != ts for one in found)


def _messages(api: SlackApi, method: str, arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    cursor = ""
    for _ in range(MAX_PAGES):
        page = {**arguments, "include_all_metadata": True, "limit": PAGE_SIZE}
        answer = _read(api, method, {**page, "cursor": cursor} if cursor else page)
        messages = answer.get("messages")
        yield from (one for one in messages if isinstance(one, dict)) if isinstance(messages, list) else ()
        more = answer.get("response_metadata")
        cursor = str(more.get("next_cursor") or "") if isinstance(more, dict) else ""
        if not cursor:
            return
    raise Temporary(f"more than {MAX_PAGES * PAGE_SIZE} messages came since an attempt that may have posted ours")


def _read(api: SlackApi, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return api.call(method, arguments=arguments, is_json=False)
    except Refused as refused:
        if refused.code in refusals.NO_RIGHT_TO_READ:
            raise NoRightToRead(refused.code) from refused
        raise


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    found = message.get("metadata")
    if not isinstance(found, dict) or found.get("event_type") != EVENT_TYPE:
        return {}
    payload = found.get("event_payload")
    return payload if isinstance(payload, dict) else {}


def _oldest(since: datetime) -> str:
    return f"{(since - MAX_SKEW).timestamp():.6f}"
