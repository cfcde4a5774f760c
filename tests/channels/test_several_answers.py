"""Several answers of one send, and the sentence for each status."""

import pytest

from service.errors import Permanent, Temporary
from tests.channels.test_channels import json_url, sent
from tests.support.fake_servers import Answer, http_end, internet

TWO_RECIPIENTS = "46elks://fakeuser:fakepassword@15551230000/15551231111/15551232222"
GONE, BUSY = Answer(status=404, body=b"unknown"), Answer(status=503, body=b"busy")


@pytest.mark.parametrize("answers", [(GONE, BUSY), (BUSY, GONE)], ids=["404 and 503", "503 and 404"])
async def test_refusal_that_may_pass_counts_beside_one_that_does_not(answers: tuple[Answer, Answer]) -> None:
    with internet() as end:
        end.behave(*answers)

        with pytest.raises(Temporary, match=r"answered 503: busy"):
            await sent(TWO_RECIPIENTS)

    assert len(end.got) == 2


async def test_refusal_after_an_acceptance_is_told_with_its_status_and_words() -> None:
    with internet() as end:
        end.behave(Answer(body=b'{"status": "created"}'), Answer(status=403, body=b"unknown number"))

        with pytest.raises(Permanent, match=r"Only some .* got the message\. .* answered 403: unknown number"):
            await sent(TWO_RECIPIENTS)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (302, "it sends us to another address; correct the channel's URL"),
        (400, "it does not take messages of this kind; correct the channel's URL"),
        (401, "it does not accept our credentials; correct the channel's URL"),
        (403, "we may not post there; correct the channel's URL or its permissions"),
        (404, "the address is not known there; correct the channel's URL"),
        (410, "the address was taken out of service; correct the channel's URL"),
        (418, "it does not take messages of this kind; correct the channel's URL"),
        (429, "it gets too many messages"),
    ],
)
async def test_refusal_without_words_has_the_sentence_of_its_status(status: int, sentence: str) -> None:
    with http_end() as end:
        end.behave(Answer(status=status, body=b""))

        with pytest.raises((Permanent, Temporary)) as caught:
            await sent(json_url(end))

    assert str(caught.value) == f"web-team (json) answered {status}: {sentence}"


async def test_padded_retry_after_is_understood() -> None:
    with http_end() as end:
        end.behave(Answer(status=503, headers=(("Retry-After", "30 \t"),)))

        with pytest.raises(Temporary) as caught:
            await sent(json_url(end))

    assert caught.value.retry_after_s == 30
