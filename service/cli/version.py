"""The command that prints the release: version."""

from importlib.metadata import version as installed_version

from service.cli._output import AsJson, print_json, say


def version(as_json: AsJson = False) -> None:
    """Say which release this is."""
    release = installed_version("roundsman")
    print_json({"version": release}) if as_json else say(f"roundsman {release}")
