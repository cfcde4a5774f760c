"""Send messages through Apprise, which waits in threads, without ever waiting for one that hangs."""

import asyncio
from concurrent.futures import Future, wait
from threading import Thread

from service.channels.limits import UNANSWERED_REST_S
from service.errors import Temporary
from service.model import Channel, Message

MOST_LATE = 2  # threads of one channel that may hang before we stop giving it more


class AppriseChannels:
    """Every channel that Apprise has a plugin for.

    deadline_s   how long one send may take
    at_once      how many sends run at the same time, over all channels

    Each send has a thread of its own: a pool's threads would be used up by servers that never answer, and would keep
    the process from ending. A server that takes a message only after the deadline will get it again.
    """

    def __init__(self, *, deadline_s: float = 30.0, at_once: int = 16) -> None:
        self._deadline_s = deadline_s
        self._slots = asyncio.Semaphore(at_once)
        self._late: dict[str, list[Future[str]]] = {}

    async def send(self, channel: Channel, message: Message) -> str:
        """Send the message and return the receipt, a sentence. Raises Temporary or Permanent."""
        self._refuse_if_stuck(channel)
        async with self._slots:
            sending = _start(channel, message)
            try:
                return await asyncio.wait_for(asyncio.wrap_future(sending), self._deadline_s)
            except TimeoutError as error:
                said = f"{channel.label} did not answer within {self._deadline_s:g} s"
                raise Temporary(said, retry_after_s=UNANSWERED_REST_S) from error
            finally:
                if not sending.done():
                    self._late.setdefault(channel.key, []).append(sending)

    def check(self, url: str) -> str | None:
        """What is wrong with a channel's URL, as a sentence without its secrets; None if Apprise understands it."""
        from service.channels import plugin  # noqa: PLC0415 - see _deliver

        return plugin.check(url)

    async def close(self, *, grace_s: float = 2.0) -> None:
        """Let sends that nobody waits for any more finish, within the grace; their threads end with the process."""
        late = [sending for sends in self._late.values() for sending in sends]
        self._late.clear()
        await asyncio.to_thread(wait, late, timeout=grace_s)

    def _refuse_if_stuck(self, channel: Channel) -> None:
        late = [sending for sending in self._late.pop(channel.key, []) if not sending.done()]
        if late:
            self._late[channel.key] = late
        if len(late) >= MOST_LATE:
            said = f"{channel.label} still holds {len(late)} messages without an answer"
            raise Temporary(said, retry_after_s=UNANSWERED_REST_S)


def _start(channel: Channel, message: Message) -> Future[str]:
    sending: Future[str] = Future()
    sending.set_running_or_notify_cancel()  # from here on, giving up waiting does not touch it
    Thread(target=_run, args=(sending, channel, message), name=f"send {channel.label}", daemon=True).start()
    return sending


def _run(sending: "Future[str]", channel: Channel, message: Message) -> None:
    try:
        sending.set_result(_deliver(channel, message))
    except BaseException as error:  # noqa: BLE001 - carried to whoever waits, as an executor does
        sending.set_exception(error)


def _deliver(channel: Channel, message: Message) -> str:
    # Apprise takes 57 MB and up to a second to import: only a process that uses a channel pays, and in the thread.
    from service.channels import plugin  # noqa: PLC0415

    return plugin.deliver(channel, message)
