"""The command line.

Each module is named after one of its commands; a module with a leading underscore has none.
"""

from service.cli._app import main

__all__ = ["main"]
