"""Whether this process is ready, found out for all who ask at once; and the heartbeat that proves it."""

from service.health.heartbeat import Heartbeat
from service.health.readiness import GOOD_FOR_S, Check, Readiness, Tables

__all__ = ["GOOD_FOR_S", "Check", "Heartbeat", "Readiness", "Tables"]
