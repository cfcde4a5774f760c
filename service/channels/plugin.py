"""Apprise's plugins: created from a URL, without retries and waits of their own."""

import re
from difflib import get_close_matches
from uuid import UUID

import apprise
from apprise.manager_plugins import NotificationManager

from service.channels.apprise_capture import capture, install_hooks, no_throttle
from service.channels.budget import Budget
from service.channels.channel_service import ChannelService, Dialect, Limit
from service.channels.failures import Recipient, classify_answers, classify_failure, receipt
from service.channels.incident_services import is_needless_incident
from service.channels.mail import Mail, register_mail_plugin
from service.channels.plain_text import plain_text_for, replace_html_to_text
from service.channels.registry import OTHER_WORDS, find_service
from service.channels.safe_answers import CONNECT_S, READ_S, install_answer_limits
from service.channels.slack import register_slack_plugin
from service.channels.slack_bot import url as slack_bot_url
from service.errors import Permanent
from service.message import (
    Form,
    Guard,
    RenderOptions,
    guard_hosts,
    guard_hosts_visibly,
    guard_markup,
    mail_html,
    mail_text,
    render_body,
)
from service.model import Channel, Message

# Apprise writes nothing to disk, shows no pictures of its own and uses no thread pool.
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

install_hooks()  # at import, because a module is imported once
install_answer_limits()
register_mail_plugin()
register_slack_plugin()
replace_html_to_text()


def send(
    channel: Channel,
    message: Message,
    budget: Budget,
    *,
    notification_id: UUID,
    secret_urls: frozenset[str] = frozenset(),
) -> str:
    """Send the message in this thread and return the receipt.

    Raises Temporary or Permanent.
    """
    plugin = create(channel.url)
    if plugin is None or _problem(plugin):
        raise Permanent(f"{channel.label}: {check(channel.url)}")
    service = find_service(str(plugin.service_name))
    if is_needless_incident(service, plugin, message):
        return f"{channel.label} was not told: each message opens an incident there, and nothing has failed"
    _use_own_form(service, plugin, message)
    if isinstance(plugin, Mail):
        plugin.message, plugin.notification_id = message, notification_id
    with capture(budget) as trace:
        accepted = _notify(service, plugin, message)
    to = Recipient(label=channel.label, service=service, url=channel.url, others=secret_urls)
    error = classify_answers(to, trace) if accepted else classify_failure(to, trace)
    if error is not None:
        raise error
    return receipt(to, trace)


def check(url: str) -> str | None:
    """Return the problem of a URL, a sentence that shows its scheme at most, or None."""
    if (plugin := create(url)) is not None:
        return _problem(plugin)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://", url)
    if scheme is None:
        return "this is not an Apprise URL: it has no scheme like slack:// in front"
    written, known = scheme[1].lower(), _schemes()
    if written not in known:
        likely = [OTHER_WORDS[written]] if written in OTHER_WORDS else get_close_matches(written, known, n=1)
        hint = f"did you mean {likely[0]}://?" if likely else "appriseit.com/services lists them all"
        return f"no service has URLs that begin with {scheme[1]}://; {hint}"
    return f"Apprise does not understand this {scheme[1]}:// URL: compare it with appriseit.com/services"


def _schemes() -> list[str]:
    """Return what URLs of channels begin with."""
    every = NotificationManager().schemas()  # type: ignore[no-untyped-call] # reason: Apprise has no types there
    return sorted({*every, slack_bot_url.KIND})


def _problem(plugin: apprise.NotifyBase) -> str | None:
    """Return the problem of a URL that Apprise understands, or None."""
    if not isinstance(plugin, Mail):
        return None
    for name in ("user", "password"):
        if not (getattr(plugin, name) or "").isascii():  # smtplib encodes them as ASCII only
            return f"the {name} holds a character that mail servers cannot be given; use one of ASCII alone"
    return None


def create(url: str) -> apprise.NotifyBase | None:
    """Return the plugin of a URL, or None if Apprise does not understand it.

    Retries, waits, redirects and pictures of the plugin are off: their policy is ours.
    """
    try:
        plugin = apprise.Apprise.instantiate(url, asset=ASSET)
    except TypeError:  # a few plugins do not check whether Apprise could parse the URL
        return None
    if plugin is None:
        return None
    plugin.throttle = no_throttle  # type: ignore[method-assign] # reason: plugins sleep here, and some then try again
    plugin.retry = 0
    plugin.optional = False  # True would report a failure as a success
    plugin.redirects = False
    plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
    plugin.interpret_emojis = False
    plugin.socket_connect_timeout = CONNECT_S  # overrides the URL's
    plugin.socket_read_timeout = READ_S
    for extra in ("include_image", "include_footer", "footer", "avatar"):
        if getattr(plugin, extra, None) is True:
            setattr(plugin, extra, False)
    return plugin


def _use_own_form(service: ChannelService, plugin: apprise.NotifyBase, message: Message) -> None:
    """Let a plugin send the message in the service's own form, if there is one.

    Its content is replaced on the plugin object. A template in the URL takes precedence.
    """
    if service.own_form is not None and message.story and not getattr(plugin, "template", None):
        service.own_form.apply(plugin, message)


def _notify(service: ChannelService, plugin: apprise.NotifyBase, message: Message) -> bool:
    """Send the message in the plugin's own form, so that Apprise converts nothing.

    True if it worked by Apprise's word.
    """
    if service.format is not None:
        plugin._format_override = None
    target = plugin.resolve_format(service.format)
    form = Form.MARKDOWN if service.is_text_markdown else Form(target.value)
    has_title = plugin.title_maxlen > 0 and not service.has_title_inside
    guard = _guard(service, plugin)
    title = (guard(message.title) if guard else message.title) if has_title else ""
    options = _render_options(service, plugin, form, title)
    body = (
        mail_html(message, max_length=options.max_length)
        if service.sends_mail and form is Form.HTML
        else render_body(message, form, options)
    )
    with plain_text_for(body, mail_text(message) if service.sends_mail else render_body(message, Form.TEXT, options)):
        # An Apprise object turns each exception of a plugin into False.
        result = apprise.Apprise(plugin, asset=ASSET).notify(
            body=body, title=title, body_format=target, notify_type=apprise.NotifyType(message.severity)
        )
    return bool(result)


def _render_options(service: ChannelService, plugin: apprise.NotifyBase, form: Form, title: str) -> RenderOptions:
    limit = service.limit or Limit(max_length=plugin.body_maxlen, is_bytes=False, source="Apprise")
    size = _bytes if limit.is_bytes else len
    return RenderOptions(
        max_length=limit.max_length - (size(title) + 32 if title else 2),  # reserved by Apprise
        size=size,
        has_title=not title,
        guard=None if service.dialect is Dialect.CODE and form is Form.MARKDOWN else _guard(service, plugin),
    )


def _guard(service: ChannelService, plugin: apprise.NotifyBase) -> Guard | None:
    """Return the function that breaks untrusted text where it could act there."""
    match service.dialect_of(plugin):
        case Dialect.LITERAL:
            return None
        case Dialect.LINKED:
            return guard_hosts_visibly if service.is_short_message else guard_hosts
    return guard_markup


def _bytes(text: str) -> int:
    return len(text.encode())
