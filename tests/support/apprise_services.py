"""Services of the Apprise that is locked: what our tables name must be there."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from apprise.manager_plugins import NotificationManager


def plugins() -> list[Any]:
    """Return the classes of all plugins, those too whose libraries are not installed."""
    manager: Any = NotificationManager()  # type: ignore[no-untyped-call] # reason: Apprise has few types
    return sorted(manager.plugins(), key=lambda plugin: str(plugin.service_name))


@cache
def service_names() -> frozenset[str]:
    """Return how Apprise calls its services; our tables use these names."""
    return frozenset(str(plugin.service_name) for plugin in plugins())


@cache
def schemes() -> frozenset[str]:
    """Return the schemes of all URLs that Apprise takes."""
    return frozenset(scheme for plugin in plugins() for scheme in schemes_of(plugin))


def schemes_of(plugin: Any) -> Iterator[str]:
    """Yield the schemes of a plugin."""
    for given in (plugin.protocol, plugin.secure_protocol):
        yield from [given] if isinstance(given, str) else given or []
