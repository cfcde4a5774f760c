"""Post a message to Slack; keep the one of an incident living.

It is posted once, edited as the incident goes on, and each further piece of news is a reply in its thread. Before
something is posted again after an attempt of which the outcome is not known, it is looked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from service.channels.apprise_capture import capture
from service.channels.budget import Budget
from service.channels.failures import Recipient
from service.channels.registry import service_of
from service.channels.slack_bot import refusals
from service.channels.slack_bot.api import Refused, SlackApi
from service.channels.slack_bot.rendering import render, render_short
from service.channels.slack_bot.search import NoRightToRead, find_message, has_reply, metadata
from service.channels.slack_bot.url import problem, read_address
from service.errors import Permanent, Temporary
from service.model import Channel, Color, LivingMessage, LivingReceipt, Message, Update

BROADCAST = frozenset({Update.REMIND})
REPLACED = "the earlier one is gone, or another app's, so that it was posted anew"
MAY_BE_TWICE = "an earlier attempt may have posted it too, and the token may not read the channel to see"


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message to post, and where."""

    api: SlackApi
    channel: str
    message: Message
    notification_id: UUID

    def send(self, *, color: Color | None = None, incident_id: UUID | None = None, **more: Any) -> str:
        """Post it and return its ts. Raises Refused and Temporary."""
        marks = {"metadata": metadata(self.notification_id, incident_id)}
        answer = self._call_in_form("chat.postMessage", color, {"channel": self.channel, **marks, **more})
        if not (ts := str(answer.get("ts") or "")):
            raise Temporary("Slack took the message, but did not say where it is; it is looked for and sent again")
        return ts

    def edit(self, living: LivingMessage) -> None:
        """Edit the living message. Raises Refused and Temporary."""
        self._call_in_form("chat.update", living.color, {"channel": living.slack_channel, "ts": living.ts})

    def _call_in_form(self, method: str, color: Color | None, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call with the message in its form, or in its short one where that is too long."""
        try:
            return self.api.call(method, arguments={**arguments, **render(self.message, color)})
        except Refused as refused:
            if refused.code not in refusals.TOO_LONG:
                raise
            return self.api.call(method, arguments={**arguments, **render_short(self.message)})


def recipient(channel: Channel, secret_urls: frozenset[str]) -> Recipient:
    """Return the other side of a send, for the sentences about it.

    secret_urls   URLs of other channels
    """
    return Recipient(label=channel.label, service=service_of(channel), url=channel.url, others=secret_urls)


def send(to: Recipient, message: Message, budget: Budget, *, notification_id: UUID, base_url: str) -> str:
    """Send the message in this thread and return the receipt.

    It holds the living message, if there is one.

    Raises Temporary or Permanent.
    """
    address = read_address(to.url)
    if address is None:
        raise Permanent(f"{to.label}: {problem(to.url)}")
    with capture(budget):
        api = SlackApi(base_url, address.token, to)
        post = Post(api=api, channel=address.channel, message=message, notification_id=notification_id)
        try:
            return _send(post, f"{to.label} accepted the message")
        except Refused as refused:
            raise api.to_error(refused) from refused


def _send(post: Post, accepted: str) -> str:
    living = post.message.living
    if living is None:
        post.send()
        return accepted
    if living.slack_channel not in {None, post.channel}:  # roundsman.yaml names another channel by now
        living = replace(living, slack_channel=None, ts=None)
    told, remark = _tell(post, living, post.message.update)
    return LivingReceipt(f"{accepted}; {remark}" if remark else accepted, replace(told, unsure_since=None))


def _tell(post: Post, living: LivingMessage, update: Update) -> tuple[LivingMessage, str]:
    """Bring the living message and its thread up to date; return it, and a remark.

    A message that is not posted yet, or was deleted, is posted anew; it is news by itself, and needs no reply.
    """
    if living.ts is None:
        return _post_once(post, living, update)
    try:
        post.edit(living)
    except Refused as refused:
        if refused.code in refusals.GONE:
            told, remark = _post_once(post, replace(living, ts=None), update)
            return told, "; ".join(filter(None, (REPLACED, remark)))
        if refused.code not in refusals.NOT_EDITABLE:
            raise
        remark = _reply(post, living, is_shown=True) if update is not Update.POST else ""
        kept = f"the message above cannot be edited ({refused.code})"
        return living, f"{kept}; {remark}" if remark else kept
    if update in {Update.POST, Update.EDIT}:
        return living, "its message was edited"
    return living, _reply(post, living, is_shown=update in BROADCAST)


def _post_once(post: Post, living: LivingMessage, update: Update) -> tuple[LivingMessage, str]:
    """Post the living message, unless an earlier attempt has."""
    remark = ""
    if living.unsure_since is not None:
        try:
            found = find_message(post.api, post.channel, living.incident_id, since=living.unsure_since)
        except NoRightToRead as error:
            found, remark = None, f"{MAY_BE_TWICE} ({error})"
        if found is not None:
            there = replace(living, slack_channel=post.channel, ts=found.ts)
            is_ours = found.notification == str(post.notification_id)
            told, remark = _tell(post, there, Update.POST if is_ours else update)
            return told, f"an earlier attempt had posted it; {remark}"
    if update is Update.EDIT:
        return living, "there is no message to edit"
    ts = post.send(color=living.color, incident_id=living.incident_id)
    return replace(living, slack_channel=post.channel, ts=ts), remark


def _reply(post: Post, living: LivingMessage, *, is_shown: bool) -> str:
    """Reply in the thread, unless an earlier attempt has; return a remark.

    is_shown   in the channel too
    """
    place, remark = (str(living.slack_channel), str(living.ts)), "its message was edited, and a reply posted"
    if living.unsure_since is not None:
        try:
            if has_reply(post.api, place, post.notification_id, since=living.unsure_since):
                return "its message was edited; an earlier attempt had posted the reply"
        except NoRightToRead as error:
            remark = f"{remark}; {MAY_BE_TWICE} ({error})"
    post.send(color=living.color, thread_ts=place[1], reply_broadcast=is_shown)
    return remark
