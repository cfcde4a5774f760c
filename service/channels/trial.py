"""Try a channel without a message: a mail server's login, or an address.

Most services have no way to ask whether they accept an address but a message. Of these the server alone is known.
"""

import smtplib
from urllib.parse import urlsplit

from apprise.plugins.email.smtp import AppriseSMTPController

from service.channels.apprise_capture import capture
from service.channels.budget import Budget
from service.channels.endpoint import Endpoint
from service.channels.mail import Mail
from service.channels.plugin import create
from service.channels.slack_bot.url import Examined
from service.network_errors import describe

FIXED_ADDRESSES = ("webhook_url", "notify_url", "api_url", "base_url")
"""The attributes in which Apprise's plugins keep the address of a service that has but one."""

HTTPS, HTTP = 443, 80


def endpoint_of(url: str) -> Endpoint | None:
    """Return the server that gets messages over HTTP; None if it is not known."""
    plugin = create(url)
    if plugin is None or isinstance(plugin, Mail):
        return None
    for name in FIXED_ADDRESSES:
        address = getattr(type(plugin), name, None)
        if isinstance(address, str) and address.startswith("https://"):
            host = urlsplit(address).hostname or ""
            return Endpoint(host=host, port=HTTPS, is_tls=True, is_public=True) if _is_host(host) else None
    host, is_tls = str(getattr(plugin, "host", "") or "").strip("[]"), bool(getattr(plugin, "secure", False))
    if not _is_host(host):
        return None
    return Endpoint(host=host, port=getattr(plugin, "port", None) or (HTTPS if is_tls else HTTP), is_tls=is_tls)


def _is_host(host: str) -> bool:
    """Return whether this is a host: some plugins have a token in its place."""
    return host == "localhost" or (("." in host or ":" in host) and not set(host) & set("{}%/@"))


def log_in(url: str, budget: Budget) -> Examined | None:
    """Log in at the mail server of a channel, and send no mail; None: it is no mail."""
    plugin = create(url)
    if not isinstance(plugin, Mail):
        return None
    server = AppriseSMTPController(
        host=plugin.smtp_host,
        port=plugin.port,
        secure_mode=plugin.secure_mode,
        user=plugin.user,
        password=plugin.password,
        verify_certificate=plugin.verify_certificate,
        socket_connect_timeout=plugin.socket_connect_timeout,
    )
    try:
        with capture(budget), server:
            pass
    except smtplib.SMTPAuthenticationError as error:
        return _wrong(f"the mail server refuses user and password ({error.smtp_code}): set those of an account of it")
    except smtplib.SMTPResponseException as error:
        return _wrong(f"the mail server answered {error.smtp_code}: look whether it lets this machine in")
    except smtplib.SMTPNotSupportedError:
        return _wrong(
            "the mail server offers no login, or no TLS, as the URL wants it: compare the URL's mode and port"
        )
    except (smtplib.SMTPException, OSError) as error:
        return _wrong(f"the mail server {describe(error)}: look at host, port, mode and the network")
    login = "takes user and password" if plugin.user and plugin.password else "can be reached; the URL has no login"
    safe = "" if plugin.secure_mode != "insecure" else "; the connection is not encrypted"
    return Examined(sentence=f"the mail server {login}{safe}; no mail was sent", is_less=bool(safe))


def _wrong(sentence: str) -> Examined:
    return Examined(sentence=sentence, is_wrong=True)
