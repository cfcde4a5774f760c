"""Readiness checks, the heartbeat of this process, and the watchdog."""

from service.health.heartbeat import Heartbeat
from service.health.readiness import CACHE_FOR_S, Check, DatabaseStats, Readiness
from service.health.watchdog_pinger import PING_EVERY_S, WatchdogPinger

__all__ = ["CACHE_FOR_S", "PING_EVERY_S", "Check", "DatabaseStats", "Heartbeat", "Readiness", "WatchdogPinger"]
