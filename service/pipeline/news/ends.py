"""Find the channels that were told of an incident, and that its end would miss.

A run that fixed it may lack what led the red one to a route: another person started it, or it ended a flake. A channel
that was told that it broke is told that it was fixed all the same, by the route that told it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from service.db.tables import Transaction
from service.model import Channel, Incident, Listener, Route
from service.pipeline.context import Context
from service.routing.decide import hears_ends
from service.store.incidents import tellers

ALL_THE_SAME = "hears of it all the same: it was told that it broke"


@dataclass(frozen=True, kw_only=True)
class End:
    """A channel to tell of the end of an incident, and the route that told it.

    position   the route's, from 0
    """

    position: int
    route: Route
    channel: Channel
    told_by: Listener


def find_ends(
    transaction: Transaction, context: Context, incident: Incident, channel_keys: Collection[str]
) -> Iterator[End]:
    """Yield those of these channels whose route tells ends, and is still there."""
    positions = {route.name: position for position, route in enumerate(context.routes)}
    for key, teller in tellers.find(transaction, incident, channel_keys).items():
        position, channel = positions.get(teller.route), context.channel(key)
        if position is not None and channel is not None and hears_ends(context.routes[position]):
            yield End(position=position, route=context.routes[position], channel=channel, told_by=teller)
