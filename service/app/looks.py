"""Periodic work beside the pipeline: looks at hooks and rights, and pings."""

from dataclasses import dataclass

from service.config.configuration import Config
from service.config.settings import Settings
from service.health import PING_EVERY_S, Readiness, WatchdogPinger
from service.health.watchdog import Watchdog
from service.operations.checks.right_watch import WATCH_RIGHTS_EVERY_S, RightWatch, read_right_setting
from service.operations.hooks.hook_watch import (
    FOLLOW_COMMANDS_EVERY_S,
    WATCH_HOOKS_EVERY_S,
    HookWatch,
    read_watch_setting,
)
from service.pipeline.steps import Pipeline
from service.queue.base import JobQueue


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Looks at CircleCI on timers: at the hooks, and at the rights of the tokens."""

    hooks: HookWatch
    rights: RightWatch

    def reload(self, config: Config) -> None:
        """Use another state of roundsman.yaml from the next looks on."""
        self.hooks.reload(config)
        self.rights.reload(config)


def schedule_looks(config: Config, pipeline: Pipeline) -> Looks:
    """Return what looks at CircleCI, once its looks are scheduled."""
    hooks = HookWatch(lambda: pipeline.context, read_watch_setting(config))
    rights = RightWatch(lambda: pipeline.context, read_right_setting(config))
    pipeline.context.jobs.schedule(WATCH_HOOKS_EVERY_S, hooks.look)
    pipeline.context.jobs.schedule(FOLLOW_COMMANDS_EVERY_S, hooks.look_if_mended)
    pipeline.context.jobs.schedule(WATCH_RIGHTS_EVERY_S, rights.look)
    return Looks(hooks=hooks, rights=rights)


def ping_watchdog(settings: Settings, jobs: JobQueue, readiness: Readiness) -> Watchdog | None:
    """Return the watchdog, if there is one, once its pings are scheduled."""
    if not settings.watchdog_url:
        return None
    watchdog = Watchdog(settings.watchdog_url)
    jobs.schedule(PING_EVERY_S, WatchdogPinger(readiness, watchdog).ping)
    return watchdog
