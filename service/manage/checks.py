"""Is the configuration right? Everything that can be known before the first webhook comes."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.errors import Permanent, Temporary
from service.model import Actor, Receiver
from service.store import Store, database_file, is_older, newest_revision, revision


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: ``sentence`` says what was found and, when it is not right, the next step."""

    what: str
    is_right: bool
    sentence: str


class Introduces(Protocol):
    """Whoever can tell whose token we hold."""

    async def me(self) -> Actor:
        """The token's owner. Raises Temporary or Permanent."""
        ...


class ChecksUrls(Protocol):
    """Whoever knows what a channel's URL must look like."""

    def check(self, url: str) -> str | None:
        """What is wrong with it, without its secrets."""
        ...


async def check_database(database_url: str) -> Finding:
    """Is there a database that we could use, or room for one? Nothing is written."""
    file = database_file(database_url)
    if file is not None and not file.exists():
        return _room_for(file)
    name, store = file or "Postgres", Store(database_url)
    try:
        at = await revision(store)
    except Temporary as error:
        return Finding(what="database", is_right=False, sentence=f"{name}: {error}")
    finally:
        await store.close()
    if at == newest_revision():
        return Finding(what="database", is_right=True, sentence=f"{name} is up to date")
    if not is_older(at):
        sentence = f"{name} is of another release, at revision {at}; run that release, or restore a backup"
        return Finding(what="database", is_right=False, sentence=sentence)
    if file is None:
        return Finding(what="database", is_right=False, sentence=f"{name} is not up to date; run `roundsman migrate`")
    return Finding(what="database", is_right=True, sentence=f"{name} will be brought up to date at the next start")


def _room_for(file: Path) -> Finding:
    folder = next(folder for folder in file.parents if folder.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding(what="database", is_right=True, sentence=f"{file} will be made at the first start")
    sentence = f"{folder} cannot hold it: let this user write there, or name another place in ROUNDSMAN_DATABASE_URL"
    return Finding(what="database", is_right=False, sentence=sentence)


async def check_token(source: Introduces, *, has_token: bool) -> Finding:
    """Does CircleCI accept our token?"""
    if not has_token:
        sentence = "ROUNDSMAN_CIRCLECI_TOKEN is not set: messages will lack failed jobs, tests and the actor"
        return Finding(what="CircleCI token", is_right=True, sentence=sentence)
    try:
        owner = await source.me()
    except (Temporary, Permanent) as error:
        return Finding(what="CircleCI token", is_right=False, sentence=str(error))
    return Finding(what="CircleCI token", is_right=True, sentence=f"accepted; it is {owner.login or owner.id}'s")


def check_channels(receivers: Mapping[str, Receiver], channels: ChecksUrls) -> Iterable[Finding]:
    """Is every channel's URL one that can be sent to? Nothing is sent."""
    for receiver in receivers.values():
        for channel in receiver.channels:
            wrong = channels.check(channel.url)
            yield Finding(what=f"channel {channel.label}", is_right=wrong is None, sentence=wrong or "understood")
