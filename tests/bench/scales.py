"""Sizes of the measurements: tiny for the tests, small for minutes, full for hours."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything is measured.

    rounds, seconds   of load at the intake, and how long each takes
    routes            numbers of routes to drain with; ``weighed_routes`` to weigh rows with
    tail_s            of waiting for messages whose send a SIGKILL interrupted
    drained           events in a backlog; ``shared`` where several workers share it
    told              events that all notify
    messages          one after the other, to an idle service
    starts            of the service, and of ``--help``
    remembered        events before memory is read for the last time
    weighed           events on the disk after a first batch; in ``batches``, with a VACUUM between them
    replayed          events of a month that are played through routes, ``played_routes`` many
    past              sizes of the history; ``widths`` is how many filters are asked for together
    repeats           of each request to the history
    databases         ``SQLite`` and ``Postgres``
    """

    rounds: int
    seconds: float
    routes: tuple[int, ...] = (3, 30, 300)
    weighed_routes: tuple[int, ...] = (1, 300)
    workers: tuple[int, ...] = (1, 2, 4)
    tail_s: float = 120
    drained: int
    shared: int
    told: int
    messages: int
    starts: int
    remembered: int
    weighed: int
    batches: int = 4
    replayed: int
    played_routes: tuple[int, ...] = (3, 300)
    past: tuple[int, ...]
    widths: tuple[int, ...] = (1, 2)
    repeats: int
    databases: tuple[str, ...] = ("SQLite", "Postgres")


SCALES = {
    "tiny": Scale(
        rounds=1,
        seconds=0.2,
        routes=(3,),
        weighed_routes=(1,),
        workers=(1,),
        tail_s=0,
        drained=20,
        shared=20,
        told=4,
        messages=2,
        starts=1,
        remembered=20,
        weighed=4,
        batches=1,
        replayed=400,
        played_routes=(3,),
        past=(400,),
        widths=(1,),
        repeats=1,
    ),
    "small": Scale(
        rounds=3,
        seconds=2.5,
        drained=1_000,
        shared=600,
        told=300,
        messages=50,
        starts=5,
        remembered=2_000,
        weighed=800,
        replayed=50_000,
        past=(20_000,),
        repeats=5,
    ),
    "full": Scale(
        rounds=7,
        seconds=10,
        drained=5_000,
        shared=2_000,
        told=2_000,
        messages=500,
        starts=11,
        remembered=100_000,
        weighed=4_000,
        replayed=500_000,
        past=(1_000_000, 10_000_000),
        repeats=5,
    ),
}
