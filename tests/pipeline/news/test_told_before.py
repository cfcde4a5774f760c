"""What channels heard before of the same news: the verdict beside it, and a remark for each of them."""

from itertools import product
from uuid import uuid4

import pytest

from service.model import Notification, NotificationState, Verdict
from service.pipeline.news.told_before import remarks_on_existing, verdict_beside, was_told
from service.store.notifications.summaries import UNTOLD
from tests.support.app_fixture import NINE
from tests.support.neighbor_rows import a_notification

FAILED = {NotificationState.DEAD, NotificationState.DISMISSED, NotificationState.DROPPED}
TOLD = a_notification(NotificationState.SENT, channel_label="told", route="first")
DEAD = a_notification(NotificationState.DEAD, channel_label="dead", reason="no such host")
MIXED = [[*one] for size in range(4) for one in product([TOLD, DEAD, None], repeat=size)]


@pytest.mark.parametrize("state", NotificationState)
def test_was_told_unless_it_failed_before_anything_was_sent(state: NotificationState) -> None:
    assert was_told(a_notification(state)) == (state not in FAILED)
    assert was_told(a_notification(state, sent_at=NINE))


@pytest.mark.parametrize("state", sorted(FAILED))
def test_was_told_with_others_unless_these_left_it_out(state: NotificationState) -> None:
    assert was_told(a_notification(state, told_in=uuid4(), reason="told with others"))
    assert not was_told(a_notification(state, told_in=uuid4(), reason=UNTOLD))


@pytest.mark.parametrize("existing", MIXED)
def test_verdict_says_already_told_only_where_every_channel_was(existing: list[Notification | None]) -> None:
    every = bool(existing) and existing == [TOLD] * len(existing)

    assert verdict_beside(existing) is (Verdict.ALREADY_TOLD if every else Verdict.MATCHED)


def test_remarks_name_who_hears_already_and_what_could_not_be_sent() -> None:
    assert remarks_on_existing([None]) == []
    assert remarks_on_existing([DEAD, None, TOLD, TOLD]) == [
        "told, told already hears of this, by route 'first'",
        "dead was to hear of this, but it could not be sent (no such host): resend it",
    ]
