"""What other ends answer is read within limits: in bytes as sent and as unpacked, in time, and in depth."""

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import repeat
from threading import Event
from uuid import uuid4

import pytest

from service.channels import AppriseChannels
from service.channels.safe_answers import MAX_BODY_BYTES, is_deep
from service.errors import Permanent, Temporary
from tests.channels.test_channels import DISCORD, SLACK_BOT, a_channel, a_message, json_url, sent
from tests.support.fake_servers import Answer, HttpEnd, RawEnd, http_end, internet, raw_end

MEMORY_BYTES = 40_000_000  # what a send may take beside Apprise itself, which is imported
GZIP, DEFLATE = 31, 15  # as zlib's window bits name them
DEEP = b"[" * 100_000
TALK_S = 5.0
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True, scope="module")
def _apprise_is_imported() -> None:
    AppriseChannels().check(SLACK_BOT)


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


@pytest.fixture
def web() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


async def hurried(url: str, *, answer_s: float = 0.5, send_s: float = 120) -> str:
    """Send with little patience for answers."""
    channels = AppriseChannels(deadline_s=120, answer_s=answer_s, send_s=send_s)
    try:
        return await channels.send(a_channel(url), a_message(), notification_id=uuid4())
    finally:
        await channels.close(grace_s=0)


@pytest.fixture
def _little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_BYTES


def encoded(body: bytes, encoding: str, status: int = 200) -> Answer:
    return Answer(status=status, body=body, headers=(("Content-Encoding", encoding),))


@cache
def a_bomb(form: int = GZIP) -> bytes:
    """50 MB of nothing, compressed a piece at a time."""
    compressor = zlib.compressobj(1, wbits=form)
    return b"".join(compressor.compress(bytes(1_000_000)) for _ in range(50)) + compressor.flush()


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate", "GZIP"])
async def test_a_compressed_answer_is_not_unpacked_and_its_status_counts(web: HttpEnd, encoding: str) -> None:
    bomb = a_bomb(DEFLATE if encoding == "deflate" else GZIP)
    web.behave(encoded(gzip.compress(bomb) if encoding == "gzip, gzip" else bomb, encoding))

    receipt = await sent(json_url(web))

    assert web.got[0].headers["accept-encoding"] == "identity"
    assert receipt.endswith("it answered 200; its answer came compressed, though we asked for a plain one")


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("status", [302, 401, 404, 503])
async def test_a_compressed_refusal_is_a_refusal(web: HttpEnd, status: int) -> None:
    located = (("Content-Encoding", "gzip"), ("Location", "http://127.0.0.1:9/"))
    web.behave(Answer(status=status, body=a_bomb(), headers=located))

    with pytest.raises(Temporary if status == 503 else Permanent, match=str(status)):
        await sent(json_url(web))

    assert len(web.got) == 1


async def test_a_success_that_its_plugin_must_read_and_cannot_is_not_sent_twice(net: HttpEnd) -> None:
    net.behave(encoded(gzip.compress(b'{"ok": true}'), "gzip"))

    with pytest.raises(Permanent, match=r"answered 200, but its answer came compressed.*: it may have the message"):
        await sent(SLACK_BOT)


@pytest.mark.parametrize("body", [DEEP, b'{"a":' * 40_000, b' \n[{"\\"[":' * 20_000, DEEP.decode().encode("utf-16")])
async def test_an_answer_nested_without_end_is_no_error_of_ours(net: HttpEnd, body: bytes) -> None:
    net.behave(Answer(body=body))

    with pytest.raises(Permanent, match=r"its answer is nested deeper than 100 levels: it may have the message"):
        await sent(SLACK_BOT)


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[" * 100 + b"]" * 100, False),
        (b"[" * 101 + b"]" * 101, True),
        (b"[]," * 1_000, False),
        (b'["' + b"[" * 1_000 + b'"]', False),
        (b'["\\"' + b"[" * 1_000 + b'"]', False),
        (b'["\\\\"' + b"[" * 1_000, True),
        (b"<p>" + b"{" * 1_000, False),
        (b"", False),
    ],
)
def test_depth_is_that_of_lists_and_objects_outside_of_words(body: bytes, deep: bool) -> None:
    assert is_deep(body) is deep


@pytest.mark.usefixtures("_little_memory")
async def test_of_a_long_answer_the_beginning_is_read(web: HttpEnd) -> None:
    web.behave(Answer(body=b"x" * (MAX_BODY_BYTES * 80)))

    assert (await sent(json_url(web))).endswith(
        "accepted the message, it answered 200; its answer is longer than 250 kB"
    )


async def test_a_long_answer_that_says_no_is_no_success(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"ok": false, "error": "channel_not_found"}' + b" " * MAX_BODY_BYTES))

    with pytest.raises(Permanent, match="channel_not_found"):
        await sent(DISCORD)


