"""Minimum intervals between messages to a channel, as services document them.

A service that gets messages faster answers 429, or closes the account. A channel without a documented interval gets
messages as fast as it answers, one at a time; its Retry-After is respected in any case.
"""

import re
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from service.model import Channel

# Pauses of a channel, during which only the first of its waiting messages is tried: after a timeout, because some
# twenty hanging channels would occupy every send slot; and after a 429 without Retry-After (RATE_LIMIT_PAUSE_S).
TIMEOUT_PAUSE_S = 60.0
MIN_TIMEOUT_PAUSE_S = 10.0  # after a send that took longer than the deadline
MAIL_DEADLINE_S = 10.0  # shorter: many hanging mail servers must not occupy the slots of others
DEADLINE_S = 30.0  # then the send's slot is free; its answer is still waited for
RATE_LIMIT_PAUSE_S = 30.0

# Sources (read 2026-11-22): Slack, "Rate limits": one message a second for each channel; Google Chat, "Usage limits":
# 60 writes a minute for each space, webhooks included; Telegram, support FAQ: 20 messages a minute to a group.
# Read 2026-11-28: Microsoft Teams: four requests a second, by "Create Incoming Webhooks" (learn.microsoft.com); for
# workflows no page was found that gives another figure. Feishu and Lark: 100 messages a minute and five a second for
# each custom bot (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.md). DingTalk: 20 a minute for each robot,
# then none for ten minutes (cnblogs.com/Fogram-c/p/16992729.html, a copy of its page). WeCom: 20 a minute for each
# robot (hexdocs.pm/wechat_sdk/WeChat.Work.ChatRobot.html, which quotes its page).
MIN_INTERVALS = {
    "slack": timedelta(seconds=1),
    "gchat": timedelta(seconds=1),
    "tgram": timedelta(seconds=3),
    "workflow": timedelta(seconds=0.25),
    "workflows": timedelta(seconds=0.25),
    "feishu": timedelta(seconds=0.6),
    "lark": timedelta(seconds=0.6),
    "dingtalk": timedelta(seconds=3),
    "wecombot": timedelta(seconds=3),
}
# Apprise also accepts the webhook URLs that these services show their users.
KIND_BY_ADDRESS = {
    r"https://hooks\.slack(-gov)?\.com/": "slack",
    r"https://chat\.googleapis\.com/": "gchat",
    r"https://open\.larksuite\.com/open-apis/bot/v2/hook/": "lark",
    r"https?://qyapi\.weixin\.qq\.com/": "wecombot",
    r"https?://[^/]+(/powerautomate/[^?]+)?/workflows/[^/]+/triggers/manual/paths/invoke": "workflows",
}

MAIL_KINDS = frozenset({"mailto", "mailtos", "deltachat", "deltachats"})


def is_mail(channel: Channel) -> bool:
    """Tell whether the channel is a mail server, which may take minutes to answer."""
    return channel.kind in MAIL_KINDS


def server_lane(channel: Channel) -> str | None:
    """Return the lane of the channel's mail server, or None if it is not mail.

    All channels of a mail server share its lane, so it gets one mail at a time: a server that hangs blocks one send,
    and a server that limits its connections never gets two.
    """
    if not is_mail(channel):
        return None
    return f"mail {sha256(_mail_host(channel.url).encode()).hexdigest()[:16]}"


def _mail_host(url: str) -> str:
    try:
        address = urlsplit(url)
    except ValueError:  # brackets without an IPv6 address: the URL stands for the server
        return url
    named = parse_qs(address.query).get("smtp")
    server = named[-1] if named else address.netloc.rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", server.lower())


def timeout_pause_s(age_s: float) -> float:
    """Return the pause in seconds after a timeout; shorter after a long send.

    Send and pause together take about the same time in all cases.
    """
    return min(TIMEOUT_PAUSE_S, max(MIN_TIMEOUT_PAUSE_S, DEADLINE_S + TIMEOUT_PAUSE_S - age_s))


def min_interval(channel: Channel) -> timedelta:
    """Return the minimum interval between two messages; zero if none is documented."""
    by_address = (kind for start, kind in KIND_BY_ADDRESS.items() if re.match(start, channel.url, re.IGNORECASE))
    return MIN_INTERVALS.get(next(by_address, channel.kind), timedelta())
