"""The command line: a module is named after one of its commands; a leading underscore means none."""

from service.cli._app import main

__all__ = ["main"]
