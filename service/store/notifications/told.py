"""The color of a track that each channel was told last."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select

from service.db.columns import is_any
from service.db.tables import Transaction, told
from service.model import Color
from service.store.bulk import BulkInsert, replacing

_PUT = BulkInsert(told, replacing(told, "track_id", "channel_key"))
_FIND = select(told.c.track_id, told.c.channel_key, told.c.color).where(is_any(told.c.track_id, "track_ids"))
_FIND_REDS = _FIND.where(told.c.color == Color.RED)


def put(transaction: Transaction, channel: tuple[int, str], color: Color, at: datetime) -> None:
    """Note that a channel accepted this color of a track.

    channel   the track's id and the channel's key
    """
    put_all(transaction, {channel: color}, at)


def put_all(transaction: Transaction, colors: Mapping[tuple[int, str], Color], at: datetime) -> None:
    """Note that channels accepted these colors, by track and channel."""
    rows = [{"track_id": track, "channel_key": key, "color": colors[track, key], "at": at} for track, key in colors]
    _PUT(transaction, sorted(rows, key=lambda row: (row["track_id"], row["channel_key"])))


def find(transaction: Transaction, track_ids: Collection[int]) -> dict[tuple[int, str], Color]:
    """Return the color that each channel was told last, by track and channel."""
    if not track_ids:
        return {}
    rows = transaction.execute(_FIND, {"track_ids": list(track_ids)})
    return {(row.track_id, row.channel_key): Color(row.color) for row in rows}


def red_channels(transaction: Transaction, track_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """Return the keys of the channels that know tracks as red, by track."""
    found: dict[int, set[str]] = {}
    for row in transaction.execute(_FIND_REDS, {"track_ids": list(track_ids)}):
        found.setdefault(row.track_id, set()).add(row.channel_key)
    return {track_id: frozenset(keys) for track_id, keys in found.items()}


def forget_channel(transaction: Transaction, track_id: int, channel_key: str) -> None:
    """Forget what a channel was told of a track."""
    transaction.execute(delete(told).where(told.c.track_id == track_id, told.c.channel_key == channel_key))


def forget(transaction: Transaction, track_ids: Collection[int]) -> None:
    """Forget what was told of tracks: the next red is news again."""
    if track_ids:
        transaction.execute(delete(told).where(told.c.track_id.in_(track_ids)))
