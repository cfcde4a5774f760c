"""The admin token and the login links that are made with it.

If the operator set no token, it is the one in the data folder.
"""

import sys
from dataclasses import replace

import structlog

from service.clock import now_utc
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.data_folder import database_file
from service.errors import BadConfig
from service.web.auth.session import login_link
from service.web.auth.token_file import ensure_token, read_token, token_file

log = structlog.get_logger()


def with_admin_token(config: Config) -> Config:
    """Return the configuration with an admin token.

    It is the operator's, or else the data folder's (none on Postgres). The caller has locked the data folder.
    """
    file = database_file(config.settings.database_url)
    if config.settings.admin_token is not None or file is None:
        return config
    return replace(config, settings=config.settings.model_copy(update={"admin_token": ensure_token(file.parent)}))


def find_token(settings: Settings) -> str:
    """Return the admin token, the operator's or the data folder's. Raises BadConfig."""
    file = database_file(settings.database_url)
    token = settings.admin_token or (read_token(file.parent) if file else None)
    if token is not None:
        return token
    if file is None:
        raise BadConfig("ROUNDSMAN_ADMIN_TOKEN is not set: on Postgres set it to what the running processes have")
    raise BadConfig(
        f"there is no admin token in {token_file(file.parent)} yet: start `roundsman serve`, which makes one, "
        "or set ROUNDSMAN_ADMIN_TOKEN to what the running service has"
    )


def show_login(settings: Settings, address: str) -> None:
    """Print a login link on the terminal; without one, log the command that prints it.

    A link in a log would be a leaked secret.
    """
    for stream in (sys.stderr, sys.stdout):
        if stream.isatty():
            link = login_link(find_token(settings), address, now_utc())
            stream.write(f"\n  Log in, once and within 15 minutes:\n{link}\n\n")
            stream.flush()
            return
    log.info("ROUNDSMAN_ADMIN_TOKEN is not set, so this data folder's own is used: `roundsman login-link` lets you in")
