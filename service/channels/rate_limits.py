"""How far apart messages to a channel must be, where those who run it say so.

A channel that is sent messages faster answers 429, or closes the account. Where nothing is documented, a channel is
told as fast as it answers, one message at a time, and its Retry-After is honoured all the same.
"""

import re
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from service.model import Channel

# Of all that waits for a channel only the first is tried meanwhile. For one that keeps us waiting, because some twenty
# that do so would take all the room there is for sending; for one that says 429, but not until when.
TIMEOUT_PAUSE_S = 60.0
MIN_TIMEOUT_PAUSE_S = 10.0  # when it has kept us waiting for longer than the others' patience
MAIL_DEADLINE_S = 10.0  # many mail servers that hang, with minutes to do so, must not hold the places of others
DEADLINE_S = 30.0  # after this, others take the place of a send; its answer is listened for a while longer
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
# Apprise also takes the addresses that these services show their users.
KIND_BY_ADDRESS = {
    r"https://hooks\.slack(-gov)?\.com/": "slack",
    r"https://chat\.googleapis\.com/": "gchat",
    r"https://open\.larksuite\.com/open-apis/bot/v2/hook/": "lark",
    r"https?://qyapi\.weixin\.qq\.com/": "wecombot",
    r"https?://[^/]+(/powerautomate/[^?]+)?/workflows/[^/]+/triggers/manual/paths/invoke": "workflows",
}

MAIL_KINDS = frozenset({"mailto", "mailtos", "deltachat", "deltachats"})


def is_mail(channel: Channel) -> bool:
    """Tell whether a mail server takes the channel's messages, which may take its minutes over it."""
    return channel.kind in MAIL_KINDS


def server_lane(channel: Channel) -> str | None:
    """Return the lane that the channel shares with all others of its mail server; None for what is no mail.

    A mail server gets one mail at a time, to whomever: one that hangs keeps one of us waiting, and one that limits its
    connections is never asked for two.
    """
    if not is_mail(channel):
        return None
    return f"mail {sha256(_mail_host(channel.url).encode()).hexdigest()[:16]}"


def _mail_host(url: str) -> str:
    try:
        address = urlsplit(url)
    except ValueError:  # brackets that are no address; such a URL has itself for a server
        return url
    named = parse_qs(address.query).get("smtp")
    server = named[-1] if named else address.netloc.rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", server.lower())


def timeout_pause_s(age_s: float) -> float:
    """Return how long to leave a channel alone that has not answered a send of this age: in all about the same."""
    return min(TIMEOUT_PAUSE_S, max(MIN_TIMEOUT_PAUSE_S, DEADLINE_S + TIMEOUT_PAUSE_S - age_s))


def min_interval(channel: Channel) -> timedelta:
    """Return how long after one message the next may be sent; zero where no service says."""
    by_address = (kind for start, kind in KIND_BY_ADDRESS.items() if re.match(start, channel.url, re.IGNORECASE))
    return MIN_INTERVALS.get(next(by_address, channel.kind), timedelta())
