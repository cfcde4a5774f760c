"""Send messages through Apprise and to Slack in threads.

One that hangs keeps no other waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TypeVar
from uuid import UUID

from service.channels.budget import MAX_ANSWER_S, MAX_SEND_S, Budget
from service.channels.endpoint import Endpoint
from service.channels.rate_limits import DEADLINE_S, TIMEOUT_PAUSE_S, timeout_pause_s
from service.channels.registry import service_of
from service.channels.slack_bot import url as slack_bot_url
from service.channels.slack_bot.url import SLACK_URL, Examined
from service.errors import Temporary
from service.model import Channel, Message, Receiver

T = TypeVar("T")

MAX_STUCK_THREADS = 2  # per channel; with this many threads that hang, it gets no further message
END_MARGIN_S = 5.0  # after the end of its budget, for the thread to end


class StillSending(Temporary):
    """The channel has not answered within the deadline, but still may.

    outcome   waits for the end of the send, for as long as it may succeed: returns the receipt, or raises
    """

    def __init__(self, sentence: str, *, outcome: Callable[[], Awaitable[str]]) -> None:
        super().__init__(sentence, retry_after_s=TIMEOUT_PAUSE_S)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class LateSend:
    """A send that is past its deadline."""

    channel: Channel
    sending: "Future[str]"


class AppriseChannels:
    """The sender for every channel that Apprise has a plugin for, and Slack's apps.

    slack_url    address of Slack's Web API
    deadline_s   seconds for which a send may occupy a slot; a mail server gets less
    answer_s     seconds for the answer to an HTTP request
    send_s       seconds for a whole send: mail servers may take minutes to answer (RFC 5321, 4.5.3.2)
    at_once      number of slots: sends that run at the same time, over all channels

    Each send has a thread of its own: servers that never answer would use up the threads of a pool, and would keep the
    process from ending. While a send is late, its notification is not sent again.
    """

    def __init__(
        self,
        *,
        deadline_s: float = DEADLINE_S,
        answer_s: float = MAX_ANSWER_S,
        send_s: float = MAX_SEND_S,
        max_concurrent: int = 16,
        slack_url: str = SLACK_URL,
    ) -> None:
        self._slack_url = slack_url
        self._deadline_s = deadline_s
        self._answer_s = answer_s
        self._send_s = send_s
        self._slots = asyncio.Semaphore(max_concurrent)
        self._late_sends: dict[UUID, LateSend] = {}
        self._secret_urls: frozenset[str] = frozenset()

    def redact_urls_of(self, receivers: Iterable[Receiver]) -> None:
        """Redact the parts of these channels' URLs in all answers, from the next send on."""
        self._secret_urls = frozenset(channel.url for receiver in receivers for channel in receiver.channels)

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        """Send the message and return the receipt, a sentence.

        Raises Temporary (or StillSending) or Permanent.
        """
        if notification_id in self._late_sends:
            return self._late_result(notification_id)
        self._refuse_if_stuck(channel)
        deadline_s = min(self._deadline_s, service_of(channel).max_deadline_s)
        async with self._slots:
            sending = self._start(channel, message, notification_id)
            try:
                return await _wait_for(sending, deadline_s)
            except TimeoutError as error:
                sentence = f"{channel.label} did not answer within {deadline_s:g} s"
                raise StillSending(sentence, outcome=partial(self._outcome, notification_id)) from error
            finally:
                if not sending.done():
                    self._late_sends[notification_id] = LateSend(channel=channel, sending=sending)

    def check(self, url: str) -> str | None:
        """Return the problem of a channel's URL as a sentence, or None.

        The sentence has no secrets. None means that Apprise understands the URL.
        """
        if url.lower().startswith(f"{slack_bot_url.KIND}://"):
            return slack_bot_url.problem(url)
        from service.channels import plugin  # noqa: PLC0415 - loads Apprise, 57 MB: a web needs none

        return plugin.check(url)

    async def examine(self, channel: Channel) -> Examined | None:
        """Return the state of a channel that can be asked without a message, or None."""
        if channel.kind != slack_bot_url.KIND:
            return None
        from service.channels.slack_bot import examine, sender  # noqa: PLC0415 - loads slack_sdk, which bots alone need

        to = sender.recipient(channel, self._secret_urls)
        budget = Budget(seconds=self._deadline_s, answer_s=self._answer_s)
        return await asyncio.to_thread(examine.examine, to, budget, base_url=self._slack_url)

    async def endpoint(self, channel: Channel) -> Endpoint | None:
        """Return the server that gets messages over HTTP; None if it is not known."""
        if channel.kind == slack_bot_url.KIND:
            return None
        from service.channels import trial  # noqa: PLC0415 - loads Apprise, 57 MB: a web needs none

        return await asyncio.to_thread(trial.endpoint_of, channel.url)

    async def log_in(self, channel: Channel) -> Examined | None:
        """Log in at a channel's mail server, and send no mail; None: it is no mail."""
        if not service_of(channel).is_mail_server:
            return None
        from service.channels import trial  # noqa: PLC0415 - loads Apprise, 57 MB: a web needs none

        budget = Budget(seconds=self._deadline_s, answer_s=self._answer_s, is_mail=True)
        trying: Future[Examined | None] = Future()
        work = partial(trial.log_in, channel.url, budget)
        Thread(target=_run, args=(trying, work), name=f"login {channel.label}", daemon=True).start()
        try:
            return await _wait_for(trying, self._deadline_s)
        except TimeoutError:
            return Examined(sentence=f"the mail server did not answer within {self._deadline_s:g} s", is_wrong=True)

    async def close(self, *, grace_s: float = 0.0) -> None:
        """Wait up to ``grace_s`` seconds for late sends to end.

        The threads of the others end with the process.
        """
        sends = [late.sending for late in self._late_sends.values()]
        await asyncio.to_thread(wait, sends, timeout=grace_s)

    async def _outcome(self, notification_id: UUID) -> str:
        late = self._late_sends[notification_id]
        try:
            return await _wait_for(late.sending, self._send_s + END_MARGIN_S)
        except TimeoutError as error:
            sentence = f"{late.channel.label} did not answer within {self._send_s:g} s"
            raise Temporary(sentence, retry_after_s=timeout_pause_s(self._send_s)) from error
        finally:
            if late.sending.done():
                self._late_sends.pop(notification_id, None)

    def _late_result(self, notification_id: UUID) -> str:
        """Return or raise the result of a late send. Raises Temporary until it has one."""
        late = self._late_sends[notification_id]
        if not late.sending.done():
            sentence = f"{late.channel.label} still holds this message without an answer"
            raise Temporary(sentence, retry_after_s=TIMEOUT_PAUSE_S)
        del self._late_sends[notification_id]
        return late.sending.result()

    def _refuse_if_stuck(self, channel: Channel) -> None:
        late = [one for one in self._late_sends.values() if one.channel.key == channel.key and not one.sending.done()]
        if len(late) >= MAX_STUCK_THREADS:
            sentence = f"{channel.label} still holds {len(late)} messages without an answer"
            raise Temporary(sentence, retry_after_s=TIMEOUT_PAUSE_S)

    def _start(self, channel: Channel, message: Message, notification_id: UUID) -> "Future[str]":
        budget = Budget(seconds=self._send_s, answer_s=self._answer_s, is_mail=service_of(channel).is_mail_server)
        sending: Future[str] = Future()
        sending.set_running_or_notify_cancel()  # a waiter that gives up does not cancel it from here on
        is_slack = channel.kind == slack_bot_url.KIND
        send = self._send_to_slack if is_slack else partial(_send_in_thread, secret_urls=self._secret_urls)
        work = partial(send, channel, message, budget, notification_id=notification_id)
        Thread(target=_run, args=(sending, work), name=f"send {channel.label}", daemon=True).start()
        return sending

    def _send_to_slack(self, channel: Channel, message: Message, budget: Budget, *, notification_id: UUID) -> str:
        from service.channels.slack_bot import sender  # noqa: PLC0415 - loads slack_sdk, which bots alone need

        to = sender.recipient(channel, self._secret_urls)
        return sender.send(to, message, budget, notification_id=notification_id, base_url=self._slack_url)


async def _wait_for(sending: "Future[T]", seconds: float) -> T:
    """Return or raise the result of a send. Raises TimeoutError if it takes longer."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(sending), seconds)
    except TimeoutError:
        if sending.done():  # the send has just ended, or it raised the TimeoutError itself
            return sending.result()
        raise


def _run(sending: "Future[T]", work: Callable[[], T]) -> None:
    try:
        sending.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again by the Future, where it is awaited
        sending.set_exception(error)


def _send_in_thread(
    channel: Channel, message: Message, budget: Budget, *, notification_id: UUID, secret_urls: frozenset[str]
) -> str:
    from service.channels import plugin  # noqa: PLC0415 - loads Apprise, 57 MB: a web needs none

    return plugin.send(channel, message, budget, notification_id=notification_id, secret_urls=secret_urls)
