"""The modes of Apprise's plugins: options of a URL that change what is posted, and URLs that only some modes have."""

from collections.abc import Iterator
from typing import Any

from tests.support.apprise_services import plugins

_OTHERWISE_TRIED = frozenset({"format"})
_NOT_ABOUT_TEXT = frozenset(
    {
        *("cache", "dither_kernel", "dither_type", "e2ee", "emojis", "image", "locale", "optional", "overflow"),
        *("persistent", "redirect", "region", "sound", "store", "verify", "vibration"),
    }
)

# Modes that want another URL than ``apprise_urls`` has, and what is theirs alone.
OTHER_URLS = (
    ("Slack", "slack://xoxb-1234567890-FakeSlackBotToken0123/#general"),
    ("Slack", "slack://xoxb-1234567890-FakeSlackBotToken0123/#general?blocks=yes&footer=yes"),
    ("Slack", "https://hooks.slack.com/workflows/T1JJ3T3L2/A1BRTD4JD/1234567890/FakeFakeFakeFakeFakeFake"),
    ("Slack", "https://hooks.slack.com/triggers/T1JJ3T3L2/1234567890/FakeFakeFakeFakeFakeFakeFakeFake"),
    ("Cisco Webex Teams", "webex://faketoken/room?mode=bot"),
    ("Rocket.Chat", "rocket://fakeuser:fakepassword@ci.example.com/#builds"),
    ("Rocket.Chat", "rocket://fakeuserid:faketokenfaketokenfaketokenfaketoken@ci.example.com/#builds?mode=token"),
    ("ntfy", "ntfy://ci.example.com/builds?format=markdown"),
    ("Matrix", f"matrixs://{'a' * 64}/?mode=t2bot"),
    ("Twitter", "twitter://fakeck/fakecs/fakeat/fakeas?mode=tweet"),
    ("Google Chat", "gchat://fakeworkspace/fakekey/faketoken/fakethread"),
    ("Telegram", "tgram://123456789:FakeTelegramToken_0123456789abcdefgh/12345?format=markdown&mdv=v2"),
    ("Discord", "discord://1234567890/FakeDiscordToken?format=markdown&fields=no&footer=yes&tts=yes"),
    ("Discord", "discord://1234567890/FakeDiscordToken?thread=1&href=https://ci.example.com"),
    ("Zulip", "zulip://botname@acme/a6c9A6c9a6c9A6c9a6c9A6c9a6c9A6c9/ada@example.com"),
)

# Options with which a plugin cannot be made, asks for more first, or tells nothing of a failure.
SILENT = {
    "Bark": ("delete=yes",),
    "Cisco Webex Teams": ("mode=bot",),
    "Dot.": ("mode=image",),
    "Firebase Cloud Messaging": ("mode=oauth2",),
    "Form": ("method=DELETE", "method=HEAD", "method=UPDATE", "method=OPTIONS"),
    "JSON": ("method=DELETE", "method=HEAD", "method=UPDATE", "method=OPTIONS"),
    "Jira": ("action=close", "action=delete", "action=acknowledge", "action=note"),
    "LaMetric": ("mode=cloud",),
    "Mastodon": ("visibility=direct",),
    "Matrix": ("discovery=yes", "mode=t2bot"),
    "Mattermost": ("mode=bot",),
    "Opsgenie": ("action=close", "action=delete", "action=acknowledge", "action=note"),
    "Pager Duty": ("action=resolve",),
    "PagerTree": ("action=acknowledge", "action=resolve"),
    "Rocket.Chat": ("mode=token", "mode=basic"),
    "Simplepush": ("broadcast=yes",),
    "Slack": ("mode=bot", "mode=workflow"),
    "Twitter": ("mode=dm",),
    "XML": ("method=DELETE", "method=HEAD", "method=UPDATE", "method=OPTIONS"),
    "ntfy": ("mode=private",),
}


def options_of(made: Any) -> Iterator[str]:
    """Yield each option of a plugin that may change what is posted, as it stands in a URL."""
    silent = SILENT.get(str(made.service_name), ())
    for name, option in made.template_args.items():
        if name in _OTHERWISE_TRIED | _NOT_ABOUT_TEXT or "alias_of" in option:
            continue
        kind = option.get("type", "")
        values = ("yes", "no") if kind == "bool" else option["values"] if kind.startswith("choice") else ()
        yield from (one for value in values if (one := f"{name}={value}") not in silent)


OPTIONS = {name: options for one in plugins() if (name := str(one.service_name)) and (options := [*options_of(one)])}
