"""Periodic work beside the pipeline: looks at the hooks, and pings of a watchdog."""

from service.config.configuration import Config
from service.config.settings import Settings
from service.health import PING_EVERY_S, Readiness, WatchdogPinger
from service.health.watchdog import Watchdog
from service.operations.hook_watch import WATCH_HOOKS_EVERY_S, HookWatch, read_watch_setting
from service.pipeline.steps import Pipeline
from service.queue.base import JobQueue


def watch_hooks(config: Config, pipeline: Pipeline) -> HookWatch:
    """Return what looks at the hooks, once its looks are scheduled."""
    watch = HookWatch(lambda: pipeline.context, read_watch_setting(config))
    pipeline.context.jobs.schedule(WATCH_HOOKS_EVERY_S, watch.look)
    return watch


def ping_watchdog(settings: Settings, jobs: JobQueue, readiness: Readiness) -> Watchdog | None:
    """Return the watchdog, if there is one, once its pings are scheduled."""
    if not settings.watchdog_url:
        return None
    watchdog = Watchdog(settings.watchdog_url)
    jobs.schedule(PING_EVERY_S, WatchdogPinger(readiness, watchdog).ping)
    return watchdog
