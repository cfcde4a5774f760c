"""Facts of a message beyond its event and details."""

from dataclasses import dataclass
from datetime import datetime

from service.model.people import Mention
from service.model.records import News
from service.model.story import Line
from service.model.test_facts import RedFacts
from service.model.tracks import Closing, Taken

NO_RED_FACTS = RedFacts()


@dataclass(frozen=True, kw_only=True)
class MessageFacts:
    """Facts of a message beyond its event and details. A message omits unknown ones.

    news              the news that lead the message; RUN: those of a route that hears each run
    taken             the person who has the incident
    closed_because    the reason why the incident ended, of news of a fix
    green_since       the end of the first green run before the track broke
    usual_ms          the usual duration of the workflow on its branch
    red_reruns        the number of automatic reruns that were red too
    compare_url       the page of the changes since the last green run
    mentions          the people whom the message is for
    red               of a red run: its tests, its culprits, and who is red of the same
    notes             sentences of our own that come first, such as why the message comes late
    """

    news: News = News.RUN
    taken: Taken | None = None
    closed_because: Closing | None = None
    green_since: datetime | None = None
    usual_ms: int | None = None
    red_reruns: int = 0
    compare_url: str | None = None
    mentions: tuple[Mention, ...] = ()
    red: RedFacts = NO_RED_FACTS
    notes: tuple[Line, ...] = ()
