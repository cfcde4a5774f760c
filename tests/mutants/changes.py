"""The changes that turn a module into a mutant: spans of its source, found in its syntax tree."""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice

from tests.mutants.equivalents import ALIKE, EQUIVALENT, OF_INDEXES

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
SWAPPED_CALLS = {"all": "any", "any": "all", "min": "max", "max": "min"}
DROPPED_METHODS = frozenset({"where", "order_by", "with_for_update", "strip", "lower", "limit"})
MIN_LIMIT = 10
"""The smallest number that counts as a limit: it is doubled, since one more or less is tuning."""
EQUIVALENT_KEYWORDS = frozenset({"strict", "maxsize", "frozen", "kw_only", "slots", "repr", "compare"})
"""Arguments that guard against mistakes in the code, or save work: another value changes no result."""

PACE = re.compile("_S$|_MIN$|EVERY|BATCH|CHUNK|STEP|PAGE|PREFETCH|CONNECTIONS")
"""The names of numbers that say how often, or in which portions, work is done: no result depends on them."""
MANY = 200
"""A named limit from here on is tuning: tests put a smaller one in its place, and its use is changed where that is."""
TUNED = re.compile("(Limits|Timings|Policy)$")
"""The names of classes whose defaults are such numbers; tests make their own."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A span of a module's source, in bytes, and what takes its place."""

    kind: str
    start: int
    end: int
    text: str

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        return source[: self.start] + self.text.encode() + source[self.end :]


class Finder:
    """Finds every change that can be made to a module."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        lengths = [len(line) for line in source.splitlines(keepends=True)]
        self._starts = [sum(lengths[:number]) for number in range(len(lengths) + 1)]

    def find(self) -> list[Change]:
        """Return the changes in the order of their places."""
        tree = ast.parse(self._source)
        skipped = set(map(id, _guards(tree)))
        found = [change for node in ast.walk(tree) if id(node) not in skipped for change in self._changes(node)]
        return sorted(found, key=lambda change: (change.start, change.end, change.kind, change.text))

    def _changes(self, node: ast.AST) -> Iterator[Change]:
        if isinstance(node, ast.Call):
            yield from self._call_changes(node)
        if isinstance(node, ast.expr):
            yield from self._expression_changes(node)
        if isinstance(node, ast.stmt):
            yield from self._statement_changes(node)
        match node:
            case ast.If(test=test) | ast.IfExp(test=test):
                yield self._replace(test, "condition", "(True)")
                if not _spares_a_read(node):
                    yield self._replace(test, "condition", "(False)")
            case ast.comprehension(ifs=[*tests]):
                for test in tests:
                    yield self._replace(test, "filter dropped", "(True)")
            case ast.ExceptHandler(type=ast.Tuple(elts=[*kinds])):
                for kept in kinds:
                    yield self._replace(kinds[0], "exceptions", self._text(kept), until=kinds[-1])

    def _expression_changes(self, node: ast.expr) -> Iterator[Change]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                text = f"({self._text(left)} {COMPARISONS[type(op)]} {self._text(right)})"
                yield self._replace(node, "comparison", text)
            case ast.BoolOp(values=values):
                word = " and " if isinstance(node.op, ast.And) else " or "
                for dropped in range(len(values)):
                    others = [f"({self._text(one)})" for place, one in enumerate(values) if place != dropped]
                    yield self._replace(node, "operand dropped", f"({word.join(others)})")
            case ast.Constant(value=bool() as flag):
                yield self._replace(node, "constant", str(not flag))
            case ast.Constant(value=int() as number):
                yield self._replace(node, "constant", str(number + 1 if number < MIN_LIMIT else 2 * number))

    def _statement_changes(self, node: ast.stmt) -> Iterator[Change]:
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
                return  # a line of the log changes nothing that is kept or told
            case ast.Raise() | ast.Expr(value=ast.Call() | ast.Await()):
                yield self._replace(node, "statement removed", "pass")
            case ast.Continue():
                yield self._replace(node, "loop", "break")
            case ast.Break():
                yield self._replace(node, "loop", "continue")

    def _call_changes(self, node: ast.Call) -> Iterator[Change]:
        match node.func:
            case ast.Name(id=name) if name in SWAPPED_CALLS:
                yield self._replace(node.func, "call swapped", SWAPPED_CALLS[name])
            case ast.Name(id="sorted"):
                yield self._replace(node, "call swapped", f"list({self._text(node.args[0])})")
            case ast.Attribute(attr=name, value=value) if name in DROPPED_METHODS and not _is_of_one(node):
                yield self._replace(node, "call dropped", self._text(value))
                if name == "where":
                    yield from self._where_changes(node, self._text(value))

    def _where_changes(self, node: ast.Call, statement: str) -> Iterator[Change]:
        conditions = [self._text(one) for one in node.args]
        for place, dropped in enumerate(conditions if len(conditions) > 1 else ()):
            kept = conditions[:place] + conditions[place + 1 :]
            if not any(one.startswith(OF_INDEXES.get(dropped, ())) for one in kept):
                yield self._replace(node, "where condition dropped", f"{statement}.where({', '.join(kept)})")

    def _text(self, node: ast.expr) -> str:
        return self._source[slice(*self._span(node))].decode()

    def _replace(self, node: ast.expr | ast.stmt, kind: str, text: str, until: ast.expr | None = None) -> Change:
        start, end = self._span(node)
        return Change(kind=kind, start=start, end=self._span(until)[1] if until else end, text=text)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )


def _is_of_one(node: ast.Call) -> bool:
    """Return whether a call is ``limit(1)``, which spares reading what follows the row that is taken."""
    return [one.value for one in node.args if isinstance(one, ast.Constant)] == [1]


def _spares_a_read(node: ast.AST) -> bool:
    """Return whether a condition returns nothing for nothing, as the statement after it would."""
    match node:
        case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=ast.Name()), body=[ast.Return(value=value)]):
            return value is not None and ast.unparse(value) in {"[]", "{}", "()", "set()"}
    return False


def _guards(tree: ast.Module) -> Iterator[ast.AST]:
    """Find the constants whose change changes no result."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=name, value=value) if name in EQUIVALENT_KEYWORDS:
                yield value
            case ast.Call(func=ast.Name(id="lru_cache") | ast.Attribute(attr="limit"), args=args):
                yield from args  # a row more than one reads costs a little; a limit that is gone is another change
            case ast.ClassDef(name=name, body=body) if TUNED.search(name):
                yield from (inner for field in body if isinstance(field, ast.AnnAssign) for inner in ast.walk(field))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield from _tuning(statement.targets[0].id, statement.value)


