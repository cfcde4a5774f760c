"""The other ends of the wire: real servers on loopback that take what Roundsman sends, and answer as told.

``http_end``   a plain HTTP receiver, for ``json://``
``internet``   every https address there is, behind a proxy that ends TLS: for plugins with an address of their own
``mail_end``   a mail server that wants STARTTLS and a login
``raw_end``    a socket that says whatever bytes a test wants, in whatever rhythm

Each is a context manager; what arrived is in its ``got``, in order.
"""

import asyncio
import atexit
import json
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.ports import free_port

LOOPBACK = "127.0.0.1,localhost"  # not through the proxy of whoever runs the tests


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an HTTP end says to a request."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class HangUp:
    """Close the connection instead of answering."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Keep the connection, and never answer while the end is open."""


Behaviour = Answer | HangUp | Silence


@dataclass(frozen=True, kw_only=True)
class Got:
    """One request as it arrived."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class HttpEnd:
    """An HTTP server: ``behave`` decides, for each request in turn, what happens; the last one stays."""

    port: int
    got: list[Got] = field(default_factory=list)
    plan: list[Behaviour] = field(default_factory=lambda: [Answer()])
    arrived: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)

    def behave(self, *plan: Behaviour) -> None:
        self.plan = list(plan)

    def next_behaviour(self) -> Behaviour:
        return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


@contextmanager
def http_end(issue: Callable[[str], ssl.SSLContext] | None = None) -> Iterator[HttpEnd]:
    """A server on loopback. With ``issue`` it is a proxy that ends the TLS of whatever host is asked for."""
    server = QuietServer(("127.0.0.1", 0), _handler(lambda: end, issue))
    server.daemon_threads = True
    end = HttpEnd(port=server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        with environment(no_proxy=LOOPBACK):
            yield end
    finally:
        end.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def internet() -> Iterator[HttpEnd]:
    """Every address but loopback: ``requests`` goes there through a proxy, and trusts its certificates."""
    authority, bundle = _authority()
    with http_end(partial(_context, authority)) as end:
        proxy = f"http://127.0.0.1:{end.port}"
        with environment(http_proxy=proxy, https_proxy=proxy, REQUESTS_CA_BUNDLE=bundle):
            yield end


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a connection that ended in the middle of something; whatever else goes wrong is told."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class QuietHandler(BaseHTTPRequestHandler):
    """Says nothing on the terminal, neither of whom it answered nor of who hung up before that."""

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def _handler(end: Callable[[], HttpEnd], issue: Callable[[str], ssl.SSLContext] | None) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"
        host = ""

        def do_CONNECT(self) -> None:
            assert issue is not None
            self.host = self.path.rpartition(":")[0]
            self.send_response(200)
            self.end_headers()
            self.close_connection = False  # http.client still asks for a tunnel in HTTP/1.0
            self.connection = issue(self.host).wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            origin = f"https://{self.host}" if self.host else f"http://{self.headers['Host']}"
            url = self.path if self.path.startswith("http") else origin + self.path  # whole where we are a proxy
            end().got.append(Got(url=url, headers=headers, body=body))
            end().arrived.set()
            self._do(end().next_behaviour())

        do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815 - the library's names for them

        def _do(self, behaviour: Behaviour) -> None:
            match behaviour:
                case Silence():
                    end().closing.wait()
                    self.close_connection = True
                case HangUp():
                    self.close_connection = True
                case Answer(status=status, body=body, headers=headers):
                    self.send_response(status)
                    for name, value in (*headers, ("Content-Length", str(len(body)))):
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

        def finish(self) -> None:
            super().finish()
            self.connection.close()  # under TLS it is not the one that the server closes

    return Handler


def _set() -> Event:
    event = Event()
    event.set()
    return event


@dataclass(kw_only=True)
class MailEnd:
    """A mail server. ``rcpt`` and ``data`` answer those commands, by recipient for ``rcpt``, if set.

    may_answer   what it waits for before it answers each of them
    """

    port: int
    user: str
    password: str
    got: list[EmailMessage] = field(default_factory=list)
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "250 OK"
    may_answer: Event = field(default_factory=_set)
    refusal: str | None = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await asyncio.to_thread(self.may_answer.wait)
        answer = self.rcpt.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        await asyncio.to_thread(self.may_answer.wait)
        assert isinstance(envelope.content, bytes)
        if self.data.startswith("2"):
            self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.data

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        known = (login.login, login.password) == (self.user.encode(), self.password.encode())
        # handled=False lets aiosmtpd answer 535 itself
        return AuthResult(success=known and not self.refusal, handled=False, message=self.refusal)


@contextmanager
def mail_end() -> Iterator[MailEnd]:
    """A mail server on localhost whose certificate Python trusts while it is open."""
    end = MailEnd(port=free_port(), user="ci", password="fake-mail-password")
    authority, bundle = _authority()
    with environment(SSL_CERT_FILE=bundle):
        controller = Controller(
            end,
            hostname="127.0.0.1",
            port=end.port,
            tls_context=_context(authority, "localhost"),
            require_starttls=True,
            auth_required=True,
            authenticator=end.authenticate,
            ready_timeout=120,
        )
        controller.start()
        try:
            yield end
        finally:
            end.may_answer.set()
            controller.stop()


@dataclass(kw_only=True)
class RawEnd:
    """A server of bytes; ``connections`` counts those who came, ``ended`` those whose talk is over."""

    port: int
    connections: int = 0
    ended: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)


@contextmanager
def raw_end(talk: Callable[[socket.socket, Event], None]) -> Iterator[RawEnd]:
    """A server that talks to each connection in a thread of its own, until the other side hangs up or it closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = RawEnd(port=listener.getsockname()[1])

        def converse(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection, end.closing)
            end.ended.set()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    end.connections += 1
                    Thread(target=converse, args=(connection,), daemon=True).start()

        accepting = Thread(target=accept, daemon=True)
        accepting.start()
        try:
            with environment(no_proxy=LOOPBACK):
                yield end
        finally:
            end.closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


@cache
def _authority() -> tuple[trustme.CA, str]:
    """Return an authority for the life of the process, and the file that holds its certificate."""
    folder, authority = mkdtemp(), trustme.CA()
    atexit.register(shutil.rmtree, folder)
    bundle = str(Path(folder, "ca.pem"))
    authority.cert_pem.write_to_path(bundle)
    return authority, bundle


@cache
def _context(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


@contextmanager
def environment(**values: str) -> Iterator[None]:
    with patch.dict(os.environ, values):
        yield
