"""Readiness checks, the heartbeat of this process, and the watchdog."""

from service.health.heartbeat import Heartbeat
from service.health.readiness import Check, CheckLimits, DatabaseStats, Readiness
from service.health.watchdog_pinger import PING_EVERY_S, WatchdogPinger

__all__ = ["PING_EVERY_S", "Check", "CheckLimits", "DatabaseStats", "Heartbeat", "Readiness", "WatchdogPinger"]
