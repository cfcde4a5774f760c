"""Reload the settings while a process runs; if they are wrong, the old ones stay."""

import asyncio
from collections.abc import Callable

import structlog

from service.app.secret_files import SecretFiles
from service.app.service import Service
from service.app.systemd import READY, ServiceManager
from service.config.configuration import Config
from service.config.settings import Settings, variable
from service.errors import BadConfig

# of the settings; all of roundsman.yaml is reloadable too
RELOADABLE = frozenset(
    {
        "webhook_secrets",
        "circleci_token",
        "circleci_admin_token",
        "circleci_token_ends",
        "circleci_admin_token_ends",
        "otlp_token",
    }
)

log = structlog.get_logger()


class Reloader:
    """Reloads the settings of a running process on request.

    read   returns the current settings and roundsman.yaml; blocks, and raises BadConfig
    files  those of secrets: when one of them has changed, all is read again
    """

    def __init__(
        self, service: Service, settings: Settings, read: Callable[[], Config], *, files: SecretFiles | None = None
    ) -> None:
        self._service = service
        self._files = files
        self._settings = settings
        self._read = read

    async def run(self, requested: asyncio.Event, manager: ServiceManager) -> None:
        """Reload each time that ``requested`` is set, until cancelled.

        Work goes on, also with wrong settings.
        """
        while True:
            if not await self._wait(requested):
                continue
            manager.notify_reloading()
            manager.notify_status(await self._reload())
            manager.notify(READY)

    async def _wait(self, requested: asyncio.Event) -> bool:
        """Wait for a request, or until the files are looked at; True if all is to be read."""
        try:
            async with asyncio.timeout(self._files.every_s if self._files else None):
                await requested.wait()
        except TimeoutError:
            return self._files is not None and self._files.have_changed()
        requested.clear()
        return True

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
        if left := self._needs_restart(config.settings):
            log.warning("changed settings that take effect at the next start", settings=left)
        return f"settings reloaded: {len(config.routes)} routes, {len(config.receivers)} receivers"

    def _needs_restart(self, settings: Settings) -> list[str]:
        """Return the changed variables that take effect only at the next start."""
        names = (name for name in Settings.model_fields if name not in RELOADABLE)
        changed = [name for name in names if getattr(settings, name) != getattr(self._settings, name)]
        if bool(settings.otlp_token) != bool(self._settings.otlp_token):  # the receiver is there, or it is not
            changed.append("otlp_token")
        return [variable(name) for name in changed]
