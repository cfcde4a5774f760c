"""Which worker runs which test."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

KEPT_TOGETHER = (
    *("test_crash.py", "test_history_pages.py", "test_query_plans.py", "test_pages_in_browser.py", "test_wheel.py"),
)
LAWS = ("test_habits.py", "test_language.py", "test_map.py", "test_size.py")  # these parse the whole service


class Spread(LoadScopeScheduling):  # type: ignore[misc] # xdist says nothing of its types
    """Sends each test, with all its cases, to whoever is free.

    The tests of a module that share what takes long to make stay together. What has most cases comes first.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if module.endswith(LAWS):
            return "laws"
        return module if module.endswith(KEPT_TOGETHER) else nodeid.partition("[")[0]

    def remove_node(self, node: Any) -> str | None:
        """Return the test that a worker died in, or None if it had run all; leave the others to other workers.

        xdist would run that test again, and a worker that is given cases that have all been run waits for ever.
        """
        units: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        fatal = next((test for unit in units.values() for test, is_done in unit.items() if not is_done), None)
        left = {
            scope: {test: is_done or test == fatal for test, is_done in unit.items()} for scope, unit in units.items()
        }
        self.workqueue.update({scope: unit for scope, unit in left.items() if not all(unit.values())})
        for other in self.nodes:
            self._reschedule(other)
        return fatal