def _tuning(name: str, value: ast.expr) -> Iterator[ast.expr]:
    if name != name.upper():
        return
    for node in ast.walk(value):
        match node:
            case ast.Constant(value=int() as number) if number >= MANY or PACE.search(name):
                yield node


def draw(source: bytes, count: int, seed: str) -> Sequence[Change]:
    """Return so many changes of a module, the same for the same seed.

    Left out are those that no Python could read, and those that no test could notice.
    """
    possible = [change for change in Finder(source).find() if not _is_equivalent(source, change)]
    random.Random(seed).shuffle(possible)
    return list(islice((change for change in possible if _is_python(change.apply(source))), count))


def _is_equivalent(source: bytes, change: Change) -> bool:
    line = _line_of(source, change)
    return line in EQUIVALENT or ALIKE.get(line) == _line_of(change.apply(source), change)


def lines_of(source: bytes, change: Change) -> range:
    """Return the numbers of the lines of the statement that a change is in; of a compound one, those of its head."""
    first = source.count(b"\n", 0, change.start) + 1
    inside = (node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.stmt, ast.ExceptHandler)))
    heads = [head for node in inside if first in (head := _head_of(node))]
    return max(heads, key=lambda head: head.start, default=range(first, first + 1))  # the line of a ``case``


def _head_of(node: ast.stmt | ast.ExceptHandler) -> range:
    assert node.end_lineno is not None
    decorators = getattr(node, "decorator_list", [])
    begin = min([node.lineno, *(one.lineno for one in decorators)])
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if body is None:
        return range(begin, node.end_lineno + 1)
    inner = getattr(body[0], "lineno", None) or body[0].pattern.lineno
    return range(begin, max(inner, begin + 1))


def _line_of(source: bytes, change: Change) -> str:
    begin = source.rfind(b"\n", 0, change.start) + 1
    return source[begin : source.find(b"\n", change.start)].decode().strip()


def _is_python(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def diff(path: str, source: bytes, change: Change) -> str:
    """Return the change as a diff."""
    before, after = (text.decode().splitlines() for text in (source, change.apply(source)))
    return "\n".join(unified_diff(before, after, path, path, n=0, lineterm=""))
