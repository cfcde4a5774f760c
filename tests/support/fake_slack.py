"""A Slack with a Web API of its own on loopback, which answers as docs.slack.dev/reference/methods says.

Messages have metadata, threads, edits; tokens have scopes; channels can be private, archived, deleted. A test may plan
what happens to the next calls of a method: an error, a rate limit, a connection that is cut after all is done.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl

from tests.support.fake_servers import LOOPBACK, QuietHandler, QuietServer, environment

TOKEN = "xoxb-an-invented-token"
CHANNEL = "C0123456"
SCOPES = frozenset({"chat:write", "channels:history"})
MAX_TEXT = 40_000
Arguments = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a call.

    error     the code that it is answered with; ``status`` and ``headers`` of that answer
    body      the body of the answer, in place of JSON
    is_cut    the connection ends without an answer: after the call has had its effect, unless there is an error
    act       done before the answer, after the effect
    wait_for  the answer waits for it
    """

    error: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    is_cut: bool = False
    act: Callable[[], object] | None = None
    wait_for: Event | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it arrived."""

    method: str
    arguments: Arguments
    token: str


@dataclass(kw_only=True)
class Message:
    """A message in a channel, as it is now."""

    ts: str
    text: str
    attachments: list[Any]
    metadata: Any = None
    thread_ts: str | None = None
    is_broadcast: bool = False
    user: str = TOKEN

    @property
    def color(self) -> str | None:
        return self.attachments[0].get("color") if self.attachments else None


@dataclass(kw_only=True)
class SlackChannel:
    """A channel; ``has_app`` says whether the app was invited."""

    messages: list[Message] = field(default_factory=list)
    has_app: bool = True
    is_private: bool = False
    is_archived: bool = False


class Refusal(Exception):
    """The call is answered with ``ok: false``."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.answer = {"ok": False, "error": code, **more}


@dataclass(kw_only=True)
class FakeSlack:
    """A workspace."""

    url: str = ""
    tokens: dict[str, frozenset[str]] = field(default_factory=lambda: {TOKEN: SCOPES})
    channels: dict[str, SlackChannel] = field(default_factory=lambda: {CHANNEL: SlackChannel()})
    calls: list[Call] = field(default_factory=list)
    plan: dict[str, list[Fault]] = field(default_factory=dict)
    clock: Callable[[], datetime] | None = None
    page_size: int = 1_000
    lock: Lock = field(default_factory=Lock)
    _count: int = 0

    @property
    def messages(self) -> list[Message]:
        """The messages of the channel, without threads."""
        return [one for one in self.channels[CHANNEL].messages if one.thread_ts is None]

    @property
    def replies(self) -> list[Message]:
        return [one for one in self.channels[CHANNEL].messages if one.thread_ts is not None]

    @property
    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    def next_fault(self, method: str) -> Fault:
        ahead = self.plan.get(method)
        return ahead.pop(0) if ahead else Fault()

    def do(self, call: Call) -> Mapping[str, Any]:
        """Do what a call asks for; the answer."""
        scopes = self.tokens.get(call.token)
        if scopes is None:
            raise Refusal("invalid_auth" if call.token else "not_authed")
        match call.method:
            case "auth.test":
                return {"ok": True, "user": "roundsman", "team": "Acme", "user_id": "U1", "team_id": "T1"}
            case "chat.postMessage":
                return self._post(call, scopes)
            case "chat.update":
                return self._update(call, scopes)
            case "conversations.history" | "conversations.replies":
                return self._read(call, scopes)
        raise Refusal("unknown_method")

    def _post(self, call: Call, scopes: frozenset[str]) -> Mapping[str, Any]:
        _require(scopes, "chat:write")
        channel = self._channel(call)
        if not channel.has_app:
            raise Refusal("channel_not_found" if channel.is_private else "not_in_channel")
        if channel.is_archived:
            raise Refusal("is_archived")
        _check_length(call.arguments)
        thread_ts = call.arguments.get("thread_ts")
        if thread_ts and not any(one.ts == thread_ts for one in channel.messages):
            raise Refusal("thread_not_found")
        message = Message(
            ts=self._next_ts(),
            text=str(call.arguments.get("text", "")),
            attachments=list(call.arguments.get("attachments") or []),
            metadata=call.arguments.get("metadata"),
            thread_ts=thread_ts,
            is_broadcast=bool(call.arguments.get("reply_broadcast")),
            user=call.token,
        )
        channel.messages.append(message)
        return {"ok": True, "channel": call.arguments["channel"], "ts": message.ts, "message": {"text": message.text}}

    def _update(self, call: Call, scopes: frozenset[str]) -> Mapping[str, Any]:
        _require(scopes, "chat:write")
        channel = self._channel(call)
        found = next((one for one in channel.messages if one.ts == call.arguments.get("ts")), None)
        if found is None:
            raise Refusal("message_not_found")
        if found.user != call.token:
            raise Refusal("cant_update_message")
        _check_length(call.arguments)
        found.text = str(call.arguments.get("text", ""))
        found.attachments = list(call.arguments.get("attachments") or [])
        return {"ok": True, "channel": call.arguments["channel"], "ts": found.ts, "text": found.text}

    def _read(self, call: Call, scopes: frozenset[str]) -> Mapping[str, Any]:
        channel = self._channel(call)
        _require(scopes, "groups:history" if channel.is_private else "channels:history")
        if not channel.has_app:
            raise Refusal("not_in_channel")
        oldest, ts = float(call.arguments.get("oldest", 0)), call.arguments.get("ts")
        if call.method == "conversations.replies" and not any(one.ts == ts for one in channel.messages):
            raise Refusal("thread_not_found")
        thread = [one for one in channel.messages if ts in {one.ts, one.thread_ts}] if ts else channel.messages
        shown = [one for one in thread if ts or one.thread_ts is None or one.is_broadcast]
        found = [one for one in shown if float(one.ts) > oldest or one.ts == ts]
        if not ts:
            found.reverse()  # newest first
        begin = int(call.arguments.get("cursor") or 0)
        end = begin + min(self.page_size, int(call.arguments.get("limit", 100)))
        has_metadata = str(call.arguments.get("include_all_metadata", "")).lower() in {"1", "true"}
        answer = {"ok": True, "messages": [_as_json(one, has_metadata=has_metadata) for one in found[begin:end]]}
        more = len(found) > end
        return {**answer, "has_more": more, "response_metadata": {"next_cursor": str(end) if more else ""}}

    def _channel(self, call: Call) -> SlackChannel:
        found = self.channels.get(str(call.arguments.get("channel")))
        if found is None:
            raise Refusal("channel_not_found")
        return found

    def _next_ts(self) -> str:
        self._count += 1
        now = self.clock().timestamp() if self.clock else datetime.now().astimezone().timestamp()
        return f"{int(now)}.{self._count:06}"


