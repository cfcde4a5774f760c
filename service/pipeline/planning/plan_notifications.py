"""Plan the notifications of events: news, for each channel of a matched route."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from service.channels import server_lane
from service.db.tables import Transaction
from service.model import (
    Channel,
    Color,
    Incident,
    Listener,
    News,
    Notification,
    NotificationState,
    Route,
    RunState,
    Silence,
    Transition,
    Verdict,
    WaitsFor,
)
from service.pipeline.context import Context
from service.pipeline.news.channel_knowledge import ChannelKnowledge
from service.pipeline.news.ends import ALL_THE_SAME, End, find_ends
from service.pipeline.news.freshness import stale_reason
from service.pipeline.news.hold_ends import NOT_TOLD, tell_end
from service.pipeline.news.left_out import left_out, remarks_on
from service.pipeline.news.living import find_listeners, has_living_channels
from service.pipeline.news.told_before import remarks_on_existing, verdict_beside
from service.pipeline.planning.corrected_ends import OwedEnd, ended, plan_ends, remarks
from service.pipeline.plans import PendingDecision, Plan
from service.pipeline.waits.group_waits import in_group
from service.pipeline.waits.groups import group_remark
from service.pipeline.waits.patience import drop_fixed, take_place
from service.pipeline.waits.quiet import (
    OVER,
    in_mute,
    in_quiet_hours,
    in_silence,
    kept_quiet,
    plan_summaries,
    quiet_remark,
)
from service.pipeline.waits.revive import revive
from service.routing.decide import hears_every_run
from service.routing.news import news_key, news_of
from service.routing.silences import find_silence, silence_reason
from service.store.incidents import incidents
from service.store.notifications import kept_back, notifications
from service.store.runs import tracks

IN_ITS_PLACE = "hears of it in place of the red run before, of which it was not told yet"


def plan_notifications(
    transaction: Transaction,
    context: Context,
    pending: Sequence[PendingDecision],
    *,
    quiet: Sequence[Silence],
    now: datetime,
) -> list[Plan]:
    """Return verdicts on events and new notifications; ``quiet`` are the silences."""
    plans = [Plan(pending=one, verdicts=context.route_index.verdicts(one.event)) for one in pending]
    has_living = has_living_channels(context)
    concerned = (plan for plan in plans if plan.any_matched or has_living or plan.may_end_waits)
    matched = [plan.event.run for plan in concerned if plan.event.run]
    notifications.lock_unfinished(transaction, [run.track_id for run in matched])
    known = ChannelKnowledge(transaction, [run.track_id for run in matched])
    opened = incidents.find_all(transaction, {run.incident_id for run in matched if run.incident_id})
    planners = []
    for plan in plans:
        at = plan.pending.at or now
        planner = _Planner(transaction, context, known, opened, plan, at)
        planner.silence = find_silence(plan.event, quiet, at)
        planner.end_patience()
        for position, verdict in list(plan.verdicts.items()):
            if verdict is Verdict.MATCHED:
                planner.plan(position)
        planner.end_mute()
        planner.tell_newest()
        planner.tell_ends()
        planners.append(planner)
    if has_living:
        _plan_replies(transaction, planners)
    plan_ends(transaction, context, planners)
    # reds that were dropped for a run which has another color by now are told
    recolored = {plan.event.run.track_id: plan for plan in plans if plan.event.run and plan.event.run.is_recolored}
    for track_id, plan in sorted(recolored.items()):
        plan.held.extend(revive(transaction, context, [track_id], now))
    return plans


def _plan_replies(transaction: Transaction, planners: Sequence["_Planner"]) -> None:
    """Plan replies to living messages of incidents that are red once more."""
    runs = {planner: planner.run for planner in planners if planner.is_red_once_more}
    incident_ids = {run.incident_id for run in runs.values() if run and run.incident_id}
    if not incident_ids:
        return
    listeners = find_listeners(transaction, incident_ids, {run.track_id for run in runs.values() if run})
    for planner, run in runs.items():
        if run is not None and run.incident_id is not None:
            planner.reply(listeners[run.incident_id].values())


class _Planner:
    """The plan of one event, route by route."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each thing that all steps need
        self,
        transaction: Transaction,
        context: Context,
        known: ChannelKnowledge,
        opened: Mapping[UUID, Incident],
        plan: Plan,
        now: datetime,
    ) -> None:
        self._transaction, self._context, self._known, self._plan, self._now = transaction, context, known, plan, now
        self._event, self._run = plan.event, plan.event.run
        self._stale = stale_reason(plan.event, now)
        self._incident = opened.get(self._run.incident_id) if self._run and self._run.incident_id else None
        has_track = self._run is not None and tracks.branch_of(self._event) is not None
        self._track_id = self._run.track_id if self._run and has_track else None
        self.silence: Silence | None = None

    def plan(self, position: int) -> None:
        """Plan the notifications of a matched route, or note why it is no news."""
        route = self._context.routes[position]
        follows = self._run is not None and not hears_every_run(route)
        if (held := self._held_back(follows=follows)) is not None:
            self._plan.verdicts[position], remark = held
            self._plan.remarks[position] = (remark,)
            if self._run is not None and follows and held[0] is not Verdict.LATE:
                self._keep_back(route, self._run)
            return
        channels = self._listeners(route)
        excluded = left_out(channels, self._event)
        news = {channel.key: News.RUN for channel in channels if channel not in excluded}
        if follows and self._run is not None:
            news = self._news(route, self._run, news)
        news = tell_end(self._transaction, self._event, route, news)
        wanted = [self._make(route, channel, news[channel.key]) for channel in channels if channel.key in news]
        existing = notifications.insert_or_get(self._transaction, wanted)
        self._note(position, wanted, existing)
        new = [one for one, before in zip(wanted, existing, strict=True) if before is None]
        self._plan.held.extend(plan_summaries(self._transaction, self._context, new, channels))
        uninformed = [channel for channel in channels if channel not in excluded and channel.key not in news]
        existing = [*existing, *self._earlier(uninformed)]
        remarks = [*remarks_on_existing(existing), *remarks_on(excluded, of=channels)]
        remarks += [*quiet_remark(route, wanted), *group_remark(route, new)]
        if uninformed and not news:
            self._plan.verdicts[position] = verdict_beside(existing) if existing else Verdict.NO_NEWS
            remarks = remarks if existing else [self._no_news(uninformed), *remarks]
        if not channels:
            remarks = ["the author of the commit has no channels under people"]
        if remarks:
            self._plan.remarks[position] = tuple(remarks)

    def end_patience(self) -> None:
        """Drop what waits for a rerun, if the run turned its track green."""
        if self._run is None or self._run.transition is not Transition.FIXED:
            return
        held = self._take_held()
        dropped = drop_fixed(self._transaction, held, self._incident.closed_because if self._incident else None)
        self._known.note_begun(one for one in held if one.id not in dropped)

    def end_mute(self) -> None:
        """Drop what waits for the end of a mute, if the run ended the incident."""
        is_fixed = self._run is not None and self._run.transition is Transition.FIXED
        if is_fixed and self._incident is not None and self._incident.muted_until is not None:
            self._plan.dropped.extend(kept_back.drop_of_ended(self._transaction, [self._incident.id], reason=OVER))

    def tell_newest(self) -> None:
        """Have the run take the place of what waits for a rerun, if it is red too."""
        if self._stale or self._run is None or self._run.color is not Color.RED or not (held := self._take_held()):
            return
        if self._incident is not None and self._incident.is_muted(self._now):
            for one in held:
                kept_back.hold(self._transaction, in_mute(self._context, self._incident, one))
            return
        new = take_place(self._transaction, self._context, held, self._event, now=self._now)
        for one in new:
            self._known.add(one)
        self._plan.notifications.extend(new)
        for position, route in enumerate(self._context.routes):
            labels = [one.channel_label for one in new if one.route == route.name]
            if labels:
                before = self._plan.remarks.get(position, ())
                self._plan.remarks[position] = (*before, f"{', '.join(labels)} {IN_ITS_PLACE}")

    def tell_ends(self) -> None:
        """Tell of the fix to channels that know of the break, beside matched routes."""
        run, incident = self._run, self._incident
        if run is None or incident is None or self._track_id is None or run.is_late or self._stale:
            return
        if run.transition is not Transition.FIXED:
            return
        there = (*self._plan.notifications, *self._plan.held, *self._plan.earlier)
        left = self._known.followers(self._track_id) - {one.channel_key for one in there}
        for end in find_ends(self._transaction, self._context, incident, left) if left else ():
            if not left_out([end.channel], self._event):
                self._tell_end(end, run)

    def _tell_end(self, end: End, run: RunState) -> None:
        """Tell a channel that it was fixed; what waits to tell that it broke gives way."""
        if self._news(end.route, run, {end.channel.key: News.RUN}).get(end.channel.key) is not News.FIXED:
            return
        made = self._make(replace(end.route, receiver=end.told_by.receiver), end.channel, News.FIXED)
        if self.silence is not None:
            made = in_silence(self._context, self.silence, made)
        if notifications.insert_or_get(self._transaction, [made])[0] is not None:
            return
        self._known.add(made)
        (self._plan.held if self.silence is not None else self._plan.notifications).append(made)
        self._plan.held.extend(plan_summaries(self._transaction, self._context, [made], [end.channel]))
        before = self._plan.remarks.get(end.position, ())
        self._plan.remarks[end.position] = (*before, f"{made.channel_label} {ALL_THE_SAME}")

    def _take_held(self) -> Sequence[Notification]:
        """Return what waits for a rerun of the run's track; none if the run is late."""
        if self._run is None or self._track_id is None or self._run.is_late:
            return []
        held = self._known.take_held(self._track_id, news_key(self._event))
        self._plan.dropped.extend(held)
        return held

    @property
    def run(self) -> RunState | None:
        """Return the run of the event."""
        return self._run

    @property
    def is_red_once_more(self) -> bool:
        """True if the run lengthens an incident that is not to be kept quiet."""
        is_red = self._run is not None and self._run.transition is Transition.STILL_BROKEN
        return is_red and self._held_back(follows=True) is None

    def reply(self, listeners: Iterable[Listener]) -> None:
        """Plan a reply to the living message of each of these channels.

        Most routes do not hear of another red; a channel that has the message does. In quiet hours the message alone is
        edited.
        """
        found = ((self._context.channel(one.channel_key), self._route_of(one)) for one in listeners)
        made = [self._make(route, channel, News.STILL_BROKEN) for channel, route in found if channel is not None]
        self._insert([one for one in made if one.waits_for is not WaitsFor.HOURS])

    @property
    def ended(self) -> RunState | None:
        """Return the run if its track is green after it; None for a late one too."""
        return ended(self._run) if self._track_id is not None and not self._stale else None

    @property
    def planned_for(self) -> frozenset[str]:
        """Return the keys of the channels that hear of the run already."""
        return frozenset(one.channel_key for one in (*self._plan.notifications, *self._plan.held))

    def tell_end(self, owed: OwedEnd) -> None:
        """Plan that a channel is told of the end of a red that it knows of."""
        route = owed.route or Route(name=owed.route_name, receiver=owed.receiver)
        made = replace(self._make(route, owed.channel, News.FIXED), incident_id=owed.incident_id)
        one = made if self.silence is None else in_silence(self._context, self.silence, made)
        if self._insert([replace(one, receiver=owed.receiver)]):
            for position, remark in remarks(self._context.routes, [owed]).items():
                self._plan.remarks[position] = (*self._plan.remarks.get(position, ()), remark)

    def _insert(self, wanted: Sequence[Notification]) -> Sequence[Notification]:
        """Insert notifications beside those that routes ask for; return the new ones."""
        new = notifications.insert(self._transaction, wanted)
        self._plan.notifications.extend(new)
        return new

    def _route_of(self, listener: Listener) -> Route:
        """Return the route that told the channel; a bare one if it is gone."""
        named = (route for route in self._context.routes if route.name == listener.route)
        return next(named, Route(name=listener.route, receiver=listener.receiver))

    def _listeners(self, route: Route) -> Sequence[Channel]:
        """Return the channels of a route.

        What was fixed is also for those who heard by an escalation that it is red.
        """
        channels = self._context.channels_of(route, self._event)
        is_fixed = self._run is not None and self._run.transition is Transition.FIXED
        if route.escalation is None or not is_fixed or self._track_id is None:
            return channels
        others = self._context.channels_of(replace(route, receiver=route.escalation.receiver), self._event)
        know = [one for one in others if self._known.color(self._track_id, one.key) is Color.RED]
        return (*channels, *(one for one in know if one not in channels))

    def _held_back(self, *, follows: bool) -> tuple[Verdict, str] | None:
        """Return the verdict and the reason if a route that matched is not to tell.

        follows   the route hears of changes
        """
        run, incident = self._run, self._incident
        if self._stale:
            return Verdict.LATE, self._stale
        if self.silence is not None:
            return Verdict.SILENCED, silence_reason(self.silence)
        if run is None or not follows:
            return None
        if run.is_late:
            return Verdict.LATE, "late: a newer pipeline of this branch was judged before"
        is_red = run.transition in {Transition.BROKE, Transition.STILL_BROKEN}
        if is_red and incident is not None and incident.is_muted(self._now):
            return Verdict.MUTED, "its incident is muted"
        return None

    def _keep_back(self, route: Route, run: RunState) -> None:
        """Keep what broke or was fixed for the end of a silence or a mute.

        It is told then, if it still counts.
        """
        channels = [
            one for one in self._listeners(route) if one not in left_out([one], self._event) and not run.is_late
        ]
        news = self._news(route, run, {channel.key: News.RUN for channel in channels})
        wanted = [
            kept_quiet(self._context, self._make(route, channel, news[channel.key]), self.silence, self._incident)
            for channel in channels
            if news.get(channel.key) in {News.BROKE, News.FIXED}
        ]
        new = notifications.insert(self._transaction, wanted)
        for one in new:
            self._known.add(one)
        self._plan.held.extend(new)

    def _news(self, route: Route, run: RunState, channels: Mapping[str, News]) -> dict[str, News]:
        """Return the news for each channel; those for which it is none are left out."""
        found = {}
        for key in channels:
            known, is_red = None, False
            if self._track_id is not None:
                channel = (self._track_id, key)
                self._plan.dropped.extend(self._known.drop_waiting(self._transaction, channel, news_key(self._event)))
                known = self._known.color(*channel)
                is_red = self._known.is_red_to_any(self._track_id)
            news = news_of(route, run, known=known, others_know_red=is_red)
            if news is not None:
                found[key] = news
        return found

    def _earlier(self, channels: Sequence[Channel]) -> Sequence[Notification]:
        """Return the notifications of this news that channels have already."""
        keys = {channel.key for channel in channels}
        if not keys:
            return []
        there = notifications.of_topics(self._transaction, [news_key(self._event)])
        earlier = [one for one in there if one.channel_key in keys]
        self._plan.earlier.extend(earlier)
        return earlier

    def _no_news(self, channels: Sequence[Channel]) -> str:
        labels = ", ".join(channel.label for channel in channels)
        if self._run is not None and self._run.transition is Transition.FIXED:
            return f"{labels} was not told that it broke"
        return f"{labels} {NOT_TOLD if self._event.ends_hold else 'knows already that it is red'}"

    def _note(self, position: int, wanted: Sequence[Notification], existing: Sequence[Notification | None]) -> None:
        for one, before in zip(wanted, existing, strict=True):
            if before is None:
                self._known.add(one)
                self._plan.notifications.append(one)
            else:
                self._plan.earlier.append(before)
        self._plan.verdicts[position] = verdict_beside(existing)

    def _make(self, route: Route, channel: Channel, news: News) -> Notification:
        """Return the notification of a matched route for a channel.

        It is due after the longest wait for details: also if none ever come, it is sent by then.
        """
        run = self._run
        made = Notification(
            id=uuid4(),
            event_id=self._event.id,
            topic=news_key(self._event),
            route=route.name,
            receiver=route.receiver,
            channel_key=channel.key,
            channel_label=channel.label,
            channel_kind=channel.kind,
            state=NotificationState.PENDING,
            attempts=0,
            created_at=self._context.planned_at.take(self._now),
            next_attempt_at=self._now + self._plan.pending.max_delay,
            give_up_at=self._now + self._context.retry_policy.give_up_after,
            server_lane=server_lane(channel),
            news=news,
            track_id=self._track_id if run is not None and not run.is_late else None,
            incident_id=run.incident_id if run is not None else None,
            project_slug=self._event.project.slug,
            project_name=self._event.project_name,
        )
        quiet = in_quiet_hours(self._context, route, made, self._now)
        return in_group(self._context, route, channel, quiet, replaced=self._plan.dropped)
