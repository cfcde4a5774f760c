"""Whether this process is ready, found out for all who ask at once; and the heartbeat that proves it."""

from service.health.heartbeat import Heartbeat
from service.health.readiness import GOOD_FOR_S, Check, Readiness, Tables
from service.health.watch import TELL_EVERY_S, Watch

__all__ = ["GOOD_FOR_S", "TELL_EVERY_S", "Check", "Heartbeat", "Readiness", "Tables", "Watch"]
