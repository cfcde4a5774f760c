"""Apprise's plugins: made from a URL, told to leave us the policy, and given the form they show literally."""

import re
from urllib.parse import unquote_plus

import apprise

from service.channels.answers import CONNECT_S, READ_S, make_safe
from service.channels.budget import Budget
from service.channels.refusal import is_refused_in_part, refusal
from service.channels.witness import never_wait, post_watch, watching
from service.errors import Permanent
from service.message import Form, fit
from service.model import Channel, Message

# Where Apprise would choose a form in which outside words do not arrive as they are: Slack's mrkdwn has no escape for
# * _ ~ and backticks, but Apprise sends text with mrkdwn off; the others render even text as Markdown, and call people.
PREFERRED = {"Slack": Form.TEXT}
RENDERS_TEXT_AS_MARKDOWN = frozenset({"Discord", "Guilded", "Fluxer", "Revolt", "Mattermost", "Zulip"})
TITLE_INSIDE_BODY = frozenset({"Discord", "Guilded", "Fluxer", "Revolt"})  # in front of the body, unescaped

# Apprise keeps nothing on disk for us, shows none of its pictures and waits in no pool of its own.
ASSET = apprise.AppriseAsset(
    app_id="Roundsman",
    app_desc="Roundsman",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
    service_timeout=0,
    http_redirects=False,
    storage_mode=apprise.PersistentStoreMode.MEMORY,
    pgp_autogen=False,
    pem_autogen=False,
)

post_watch()  # here, because a module is imported once
make_safe()


def deliver(channel: Channel, message: Message, budget: Budget) -> str:
    """Send the message now, in this thread, and return the receipt. Raises Temporary or Permanent."""
    plugin = _plugin(channel.url)
    if plugin is None:
        raise Permanent(f"{channel.label}: {check(channel.url)}")
    with watching(budget) as seen:
        accepted = _notify(plugin, message)
    if not accepted or is_refused_in_part(seen):
        raise refusal(channel.label, seen, lambda words: hidden(words, channel.url))
    answer = f", it answered {seen.responses[-1].status_code}" if seen.responses else ""
    flaw = f"; its answer {seen.flaws[-1]}" if seen.flaws else ""
    return f"{channel.label} accepted the message{answer}{flaw}"


def check(url: str) -> str | None:
    """What is wrong with the URL, in a sentence that shows at most its scheme."""
    if _plugin(url) is not None:
        return None
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://", url)
    if scheme is None:
        return "this is not an Apprise URL: it has no scheme like slack:// in front"
    return f"Apprise does not understand this {scheme[1]}:// URL: compare it with appriseit.com/services"


def hidden(words: str, url: str) -> str:
    """The words without any part of the URL that is long enough to be a secret."""
    parts = {part for part in re.split(r"[/:&=?,@#]+", url) if len(part) >= 4}
    for part in sorted(parts | {unquote_plus(part) for part in parts}, key=len, reverse=True):
        words = words.replace(part, "***")
    return words


def _plugin(url: str) -> apprise.NotifyBase | None:
    """The plugin of a URL, without the parts of its behaviour that are ours to decide."""
    try:
        plugin = apprise.Apprise.instantiate(url, asset=ASSET)
    except TypeError:  # a few plugins do not notice that Apprise could not parse the URL
        return None
    if plugin is None:
        return None
    plugin.throttle = never_wait  # type: ignore[method-assign] # reason: plugins sleep here, and some then try again
    plugin.retry = 0
    plugin.optional = False  # would report a failure as success
    plugin.redirects = False
    plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
    plugin.interpret_emojis = False
    plugin.socket_connect_timeout = CONNECT_S  # whatever the URL says
    plugin.socket_read_timeout = READ_S
    for extra in ("include_image", "include_footer", "footer", "avatar"):
        if getattr(plugin, extra, None) is True:
            setattr(plugin, extra, False)
    return plugin


def _notify(plugin: apprise.NotifyBase, message: Message) -> bool:
    """Whether the plugin sent the message. Its own form is what we say ours is, so that Apprise converts nothing."""
    service = str(plugin.service_name)
    target = plugin.resolve_format(PREFERRED.get(service))
    form = Form.MARKDOWN if service in RENDERS_TEXT_AS_MARKDOWN else Form(target.value)
    titled = plugin.title_maxlen <= 0 or service in TITLE_INSIDE_BODY
    title = "" if titled else message.title
    longest = plugin.body_maxlen - (len(title) + 32 if title else 2)  # what Apprise itself sets aside
    # Through an Apprise object, because it turns whatever a plugin raises into False.
    result = apprise.Apprise(plugin, asset=ASSET).notify(
        body=fit(message, form, longest=longest, titled=titled),
        title=title,
        body_format=target,
        notify_type=apprise.NotifyType(message.severity),
    )
    return bool(result)
