# SPDX-License-Identifier: Apache-2.0
"""One Python module read as a tree: what its names stand for, as far as the text alone says it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ophamin.measuring.tier import Tier

__all__ = ["ScenarioClass", "Source"]

PACKAGE: Final = "ophamin"
_BOUND_ARGUMENT: Final = {"Claim": (2, "threshold"), "claim": (1, "expectation")}


@dataclass(frozen=True, slots=True)
class ScenarioClass:
    """A scenario class as its source declares it; what is not written there as a constant is None or empty."""

    name: str | None
    tier: str | None
    statement: str | None
    expectations: tuple[str, ...]


class Source:
    """The names of a module.

    A function is ours when the module imports it from ophamin, under whatever name. One that is called ``scenario`` and
    comes from elsewhere, such as a wrapper of the project's own, is ours when it is given a bound: other tools have a
    decorator of that name.

    Example:
        >>> module = Source(ast.parse("from ophamin import scenario as claims"))
        >>> module.calls(ast.parse("claims('x')").body[0].value, "scenario")
        True
    """

    def __init__(self, tree: ast.Module) -> None:
        self._names: dict[str, str] = {}
        self._constants: dict[str, str | None] = {}
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._learn_import(node)
        for name, value in _assignments(tree.body):
            self._constants[name] = self.text(value)

    def calls(self, call: ast.Call, function: str) -> bool:
        """Whether a call is one of ophamin's function of that name."""
        first, _, rest = _dotted(call.func).partition(".")
        path = self._names.get(first, first) + (f".{rest}" if rest else "")
        if path.startswith(f"{PACKAGE}."):
            return path.endswith(f".{function}")
        named = path.rpartition(".")[2] == function
        return named and (function != "scenario" or any(_is_bound(one) for one in call.args[1:]))

    def text(self, node: ast.expr | None) -> str | None:
        """The text that an expression stands for, through constants of the module and ``+``; None where unknown."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            return self._constants.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left), self.text(node.right)
            return None if left is None or right is None else left + right
        return None

    def tier(self, node: ast.expr | None) -> str | None:
        """The tier that an expression names: as text, or as a member of `Tier`."""
        if isinstance(node, ast.Attribute) and node.attr in Tier.__members__:
            return Tier[node.attr].value
        return self.text(node)

    def scenario_class(self, node: ast.expr) -> ScenarioClass | None:
        """What a class of this module declares; None for one from elsewhere."""
        found = self._classes.get(node.id) if isinstance(node, ast.Name) else None
        if found is None:
            return None
        values = dict(_assignments(found.body))
        statement, bound = _claim_of(found)
        return ScenarioClass(
            name=self.text(values.get("name")),
            tier=self.tier(values.get("tier")),
            statement=self.text(statement),
            expectations=() if bound is None else (ast.unparse(bound),),
        )

    def _learn_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._names[alias.asname or top] = alias.name if alias.asname else top
            return
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            self._names[alias.asname or alias.name] = f"{origin}.{alias.name}"


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Names that are assigned directly in a body."""
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _claim_of(found: ast.ClassDef) -> tuple[ast.expr | None, ast.expr | None]:
    """Statement and bound of the first claim that the class's ``build_claim`` makes."""
    methods = [one for one in found.body if isinstance(one, ast.FunctionDef) and one.name == "build_claim"]
    for node in (node for method in methods for node in ast.walk(method)):
        maker = _dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and maker in _BOUND_ARGUMENT:
            position, keyword = _BOUND_ARGUMENT[maker]
            given = {word.arg: word.value for word in node.keywords if word.arg}
            statement = node.args[0] if node.args else given.get("statement")
            return statement, node.args[position] if len(node.args) > position else given.get(keyword)
    return None, None


def _is_bound(node: ast.expr) -> bool:
    """Whether an expression reads like ``rate("x") <= 0.1``, ``mean("x").between(0, 1)`` or a function."""
    between = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "between"
    return between or isinstance(node, ast.Compare | ast.Lambda)


def _dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or of attributes of one; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