def _require(scopes: frozenset[str], scope: str) -> None:
    if scope not in scopes:
        raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(scopes)))


def _check_length(arguments: Arguments) -> None:
    if len(str(arguments.get("text", ""))) > MAX_TEXT:
        raise Refusal("msg_too_long")
    if not arguments.get("text") and not arguments.get("attachments") and not arguments.get("blocks"):
        raise Refusal("no_text")


def _as_json(message: Message, *, has_metadata: bool) -> Mapping[str, Any]:
    shown: dict[str, Any] = {"type": "message", "ts": message.ts, "text": message.text}
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if message.metadata:
        known = message.metadata if has_metadata else {"event_type": message.metadata["event_type"]}
        shown["metadata"] = known
    return shown


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """A workspace behind a real server on loopback."""
    slack = FakeSlack()
    server = QuietServer(("127.0.0.1", 0), _handler(slack))
    server.daemon_threads = True
    slack.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        with environment(no_proxy=LOOPBACK):
            yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(slack: FakeSlack) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 - the library's name for it
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            is_json = "json" in self.headers.get("Content-Type", "")
            arguments = json.loads(body) if is_json else dict(parse_qsl(body))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            call = Call(method=self.path.rpartition("/")[2], arguments=arguments, token=token)
            with slack.lock:
                slack.calls.append(call)
                fault = slack.next_fault(call.method)
                answer = self._answer(call, fault)
            if fault.act is not None:
                fault.act()
            if fault.wait_for is not None:
                fault.wait_for.wait(120)
            if fault.is_cut:
                self.close_connection = True
                return
            self._say(fault, answer, slack.tokens.get(token, frozenset()))

        def _answer(self, call: Call, fault: Fault) -> Mapping[str, Any]:
            if fault.error or fault.status != 200:
                return {"ok": False, "error": fault.error}
            try:
                return slack.do(call)
            except Refusal as refusal:
                return refusal.answer

        def _say(self, fault: Fault, answer: Mapping[str, Any], scopes: frozenset[str]) -> None:
            body = json.dumps(answer).encode() if fault.body is None else fault.body
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("X-OAuth-Scopes", ",".join(sorted(scopes)))
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
