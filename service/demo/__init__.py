"""A small organisation's day in a minute: a pretend CircleCI, an inbox, and the script that they play."""

from service.demo.stage import run

__all__ = ["run"]
