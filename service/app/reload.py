"""Settings that are read again while a process runs, and take effect if they are right; else the old ones stay."""

import asyncio
from collections.abc import Callable

import structlog

from service.app.service import Service
from service.app.systemd import READY, ServiceManager
from service.config.configuration import Config
from service.config.settings import Settings, variable
from service.errors import BadConfig

RELOADABLE = frozenset({"webhook_secrets", "circleci_token"})  # of the settings; all of roundsman.yaml is

log = structlog.get_logger()


class Reloader:
    """The settings that a process began with, and others in their place whenever that is asked for.

    read   the settings and roundsman.yaml as they are now; blocks, and raises BadConfig
    """

    def __init__(self, service: Service, settings: Settings, read: Callable[[], Config]) -> None:
        self._service = service
        self._settings = settings
        self._read = read

    async def keep(self, asked: asyncio.Event, manager: ServiceManager) -> None:
        """Read the settings again each time that ``asked`` is set, until cancelled. Whatever they are, work goes on."""
        while True:
            await asked.wait()
            asked.clear()
            manager.notify_reloading()
            manager.notify_status(await self._reload())
            manager.tell(READY)

    async def _reload(self) -> str:
        try:
            config = await asyncio.to_thread(self._read)
            self._service.reload(config)
        except BadConfig as error:
            log.warning("settings not reloaded", problems=list(error.problems))
            return f"settings not reloaded: {error}"
        except Exception as error:
            log.exception("settings not reloaded")
            return f"settings not reloaded: {type(error).__name__}"
        log.info("settings reloaded", routes=len(config.routes), receivers=len(config.receivers))
        if left := self._left(config.settings):
            log.warning("changed settings that take effect at the next start", settings=left)
        return f"settings reloaded: {len(config.routes)} routes, {len(config.receivers)} receivers"

    def _left(self, settings: Settings) -> list[str]:
        """Name the variables whose values differ from those at the start and are not renewed."""
        names = (name for name in Settings.model_fields if name not in RELOADABLE)
        return [variable(name) for name in names if getattr(settings, name) != getattr(self._settings, name)]