def request(connection: socket.socket) -> None:
    """Read a request to its end."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    wanted = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(body) < wanted:
        body += connection.recv(65_536)


def saying(*pieces: bytes, forever: bytes = b"", every_s: float = 0.0) -> Callable[[socket.socket, Event], None]:
    """Answer a request with these, and then with the same again and again until the other side has had enough."""

    def talk(connection: socket.socket, closing: Event) -> None:
        request(connection)
        for piece in pieces:
            connection.sendall(piece)
        for piece in repeat(forever) if forever else ():
            connection.sendall(piece)
            if closing.wait(every_s):
                return

    return talk


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "body": saying(HEAD + b"\r\n", forever=b"x" * 65_536),
    "chunks": saying(CHUNKED, forever=(b"80\r\n" + b"x" * 128 + b"\r\n") * 500),
}
NO_ANSWERS = {
    "the length of a chunk": saying(CHUNKED, forever=b"0" * 65_536),
    "headers": saying(HEAD, forever=b"X-Header: 1\r\n" * 5_000),
    "one header": saying(HEAD + b"X-Header: ", forever=b"x" * 65_536),
    "the status line": saying(b"HTTP/1.1 200 ", forever=b"x" * 65_536),
    "going on": saying(forever=b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000),
}


def raw_url(end: RawEnd) -> str:
    return f"json://127.0.0.1:{end.port}/hook"


def left_alone(end: RawEnd) -> bool:
    """Whether the sender hangs up, and its thread ends, soon: not only its waiting."""
    has_hung_up = end.ended.wait(TALK_S)
    for thread in threading.enumerate():
        if thread.name.startswith("send "):
            thread.join(TALK_S)
            has_hung_up &= not thread.is_alive()
    return has_hung_up


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("flood", FLOODS)
async def test_an_endless_body_is_cut_and_the_status_counts(flood: str) -> None:
    with raw_end(FLOODS[flood]) as end:
        receipt = await hurried(raw_url(end), answer_s=20)

        assert left_alone(end)
    assert "accepted the message, it answered 200; its answer " in receipt


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("flood", NO_ANSWERS)
async def test_an_endless_head_is_no_answer(flood: str) -> None:
    with raw_end(NO_ANSWERS[flood]) as end:
        with pytest.raises(Temporary):
            await hurried(raw_url(end), answer_s=20)

        assert left_alone(end)


TRICKLES = {
    "nothing": saying(),
    "the status line": saying(b"HTTP/1.1 200 ", forever=b"x", every_s=0.02),
    "headers": saying(HEAD, forever=b"X-Header: 1\r\n", every_s=0.02),
}


@pytest.mark.long
@pytest.mark.parametrize("trickle", TRICKLES)
async def test_trickled_head_is_read_for_a_limited_time(trickle: str) -> None:
    def talk(connection: socket.socket, closing: Event) -> None:
        TRICKLES[trickle](connection, closing)
        closing.wait()

    with raw_end(talk) as end, pytest.raises(Temporary, match="did not answer in time"):
        await hurried(raw_url(end))


@pytest.mark.long
@pytest.mark.parametrize("start", [HEAD + b"\r\n", HEAD + b"Content-Length: 100000\r\n\r\n", CHUNKED + b"ffff\r\n"])
async def test_trickled_body_is_read_for_a_limited_time(start: bytes) -> None:
    with raw_end(saying(start, forever=b"x", every_s=0.02)) as end:
        receipt = await hurried(raw_url(end))

        assert left_alone(end)
    assert receipt.endswith("it answered 200; its answer did not end in time")


def smtp(
    *, greeting: bytes = b"220 mail\r\n", forever: bytes = b"", every_s: float = 0.0
) -> Callable[[socket.socket, Event], None]:
    """A mail server that greets, and answers the first command without end."""

    def talk(connection: socket.socket, closing: Event) -> None:
        connection.sendall(greeting)
        connection.recv(1_024)
        for piece in repeat(forever):
            connection.sendall(piece)
            if closing.wait(every_s):
                return

    return talk


def mail_url(end: RawEnd) -> str:
    return f"mailto://ci:fake-mail-password@localhost:{end.port}?from=ci@example.com&to=web@example.com&mode=insecure"


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("reply", [b"250-PIPELINING\r\n" * 4_000, b"250-" + b"x" * 65_536])
async def test_a_mail_server_that_answers_without_end_is_left_alone(reply: bytes) -> None:
    with raw_end(smtp(forever=reply)) as end:
        with pytest.raises((Temporary, Permanent)):
            await hurried(mail_url(end))

        assert left_alone(end)


@pytest.mark.long
async def test_a_mail_server_that_trickles_is_listened_to_for_a_limited_time() -> None:
    with raw_end(smtp(forever=b"250-PIPELINING\r\n", every_s=0.02)) as end:
        with pytest.raises(Temporary, match="did not answer in time"):
            await hurried(mail_url(end), send_s=0.5)

        assert left_alone(end)
