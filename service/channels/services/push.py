"""Push: services that show a message on the devices of a person."""

from typing import Any

from service.channels.channel_service import ChannelService, Dialect, Limit, OwnForm
from service.channels.refusal_forms import RefusalForm, TextForm
from service.model import Message

_APPLE = "developer.apple.com/documentation/usernotifications/generating-a-remote-notification: 4 KB in all"
_STATUS_1 = RefusalForm(code=("status",), yes=frozenset({"1", "ok"}))
_CODE_200 = RefusalForm(code=("code",), yes=frozenset({"200", "0"}))

MAX_PUSHOVER_URL = 512  # characters; pushover.net/api#urls


def add_link_and_priority(plugin: Any, message: Message) -> None:
    """Add the link to the logs, and give a failure high priority: pushover.net/api.

    Values of the URL take precedence.
    """
    if message.url and len(message.url) <= MAX_PUSHOVER_URL and not plugin.supplemental_url:
        plugin.supplemental_url, plugin.supplemental_url_title = message.url, "Open in CircleCI"
    if plugin.priority == 0 and message.severity == "failure":
        plugin.priority = 1


SERVICES = (
    ChannelService(
        name="Bark",
        schemes=("bark", "barks"),
        limit=Limit(max_length=3_000, is_bytes=True, source=_APPLE),
        refusals=(_CODE_200,),
    ),
    ChannelService(
        name="Gorush",
        schemes=("gorush", "gorushs"),
        limit=Limit(max_length=3_000, is_bytes=True, source=_APPLE),
    ),
    ChannelService(
        name="Gotify",
        schemes=("gotify", "gotifys"),
        dialect=Dialect.LINKED,
        dialect_source=(
            "github.com/gotify/server/issues/797: plain unless extras name text/markdown; github.com/gotify/android, "
            "ListMessageAdapter.kt: WEB_URLS are linked"
        ),
    ),
    ChannelService(
        name="Prowl",
        schemes=("prowl",),
        text_refusals=(
            TextForm(start=r"<\?xml[^>]*>\s*<prowl>\s*<error code=\"(\d+)\"", rate_limited=frozenset({"406"})),
        ),
    ),
    ChannelService(name="PushDeer", schemes=("pushdeer", "pushdeers"), refusals=(_CODE_200,)),
    ChannelService(name="PushMe", schemes=("pushme",), text_refusals=(TextForm(start=r"(?!success)\S"),)),
    ChannelService(
        name="Pushed",
        schemes=("pushed",),
        refusals=(RefusalForm(code=("response", "type"), no=frozenset({"error"})),),
    ),
    ChannelService(name="Pushjet", schemes=("pjet", "pjets"), refusals=(_STATUS_1,)),
    ChannelService(
        name="Pushover",
        schemes=("pover",),
        dialect=Dialect.LITERAL,
        dialect_source="pushover.net/api#html: without html=1 the message is plain; not looked up: bare names",
        limit=Limit(max_length=1_024, is_bytes=False, source="pushover.net/api#limits: characters of four bytes"),
        own_form=OwnForm(apply=add_link_and_priority, look="text; a link to the logs, a failure has high priority"),
        refusals=(_STATUS_1,),
    ),
    ChannelService(name="Pushplus", schemes=("pushplus", "wecom"), refusals=(_CODE_200,)),
    ChannelService(name="Pushsafer", schemes=("psafer", "psafers"), refusals=(_STATUS_1,)),
    ChannelService(
        name="Pushy",
        schemes=("pushy",),
        limit=Limit(
            max_length=1_500,
            is_bytes=True,
            source="pushy.me/docs/api/send-notifications: 4 kB of data, in which Apprise puts the text twice",
        ),
    ),
    ChannelService(name="QQ Push", schemes=("qq",), refusals=(_CODE_200,)),
    ChannelService(
        name="ServerChan",
        schemes=("schan",),
        refusals=(_CODE_200, RefusalForm(code=("data", "errno"), yes=frozenset({"0"}))),
    ),
    ChannelService(name="SpugPush", schemes=("spugpush",), refusals=(_CODE_200,)),
    ChannelService(name="WPUSH", schemes=("wpush",), refusals=(_CODE_200,)),
    ChannelService(
        name="WxPusher",
        schemes=("wxpusher",),
        refusals=(RefusalForm(code=("code",), yes=frozenset({"1000"})),),
    ),
)
