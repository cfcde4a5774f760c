"""The count of a round: what each end has on record, against what the database says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.crash import history
from tests.crash.channel import Told
from tests.crash.configuration import ALWAYS
from tests.crash.history import History
from tests.crash.operator import Act
from tests.crash.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Count:
    """What came of a round, or of many.

    acknowledged   deliveries that the sender got a 2xx for
    kept           of these, the ones on disk, or forgotten since they had been made old
    acts           what operators were told is done
    acts_kept      of these, the ones on record
    owed           messages that follow from what was acknowledged, from what is on record, and from resends
    told           of these, the ones that the channels took
    repeated       how often a channel took a message that it had
    in_flight      sends that a trouble interrupted, or that another worker took over: each may be repeated once
    resent         messages that an operator had sent again: the same
    unexcused      repeats without either
    unrecorded     messages that a channel took, and of which no attempt says that it did, or may have
    phantoms       attempts that say a channel took a message, which it did not
    stuck          deliveries that nobody judged, and notifications that nobody sent
    troubles       how often each was made
    rounds         that were played
    """

    rounds: int = 0
    acknowledged: int = 0
    kept: int = 0
    acts: int = 0
    acts_kept: int = 0
    owed: int = 0
    told: int = 0
    repeated: int = 0
    in_flight: int = 0
    resent: int = 0
    unexcused: int = 0
    unrecorded: int = 0
    phantoms: int = 0
    stuck: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Count") -> "Count":
        return Count(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def is_good(self) -> bool:
        """Nothing lost, and nothing said twice but what was in flight, or asked for."""
        nothing_lost = self.kept == self.acknowledged and self.told == self.owed and self.acts_kept == self.acts
        return nothing_lost and not (self.unexcused or self.unrecorded or self.phantoms or self.stuck)


def count(scene: Scene) -> Count:
    """Compare what was promised with what is on record and what was heard."""
    record, taken = history.read(scene.fleet.database), scene.channel.taken
    promised = {*scene.load.acknowledged, *scene.load.riddles}
    forgotten = {one for one, change in scene.load.acknowledged.items() if change in scene.aged}
    acts = [act for act in scene.operator.acts if act.change not in scene.aged]
    done = Counter((act.verb, act.subject) for act in acts if act.is_done)
    owed, resends = _owed(scene, record), _resends(acts, record)
    repeats = Counter({told: times - 1 for told, times in taken.items() if times > 1})
    in_flight = record.interrupted + record.overtaken
    resent = record.resent + Counter(act.told for act in scene.operator.acts if act.told and act not in acts)
    recorded = Counter({told: times for told, times in taken.items() if told[1] not in scene.aged})
    return Count(
        rounds=1,
        acknowledged=len(promised),
        kept=len(promised & (record.kept | forgotten)),
        acts=done.total(),
        acts_kept=(done & record.acts).total(),
        owed=len(owed) + len(resends),
        told=len(owed & taken.keys()) + sum(scene.channel.last.get(told, 0.0) >= at for told, at in resends),
        repeated=repeats.total(),
        in_flight=in_flight.total(),
        resent=resent.total(),
        unexcused=(repeats - in_flight - resent).total(),
        unrecorded=(recorded - record.sent - record.interrupted).total(),
        phantoms=(record.sent - taken).total(),
        stuck=len(scene.fleet.unsettled()),
    )


def _owed(scene: Scene, record: History) -> set[Told]:
    """All that somebody is to be told of, but for what an operator dismissed."""
    changes = {*record.changes, *scene.load.acknowledged.values(), *scene.aged}
    always = {(f"/{receiver}", change) for receiver in ALWAYS for change in changes}
    return (always | record.states.keys()) - {told for told, state in record.states.items() if state == "dismissed"}


def _resends(acts: Sequence[Act], record: History) -> list[tuple[Told, float]]:
    """What is owed once more since when, by the operator's own record."""
    done = [(act.told, act.at) for act in acts if act.verb == "resend" and act.is_done and act.told]
    return [(told, at) for told, at in done if record.states.get(told) != "dismissed"]
