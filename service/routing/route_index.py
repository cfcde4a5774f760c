"""An index of the routes by the names in their matchers.

Of hundreds of routes an event is tested against those few that name its project, branch, workflow or the like without
a wildcard, and against those that name nothing so. Verdicts are the same as those of ``decide``.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from service.model import DetailKind, Event, EventKind, Matcher, Route, RoutesVersion, Verdict
from service.routing.decide import fits, missing_facts, own_matchers
from service.routing.match_key import Fact
from service.routing.match_keys import FACT_KEYS, JUDGED_KEYS, MATCH_KEYS
from service.routing.patterns import has_wildcards, to_nfc, unescape

Test = tuple[str, Callable[[Fact], bool]]
"""A match key, and the test of its fact."""
_OPEN = JUDGED_KEYS | {"status", "duration", "queue"}
"""The keys of what two runs of a workflow need not have in common."""


class RouteIndex:
    """The routes of one state of roundsman.yaml, indexed once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.version = RoutesVersion(tuple(routes))
        self._tests = [_tests(route) for route in routes]
        self._matched_keys = frozenset(matcher.key for route in routes for matcher in route.matchers)
        self._unindexed: list[int] = []
        self._by_value: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._tested_keys = frozenset(key for tests in self._tests for key, _ in tests)
        self._fact_routes = [
            position for position, tests in enumerate(self._tests) if any(key in FACT_KEYS for key, _ in tests)
        ]
        self._slow_routes = [
            position for position in self._fact_routes if any(key == "slower" for key, _ in self._tests[position])
        ]
        self._index_routes()

    def _index_routes(self) -> None:
        """Index each route by the matcher whose names the fewest routes share."""
        named = [[(matcher.key, _names(matcher)) for matcher in own_matchers(route)] for route in self.version.routes]
        sharing = Counter((key, name) for matchers in named for key, names in matchers for name in names)
        for position, matchers in enumerate(named):
            exact = [(key, names) for key, names in matchers if names]
            if not exact:
                self._unindexed.append(position)
                continue
            key, names = min(exact, key=lambda one: sum(sharing[one[0], name] for name in one[1]))
            self._by_key[key].append(position)
            for name in names:
                self._by_value[key][name].append(position)

    def _read(self, event: Event) -> dict[str, Fact]:
        """Return the value of an event under each key that a route tests."""
        return {key: MATCH_KEYS[key].read(event) for key in self._tested_keys}

    def verdicts(self, event: Event) -> dict[int, Verdict]:
        """Return the verdicts by position; routes that did not match are left out."""
        found: dict[int, Verdict] = {}
        if event.kind == EventKind.PING:
            return found
        facts, is_won = self._read(event), False
        for position in self._candidates(facts):
            if not all(test(facts[key]) for key, test in self._tests[position]):
                continue
            found[position] = Verdict.PRECEDED if is_won else Verdict.MATCHED
            is_won = is_won or not self.version.routes[position].continues
        return found

    def missing_facts(self, event: Event) -> frozenset[DetailKind]:
        """Return what ``missing_facts`` of all routes returns."""
        findable = [key for key in self._matched_keys if MATCH_KEYS[key].find_details(event)]
        if not findable or not event.kind.is_of_build:
            return frozenset()
        candidates = self._candidates(self._read(event), any_value_of={*findable, *JUDGED_KEYS})
        return missing_facts(event, [self.version.routes[position] for position in candidates])

    def may_match(self, event: Event) -> bool:
        """Return whether a route may come to match, by what is known already."""
        if event.kind is EventKind.PING:
            return False
        facts = self._read(event)
        open_ = JUDGED_KEYS | {key for key in self._matched_keys if MATCH_KEYS[key].find_details(event)}
        return any(
            all(test(facts[key]) for key, test in self._tests[position] if key not in open_)
            for position in self._candidates(facts, any_value_of=open_)
        )

    def fits_by(self, event: Event, keys: Collection[str]) -> bool:
        """Return whether a route fits an event, by these keys alone."""
        facts = {key: MATCH_KEYS[key].read(event) for key in self._tested_keys.intersection(keys)}
        return any(
            all(test(facts[key]) for key, test in self._tests[position] if key in facts)
            for position in self._candidates(facts, any_value_of=self._by_key.keys() - facts.keys())
        )

    def findable(self, event: Event) -> frozenset[DetailKind]:
        """Return the details that could fill in absent facts which any route tests."""
        keys = self._matched_keys if event.kind.is_of_build else ()
        return frozenset().union(*(MATCH_KEYS[key].find_details(event) for key in keys))

    def fact_keys(self, event: Event) -> frozenset[str]:
        """Return the keys to work out for a judged event: those of fitting routes.

        Its transition is left open: what a run is counts for the runs after it, too.
        """
        if not self._fact_routes or event.kind is EventKind.PING:
            return frozenset()
        facts, found = self._read(event), set[str]()
        for position in self._fact_routes:
            tests = self._tests[position]
            if all(test(facts[key]) for key, test in tests if key not in JUDGED_KEYS):
                found.update(key for key, _ in tests)
        return FACT_KEYS & found

    def compares_times(self, event: Event) -> bool:
        """Return whether a route compares times with those of runs like an event's.

        Its status is left open: the usual time is that of green runs, also where a route hears of others.
        """
        if not self._slow_routes or event.kind is not EventKind.WORKFLOW_COMPLETED:
            return False
        facts = self._read(event)
        return any(
            all(test(facts[key]) for key, test in self._tests[position] if key not in _OPEN)
            for position in self._slow_routes
        )

    def candidates(self, event: Event) -> list[int]:
        """Return the positions of the routes that are tested in full, in order."""
        return self._candidates(self._read(event))

    def _candidates(self, facts: Mapping[str, Fact], any_value_of: Iterable[str] = ()) -> list[int]:
        """Return the positions of the routes that may match, in order.

        any_value_of   keys whose fact is left out, or is absent and may turn out to have any value
        """
        found = set(self._unindexed)
        for key, by_value in self._by_value.items():
            for spelling in facts[key].spellings if key in facts else ():
                found.update(by_value.get(spelling, ()))
        for key in any_value_of:
            found.update(self._by_key.get(key, ()))
        return sorted(found)


def _tests(route: Route) -> list[Test]:
    """Return the tests of a route, first those of plain names, the fastest."""
    ordered = sorted(own_matchers(route), key=lambda matcher: not _names(matcher))
    return [(matcher.key, _test(matcher)) for matcher in ordered]


def _test(matcher: Matcher) -> Callable[[Fact], bool]:
    names = _names(matcher)
    if names and not matcher.excluded:
        return lambda fact: not names.isdisjoint(fact.spellings)
    return partial(fits, matcher)


def _names(matcher: Matcher) -> frozenset[str]:
    """Return the only names that a matcher fits; none if it fits others too."""
    if MATCH_KEYS[matcher.key].units or any(map(has_wildcards, matcher.patterns)):
        return frozenset()
    return frozenset(_spellings(matcher.patterns))


def _spellings(patterns: Iterable[str]) -> Iterator[str]:
    """Yield the names that patterns without wildcards fit: as written, and unescaped."""
    for pattern in map(to_nfc, patterns):
        yield pattern
        yield unescape(pattern)
