"""Chats of teams and of people.

Codes by services' own pages: Slack (docs.slack.dev/reference/methods/chat.postMessage), Telegram
(core.telegram.org/bots/api, "Making requests").
"""

from datetime import timedelta

from service.channels.channel_service import ChannelService, Dialect, Limit, OwnForm, Pace, set_message
from service.channels.refusal_forms import (
    NOTHING,
    SLACK_RATE_LIMITED,
    SLACK_TRANSIENT,
    RefusalForm,
    TextForm,
    WaitField,
)
from service.message import Form

_NEXTCLOUD_REFUSALS = (RefusalForm(code=("ocs", "meta", "statuscode"), yes=frozenset({"100", "200", "201"})),)
_NEXTCLOUD_TEXT_REFUSALS = (TextForm(start=r"<\?xml.*?<statuscode>(?!100<|200<|201<)(\d+)</statuscode>"),)

SERVICES = (
    ChannelService(
        name="Slack",
        schemes=("slack",),
        addresses=(r"https://hooks\.slack(-gov)?\.com/",),
        dialect=Dialect.LITERAL,
        dialect_source="docs.slack.dev/reference/block-kit/blocks/rich-text-block: elements, no markup",
        guarded_modes=frozenset({"workflow", "trigger"}),  # a variable of a workflow, whose steps may read markup in it
        format=Form.TEXT,  # for workflows; all else is rich text, whose elements are no markup
        own_form=OwnForm(apply=set_message, look="rich text with a color and buttons"),
        pace=Pace(
            interval=timedelta(seconds=1),
            source='Slack, "Rate limits", read 2026-11-22: one message a second for each channel',
        ),
        refusals=(
            RefusalForm(code=("error",), yes=NOTHING, rate_limited=SLACK_RATE_LIMITED, transient=SLACK_TRANSIENT),
        ),
        text_refusals=(
            TextForm(
                start=r"(?!ok\Z)([a-z]+(?:_[a-z]+)*)\Z",
                rate_limited=SLACK_RATE_LIMITED,
                transient=SLACK_TRANSIENT,
            ),
        ),
    ),
    ChannelService(
        name="Google Chat",
        schemes=("gchat",),
        addresses=(r"https://chat\.googleapis\.com/",),
        dialect_source="developers.google.com/workspace/chat/format-messages: <users/all>, <url|text>",
        pace=Pace(
            interval=timedelta(seconds=1),
            source=(
                'Google Chat, "Usage limits", read 2026-11-22: 60 writes a minute for each space, webhooks included'
            ),
        ),
    ),
    ChannelService(
        name="Telegram",
        schemes=("tgram",),
        dialect_source="core.telegram.org/bots/api#formatting-options: @name, bare addresses",
        limit=Limit(max_length=4_096, is_bytes=False, source="core.telegram.org/bots/api#sendmessage: characters"),
        pace=Pace(
            interval=timedelta(seconds=3),
            source="Telegram, support FAQ, read 2026-11-22: 20 messages a minute to a group",
        ),
        waits=(WaitField(path=("parameters", "retry_after")),),
    ),
    ChannelService(
        name="Mattermost",
        schemes=("mmost", "mmosts"),
        dialect_source="not looked up: docs.mattermost.com/collaborate/format-messages.html",
        is_text_markdown=True,
    ),
    ChannelService(
        name="Zulip",
        schemes=("zulip",),
        dialect_source=(
            "zulip.readthedocs.io/en/12.0/subsystems/markdown.html: Python-Markdown with changes, no CommonMark; "
            "not looked up: what acts in its code spans"
        ),
        limit=Limit(
            max_length=10_000,
            is_bytes=False,
            source="github.com/zulip/zulip-flutter/pull/1239: code points, by zulip.com/api/send-message",
        ),
        is_text_markdown=True,
    ),
    ChannelService(
        name="Cisco Webex Teams",
        schemes=("wxteams", "webex"),
        dialect_source="not looked up: developer.webex.com/docs/basics",
    ),
    ChannelService(
        name="Matrix",
        schemes=("matrix", "matrixs"),
        dialect_source="not looked up: spec.matrix.org, push rules: @room",
    ),
    ChannelService(
        name="Mastodon",
        schemes=("mastodon", "toot", "mastodons", "toots"),
        dialect_source="not looked up: docs.joinmastodon.org/spec/activitypub: @user@host",
    ),
    ChannelService(
        name="Misskey",
        schemes=("misskey", "misskeys"),
        dialect_source="not looked up: misskey-hub.net, MFM: @user@host",
    ),
    ChannelService(
        name="Nextcloud",
        schemes=("ncloud", "nclouds"),
        refusals=_NEXTCLOUD_REFUSALS,
        text_refusals=_NEXTCLOUD_TEXT_REFUSALS,
    ),
    ChannelService(
        name="Nextcloud Talk",
        schemes=("nctalk", "nctalks"),
        dialect_source="not looked up: nextcloud-talk.readthedocs.io: @all, Markdown",
        refusals=_NEXTCLOUD_REFUSALS,
        text_refusals=_NEXTCLOUD_TEXT_REFUSALS,
    ),
    ChannelService(
        name="Synology Chat",
        schemes=("synology", "synologys"),
        dialect_source="not looked up: kb.synology.com, incoming webhooks: <url|text>",
    ),
    ChannelService(
        name="OneBot",
        schemes=("onebot", "onebots"),
        dialect_source="not looked up: github.com/botuniverse/onebot-11, message segments: [CQ:at,qq=all]",
        refusals=(RefusalForm(code=("retcode",), yes=frozenset({"0", "1"})),),
    ),
    ChannelService(
        name="Kook",
        schemes=("kook",),
        dialect_source="not looked up: developer.kookapp.cn/doc/kmarkdown: (met)all(met)",
        refusals=(RefusalForm(code=("code",), yes=frozenset({"0", "200"})),),
    ),
    ChannelService(
        name="Viber",
        schemes=("viber",),
        refusals=(RefusalForm(code=("status",), yes=frozenset({"0"}), rate_limited=frozenset({"12"})),),
    ),
    ChannelService(
        name="KakaoTalk",
        schemes=("kakaotalk", "kakao"),
        refusals=(RefusalForm(code=("result_code",), yes=frozenset({"0"})),),
    ),
    ChannelService(
        name="Reddit",
        schemes=("reddit",),
        refusals=(RefusalForm(code=("json", "errors"), yes=NOTHING),),
    ),
    ChannelService(
        name="Revolt",
        schemes=("revolt",),
        is_text_markdown=True,
        has_title_inside=True,
        waits=(WaitField(path=("retry_after",), unit_s=0.001),),
    ),
    ChannelService(
        name="IRC",
        schemes=("irc", "ircs"),
        limit=Limit(
            max_length=380,
            is_bytes=True,
            source="not looked up: RFC 2812, 2.3: 512 bytes for a line, prefix included",
        ),
    ),
)
