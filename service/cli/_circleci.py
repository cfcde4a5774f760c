"""The API of CircleCI for commands that change something there."""

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from service.app.build_context import circleci
from service.circleci.api.circleci_api import CircleCIAPI
from service.cli._database import with_store
from service.cli._operator import operator
from service.config.configuration import Config, load
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig
from service.metrics import Metrics
from service.operations.builds.build_acts import Recorder

T = TypeVar("T")

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


def managing_config(purpose: str) -> Config:
    """Return the configuration; raise BadConfig without a token that may manage.

    purpose   the beginning of a sentence: "hooks are managed with"
    """
    config = load(os.environ, serving=False, sending=False)
    if config.settings.circleci_admin_token is None and config.settings.circleci_token is None:
        raise BadConfig(
            f"ROUNDSMAN_CIRCLECI_TOKEN is not set: {purpose} a personal API token; set it, or "
            "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN for what only an organization admin may do"
        )
    return config


def with_admin_api(config: Config, do: Callable[[CircleCIAPI, Store, Recorder], Awaitable[T]]) -> T:
    """Call a function with the API, the store, and a recorder of what is done."""

    async def run(_: Settings, store: Store) -> T:
        source = circleci(config, metrics=Metrics())
        try:
            recorder = Recorder(store=store, clock=store.clock, who=operator())
            return await do(source.admin_api, store, recorder)
        finally:
            await source.close()

    return with_store(run)
