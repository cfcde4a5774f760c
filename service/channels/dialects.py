"""Dialects: how services treat text, so that untrusted text is shown literally.

LITERAL   the text is shown, or read by a program, as it is
CODE      text is rendered as Markdown that knows code spans, in which nothing acts
GUARDED   something in a text may act, or the service was not looked up: untrusted text is broken by ``markup_guard``

A service that is not named here was not looked up, and gets the guarded form, which is safe everywhere. Services have
their Apprise names; each entry names the page that is its source, or "not looked up" where the page was not available
and the entry is from memory.
"""

from dataclasses import dataclass
from enum import StrEnum

NOT_LOOKED_UP = "not looked up"


class Dialect(StrEnum):
    """The way in which untrusted text is kept from acting."""

    LITERAL = "literal"
    CODE = "code"
    GUARDED = "guarded"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The longest text that a service accepts, title included, and the unit of it.

    Services that are not in LIMITS have Apprise's limits, in characters.
    """

    max_length: int
    is_bytes: bool
    source: str


SMS = "3GPP TS 23.040: a short message is characters, without any markup"
MAIL = "RFC 5322 and RFC 2045: a subject and a text part are characters; our HTML is escaped"
RADIO = "APRS101 and POCSAG: a radio message is ASCII characters"
PROGRAM = "a program of the operator's own reads it"

DIALECTS: dict[str, tuple[Dialect, str]] = {
    **dict.fromkeys(
        ("AMQP", "Form", "JSON", "MQTT Notification", "Remote Syslog", "Syslog", "XML"), (Dialect.LITERAL, PROGRAM)
    ),
    **dict.fromkeys(
        (
            "AWS Simple Email Service (SES)",
            "Brevo",
            "E-Mail",
            "Groundmail",
            "MailerSend",
            "Mailgun",
            "Office 365",
            "Postmark",
            "Resend",
            "SMTP2Go",
            "SendGrid",
            "SendPulse",
            "SparkPost",
        ),
        (Dialect.LITERAL, MAIL),
    ),
    **dict.fromkeys(
        (
            "46elks",
            "800.com",
            "AWS Simple Notification Service (SNS)",
            "Africas Talking",
            "BulkSMS",
            "BulkVS",
            "CM.com",
            "ClickSend",
            "Clickatell",
            "D7 Networks",
            "Exotel",
            "Free-Mobile",
            "Infobip",
            "Kaleyra",
            "Kavenegar",
            "Kudosity",
            "MSG91",
            "MessageBird",
            "Mobile Message",
            "Notifyre",
            "Octopush",
            "Plivo",
            "RingCentral",
            "SMPP",
            "SMS Eagle",
            "SMS Manager",
            "SMSC",
            "SMSTunnel",
            "SerwerSMS",
            "Sinch",
            "Société Française du Radiotéléphone",
            "Telesign",
            "Telnyx",
            "Twilio",
            "VoIPms",
            "Vonage",
            "httpSMS",
            "seven",
        ),
        (Dialect.LITERAL, SMS),
    ),
    **dict.fromkeys(("Aprs", "Dapnet"), (Dialect.LITERAL, RADIO)),
    "Slack": (
        Dialect.LITERAL,
        "docs.slack.dev/messaging/formatting-message-text: escaped by Apprise, mrkdwn off",
    ),
    "Pushover": (Dialect.LITERAL, "pushover.net/api#html: without html=1 the message is plain"),
    "ntfy": (Dialect.LITERAL, "docs.ntfy.sh/publish/#markdown-formatting: off unless asked for"),
    "Gotify": (Dialect.LITERAL, "github.com/gotify/server/issues/797: plain unless extras name text/markdown"),
    "Pager Duty": (Dialect.LITERAL, "developer.pagerduty.com/docs/send-alert-event: summary is a text"),
    "Discord": (
        Dialect.CODE,
        "discord.com/developers/docs/resources/message: code spans; names are called by allowed_mentions alone",
    ),
    "Mattermost": (Dialect.GUARDED, "not looked up: docs.mattermost.com/collaborate/format-messages.html"),
    "Zulip": (Dialect.GUARDED, "not looked up: zulip.com/help/format-your-message-using-markdown"),
    "Cisco Webex Teams": (Dialect.GUARDED, "not looked up: developer.webex.com/docs/basics"),
    "GitHub": (Dialect.GUARDED, "not looked up: github.github.com/gfm: code spans, in which a name mentions no user"),
    "Apprise API": (Dialect.GUARDED, "github.com/caronc/apprise-api: it passes the text on, to plugins that act on it"),
    # In these something is known to act. Unknown services get the same guarded form.
    "DingTalk": (
        Dialect.GUARDED,
        "cnblogs.com/Fogram-c/p/16992729.html, a copy of DingTalk's own page: @mobile in a text",
    ),
    "Feishu": (
        Dialect.GUARDED,
        "apifox.com/apidoc/docs-site/532425/doc-1944903, a copy of Feishu's own page: <at user_id>",
    ),
    "Lark (Feishu)": (
        Dialect.GUARDED,
        "apifox.com/apidoc/docs-site/532425/doc-1944903, a copy of Feishu's own page: <at user_id>",
    ),
    "Google Chat": (
        Dialect.GUARDED,
        "developers.google.com/workspace/chat/format-messages: <users/all>, <url|text>",
    ),
    "Telegram": (Dialect.GUARDED, "core.telegram.org/bots/api#formatting-options: @name, bare addresses"),
    "Matrix": (Dialect.GUARDED, "not looked up: spec.matrix.org, push rules: @room"),
    "Mastodon": (Dialect.GUARDED, "not looked up: docs.joinmastodon.org/spec/activitypub: @user@host"),
    "Misskey": (Dialect.GUARDED, "not looked up: misskey-hub.net, MFM: @user@host"),
    "Nextcloud Talk": (Dialect.GUARDED, "not looked up: nextcloud-talk.readthedocs.io: @all, Markdown"),
    "Synology Chat": (Dialect.GUARDED, "not looked up: kb.synology.com, incoming webhooks: <url|text>"),
    "Power Automate / Workflows (for MSTeams)": (
        Dialect.GUARDED,
        "learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format: Markdown, <at>",
    ),
    "OneBot": (Dialect.GUARDED, "not looked up: github.com/botuniverse/onebot-11, message segments: [CQ:at,qq=all]"),
    "Kook": (Dialect.GUARDED, "not looked up: developer.kookapp.cn/doc/kmarkdown: (met)all(met)"),
    "HomeAssistant": (
        Dialect.GUARDED,
        "not looked up: home-assistant.io/integrations/persistent_notification: Markdown",
    ),
}

LIMITS: dict[str, Limit] = {
    "WeCom Bot": Limit(
        max_length=2_048,
        is_bytes=True,
        source="cnblogs.com/tiandi/p/17768525.html, a copy of developer.work.weixin.qq.com/document/path/91770",
    ),
    "WeChat (WeCom)": Limit(
        max_length=2_048, is_bytes=True, source="not looked up: developer.work.weixin.qq.com/document/path/90236"
    ),
    "DingTalk": Limit(
        max_length=19_000,
        is_bytes=True,
        source="not looked up: open.dingtalk.com: 20,000 bytes for the whole request",
    ),
    "Feishu": Limit(
        max_length=19_000,
        is_bytes=True,
        source="open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.md: 20 KB for the whole request",
    ),
    "Lark (Feishu)": Limit(
        max_length=19_000,
        is_bytes=True,
        source="open.larkoffice.com/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN.md: 20 KB for the whole request",
    ),
    "Bark": Limit(
        max_length=3_000,
        is_bytes=True,
        source="developer.apple.com/documentation/usernotifications/generating-a-remote-notification: 4 KB in all",
    ),
    "Gorush": Limit(
        max_length=3_000,
        is_bytes=True,
        source="developer.apple.com/documentation/usernotifications/generating-a-remote-notification: 4 KB in all",
    ),
    "Pushy": Limit(
        max_length=1_500,
        is_bytes=True,
        source="pushy.me/docs/api/send-notifications: 4 kB of data, in which Apprise puts the text twice",
    ),
    "IRC": Limit(
        max_length=380, is_bytes=True, source="not looked up: RFC 2812, 2.3: 512 bytes for a line, prefix included"
    ),
    "Telegram": Limit(max_length=4_096, is_bytes=False, source="core.telegram.org/bots/api#sendmessage: characters"),
    "Pushover": Limit(max_length=1_024, is_bytes=False, source="pushover.net/api#limits: characters of four bytes"),
    "Zulip": Limit(
        max_length=10_000,
        is_bytes=False,
        source="github.com/zulip/zulip-flutter/pull/1239: code points, by zulip.com/api/send-message",
    ),
    "ntfy": Limit(
        max_length=4_000,
        is_bytes=True,
        source="docs.ntfy.sh/publish/#limitations: 4,096 bytes, then a file",
    ),
}


def dialect_of(service: str) -> Dialect:
    """Return the dialect of a service; GUARDED for an unknown one."""
    return DIALECTS.get(service, (Dialect.GUARDED, NOT_LOOKED_UP))[0]


def is_mail_service(service: str) -> bool:
    """Tell whether a service sends mail, by SMTP or by an API."""
    return DIALECTS.get(service, (Dialect.GUARDED, ""))[1] is MAIL
