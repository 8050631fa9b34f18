"""Where the rules can be mutated, and the mutants that are drawn from there: the same ones for the same code.

A point is a place that cosmic-ray's operators change: an operator, a comparison, a number, a condition, a loop. Of all
changes of one place one is drawn, and of the places one in so many, both by a digest of what stands there; so code
that changes elsewhere changes no draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

PACKAGES = ("filters", "mixtures", "tokenizer")

ONE_IN = 32

LEFT_OUT = {
    "decorator": "Decorators say how a function is compiled or cached and how a class is laid out, not what they give.",
    "annotation": "Annotations are for readers and the type checker; nothing reads them at run time.",
    "type": "Numba's types say what machine code is made for; a wrong one does not compile.",
    "assertion": "`strict` of `zip` says that lists made here are of one length; where it holds it changes nothing.",
    "exception": "Of `except module.Error` cosmic-ray cannot make a mutant.",
}
"""What no mutant is drawn from, by rule."""

_UNCHANGED = ("name", "string", "newline", "endmarker", "fstring_string", "fstring_start", "fstring_end")
_WITH_ARGUMENTS = ("VariableReplacer", "VariableInserter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file."""

    file: str
    line: int
    where: str
    operator: str
    occurrence: int
    digest: str

    @property
    def key(self) -> str:
        """What names it as long as the code around it stays."""
        return self.digest[:12]

    @property
    def rank(self) -> float:
        """From 0 to 1: the mutants of one in so many points are those of the lowest ranks."""
        return int(self.digest[-8:], 16) / 2**32

    def code(self, source: str) -> str:
        """The file's text with the change in it."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.operators.provider import OperatorProvider

        return str(mutate_code(source, OperatorProvider()[self.operator](), self.occurrence))


def sample(root: Path, one_in: int) -> list[Mutant]:
    """The mutants drawn from the three packages below a folder, by file and line."""
    files = sorted(chain.from_iterable((root / package).glob("*.py") for package in PACKAGES))
    found = chain.from_iterable(mutants(str(file.relative_to(root)), file.read_text()) for file in files)
    return [mutant for mutant in found if mutant.rank * one_in < 1]


def mutants(file: str, source: str) -> list[Mutant]:
    """One mutant of each point of a file."""
    lines = source.splitlines()
    points: dict[tuple[Any, Any], list[tuple[str, int]]] = {}
    where: dict[tuple[Any, Any], str] = {}
    for operator, occurrence, node, place in _changes(source):
        if not _left_out(node):
            points.setdefault(place, []).append((operator, occurrence))
            where[place] = _where(node)
    seen: dict[str, int] = {}
    drawn = []
    for place in sorted(points):
        (line, column), _ = place
        text = f"{file}:{where[place]}:{lines[line - 1].strip()}:{column - _indent(lines[line - 1])}"
        seen[text] = seen.get(text, 0) + 1
        digest = _digest(f"{text}:{seen[text]}")
        operator, occurrence = min(points[place], key=lambda change: _digest(f"{digest}:{change[0]}:{change[1]}"))
        drawn.append(
            Mutant(file=file, line=line, where=where[place], operator=operator, occurrence=occurrence, digest=digest)
        )
    return drawn


def _changes(source: str) -> Iterator[tuple[str, int, Any, tuple[Any, Any]]]:
    """Operator, its how-manieth place in the file, the node and from where to where it changes."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.operators.provider import OperatorProvider

    nodes = [node for node in ast_nodes(get_ast(source)) if node.type not in _UNCHANGED]
    provider = OperatorProvider()
    for name in provider:
        if name in _WITH_ARGUMENTS:
            continue
        operator = provider[name]()
        occurrence = 0
        for node in nodes:
            for place in operator.mutation_positions(node):
                yield name, occurrence, node, place
                occurrence += 1


def _left_out(node: Any) -> str | None:
    """The rule of LEFT_OUT that leaves a node out."""
    rule = None
    if node.type == "decorator":
        rule = "decorator"
    elif node.type == "except_clause" and "." in node.get_code():
        rule = "exception"
    inner, outer = node, node.parent
    while outer is not None and rule is None:
        rule = _rule_within(outer, inner)
        inner, outer = outer, outer.parent
    return rule


def _rule_within(outer: Any, inner: Any) -> str | None:
    rules = {
        "decorator": outer.type == "decorator",
        "annotation": outer.type == "tfpdef"
        or (outer.type == "annassign" and inner is outer.children[1])
        or (outer.type == "funcdef" and inner is outer.annotation),
        "type": outer.type == "atom_expr" and outer.children[0].get_code(include_prefix=False) == "numba",
        "assertion": outer.type == "argument" and outer.children[0].get_code(include_prefix=False) == "strict",
    }
    return next((rule for rule, holds in rules.items() if holds), None)


def _where(node: Any) -> str:
    """The names of the class and function around a node."""
    names = []
    while node is not None:
        if node.type in ("funcdef", "classdef"):
            names.append(node.name.value)
        node = node.parent
    return ".".join(reversed(names))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
