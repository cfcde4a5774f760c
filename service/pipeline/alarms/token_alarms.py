"""Alarms about the tokens of CircleCI: refused, or about to end."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from service.circleci.api.request import TOKEN_SETTING
from service.circleci.circleci import ADMIN_TOKEN_SETTING, CircleCI
from service.errors import NoToken, Permanent, Temporary
from service.model import AlarmKind
from service.pipeline.alarms.own_alarms import EXPIRY, AlarmLook, make_alarm
from service.pipeline.context import Context

WARN_BEFORE = (timedelta(days=30), timedelta(days=7))
"""The times before a token's end at which the operators are told."""
LOSSES = {
    TOKEN_SETTING: "messages lack jobs, tests and the actor",
    ADMIN_TOKEN_SETTING: "hooks and settings are not managed",
}


def token_keys() -> Iterator[str]:
    """Yield the keys of alarms about tokens that are refused."""
    yield AlarmKind.TOKEN
    yield f"{AlarmKind.TOKEN}:{ADMIN_TOKEN_SETTING}"


async def look_at_tokens(context: Context, found: AlarmLook, now: datetime) -> None:
    """Ask CircleCI whether it accepts the token that reads, and the one that manages."""
    source = context.source
    if not isinstance(source, CircleCI):
        return
    await _look_at_token(source.me, TOKEN_SETTING, found, now)
    if source.has_admin:
        await _look_at_token(source.admin_api.me, ADMIN_TOKEN_SETTING, found, now)


async def _look_at_token(ask: Callable[[], Awaitable[Any]], setting: str, found: AlarmLook, now: datetime) -> None:
    about = None if setting == TOKEN_SETTING else setting
    try:
        await ask()
    except NoToken:
        return
    except Temporary:
        found.unknown.add(f"{AlarmKind.TOKEN}:{about}" if about else AlarmKind.TOKEN)
    except Permanent as error:
        found.add(make_alarm(AlarmKind.TOKEN, f"{error}: {LOSSES[setting]}.", now, about=about))


def look_at_expiry(context: Context, found: AlarmLook, now: datetime) -> None:
    """Find tokens that end soon; each is told once for each time in ``WARN_BEFORE``."""
    if not isinstance(context.source, CircleCI):
        return
    for setting, day in context.source.token_expires.items():
        left = day - now.date()
        for before in WARN_BEFORE:
            if left <= before:
                about = f"{setting}:{EXPIRY}:{day}:{before.days}"
                sentence = (
                    f"{setting} ends on {day}: make a new token at CircleCI, and set {setting} and {setting}_ENDS."
                )
                found.add(make_alarm(AlarmKind.TOKEN, sentence, now, about=about))
