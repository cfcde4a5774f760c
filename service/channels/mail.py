"""Our plugin for mail: Apprise parses the URL and logs in, we compose the mail.

Apprise's plugin makes the plain part from the HTML, and loses every link. Ours has both parts from our own forms, and
headers that say that a machine wrote the mail: mail programs send no absence notice, sort the mails of a project, and
keep those of one incident together.
"""

import re
from collections.abc import Mapping
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, formataddr
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import apprise
from apprise.manager_plugins import NotificationManager
from apprise.plugins.email.base import PGP_MODE_DEFAULT, NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController

from service.clock import now_utc
from service.message import mail_html, mail_text
from service.model import Message, News

NAME = "Roundsman"
MAX_IDS = 900  # RFC 5322: a line has 998 characters at most
MAX_LABEL = 60  # a label of a domain name has 63 characters at most
STRUCTURAL_HEADERS = re.compile(r"(content-.*|mime-version|from|to|cc|subject|date|message-id)", re.IGNORECASE)


_PLUGIN: Any = NotifyEmail  # Apprise has few types


class IdHeader(UnstructuredHeader):
    """A header of ids, never encoded: Python would encode a long id like words."""

    def fold(self, *, policy: Policy) -> str:
        """Return the header on one line, unchanged."""
        value = str(self)
        if not value.isascii() or len(value) > MAX_IDS:
            return str(super().fold(policy=policy))  # type: ignore[misc] # reason: of the class that it is mixed with
        return f"{self.name}: {value}{policy.linesep}"  # type: ignore[attr-defined] # reason: the same


def _policy() -> Policy:
    headers = HeaderRegistry()
    for name in ("list-id", "references", "in-reply-to"):
        headers.map_to_type(name, IdHeader)  # type: ignore[arg-type] # reason: the registry adds the base class
    return SMTP.clone(header_factory=headers)


POLICY = _policy()


class Mail(_PLUGIN):  # type: ignore[misc] # reason: see above
    """The plugin of mailto:// and mailtos://, which sends mails that we compose.

    message           the message; without one, and where the URL asks for PGP, Apprise composes the mail
    notification_id   the source of the Message-ID, so that a mail which is sent again has the same one
    """

    message: Message | None = None
    notification_id: UUID | None = None

    def send(self, body: str, title: str = "", **more: Any) -> bool:
        """Send the message to each recipient; True if the server accepted all.

        Raises the exceptions of smtplib and sockets.
        """
        if self.message is None or self.pgp_mode != PGP_MODE_DEFAULT:
            return bool(super().send(body=body, title=title, **more))
        is_plain = self.resolve_format(more.get("body_format")) == apprise.NotifyFormat.TEXT
        self.throttle()
        with AppriseSMTPController(
            host=self.smtp_host,
            port=self.port,
            secure_mode=self.secure_mode,
            user=self.user,
            password=self.password,
            verify_certificate=self.verify_certificate,
            socket_connect_timeout=self.socket_connect_timeout,
        ) as server:
            sent = [self._send_to(server, to, self.message, is_plain=is_plain) for to in self.targets]
        return all(sent)

    def _send_to(
        self, server: AppriseSMTPController, to: tuple[str | bool, str], message: Message, *, is_plain: bool
    ) -> bool:
        copies = self.cc - self.bcc - {to[1]}
        copy = f".{_short_hash(to[1])}" if len(self.targets) > 1 else ""  # each recipient gets a mail of its own
        unique = (self.notification_id or uuid4()).hex
        mail = compose_mail(message, sender=self._sender, is_plain=is_plain, unique=unique, copy=copy)
        mail["To"] = self._format_address(to[1], to[0])
        for name, addresses in (("Cc", copies), ("Reply-To", self.reply_to - {to[1]})):
            if addresses:
                mail[name] = ", ".join(self._format_address(address) for address in sorted(addresses))
        _replace_headers(mail, self.headers)

        if not server.sendmail(self._sender[1], [to[1], *copies, *(self.bcc - {to[1]})], mail.as_string()):
            self.logger.warning('Sending email to "%s" failed.', to[1])
            return False
        self.logger.info("Sent Email to %s", to[1])
        return True

    @property
    def _sender(self) -> tuple[str, str]:
        name, address = self.from_addr
        return name or NAME, address

    def _format_address(self, address: str, name: str | bool = False) -> str:
        display_name: str | bool = name or self.names.get(address, False)
        return formataddr((str(display_name) if display_name else None, address), charset="utf-8")


def compose_mail(
    message: Message, *, sender: tuple[str, str], unique: str, copy: str = "", is_plain: bool = False
) -> EmailMessage:
    """Return the mail of a message, without recipients.

    sender     display name and address
    unique     the part of the Message-ID that no other mail has
    copy       the end of that part, by which the mails of several recipients differ
    is_plain   leave out the HTML part
    """
    domain = sender[1].rpartition("@")[2]
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = " ".join(message.title.split())
    mail["From"] = formataddr(sender, charset="utf-8")
    mail["Date"] = format_datetime(now_utc())
    thread = _thread_id(message, copy)
    opens_thread = message.news is News.BROKE and message.incident is not None
    mail["Message-ID"] = f"<{thread if opens_thread else unique + copy}.roundsman@{domain}>"
    if thread and not opens_thread:
        mail["References"] = mail["In-Reply-To"] = f"<{thread}.roundsman@{domain}>"
    mail["List-Id"] = _list_id(message, domain)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers
    mail["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    mail["X-Application"] = NAME
    mail.set_content(mail_text(message), cte="quoted-printable")
    if not is_plain:
        mail.add_alternative(mail_html(message), subtype="html", cte="quoted-printable")
    return mail


def _thread_id(message: Message, copy: str) -> str:
    """Return the id that the mails of a thread refer to; empty for a lone mail.

    News of an incident are one thread, which its first mail opens: that has the id. So it has it also when it is sent
    again, or by another process. Of other mails those of a subject refer to an id that none has.
    """
    if message.incident is not None and message.news is not News.RUN:
        return f"{_short_hash(f'incident {message.incident}')}{copy}"
    return _short_hash(message.subject) if message.subject else ""


def _short_hash(words: str) -> str:
    return sha256(words.encode("utf-8", "replace")).hexdigest()[:20]


def _list_id(message: Message, domain: str) -> str:
    """Return the List-Id of a project's mails (RFC 2919)."""
    project = message.headline.project if message.headline else ""
    label = re.sub(r"[^a-z0-9]+", "-", project.lower())[:MAX_LABEL].strip("-")
    phrase = re.sub(r"[^A-Za-z0-9 ._/-]+", "-", project)[:MAX_LABEL]
    quoted_name = f'"{phrase}" ' if label else ""
    return f"{quoted_name}<{label}{'.' if label else ''}roundsman.{domain}>"


def _replace_headers(mail: EmailMessage, headers: Mapping[str, str]) -> None:
    """Replace our headers by those of the URL, except the structural ones."""
    for name, value in headers.items():
        if not STRUCTURAL_HEADERS.fullmatch(name):
            del mail[name]
            mail[name] = " ".join(value.split())


def register_mail_plugin() -> None:
    """Register our plugin for its schemes in the whole process; call it once."""
    manager: Any = NotificationManager
    manager().add(Mail, force=True)
