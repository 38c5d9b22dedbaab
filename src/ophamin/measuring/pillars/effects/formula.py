# SPDX-License-Identifier: Apache-2.0
"""Model formulas such as ``phi ~ arm * dose``, read by a small grammar of their own; nothing in them is executed.

A formula names columns of a run and how they combine:

    formula = name "~" sum
    sum     = [sign] addend { sign addend }      sign is + or -; - a takes the term a out again
    addend  = product | "0" | "1"                0, and - 1, leave the intercept out
    product = crossed { "*" crossed }            a * b is a + b + a:b
    crossed = atom { ":" atom }
    atom    = name | "C(" name ")" | "(" sum ")" C(x) takes a numeric column as categories

A name is made of letters, digits and underscores, with dots for nested output. Functions, powers and quotes are no
part of it: compute such a column in the run and name it here. The meaning of the operators is that of Wilkinson and
Rogers, Applied Statistics 22 (1973).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ophamin.errors import OphaminError

__all__ = ["Factor", "Formula", "FormulaError", "parse_formula", "parse_name"]

MAX_LENGTH: Final = 500
MAX_TERMS: Final = 64
MAX_DEPTH: Final = 20

_NAME: Final = r"[^\W\d]\w*(?:\.\w+)*"
_TOKEN: Final = re.compile(rf"\s*(?:(?P<name>{_NAME})|(?P<number>\d+(?:\.\d+)?)|(?P<mark>[~+\-*:()]))")
_GRAMMAR: Final = "a formula is made of names, + - * : ( ) 0 1 and C(name), such as 'phi ~ arm * dose'"


class FormulaError(OphaminError, ValueError):
    """A formula lies outside the grammar; the message says where and what may stand there."""


class Factor(NamedTuple):
    """A column in a term; ``categorical`` where it was wrapped in C()."""

    name: str
    categorical: bool = False

    @property
    def label(self) -> str:
        """How it is written in the formula."""
        return f"C({self.name})" if self.categorical else self.name


Term = tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula.

    Attributes:
        text: as it was written.
        response: name of the column to the left of the tilde.
        terms: each a product of factors; the empty one is the intercept.
    """

    text: str
    response: str
    terms: tuple[Term, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns to the right of the tilde, each once, in order of first mention."""
        return tuple(dict.fromkeys(factor.name for term in self.terms for factor in term))


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Raises:
        FormulaError: it lies outside the grammar of this module.

    Example:
        >>> parsed = parse_formula("phi ~ arm * C(dose)")
        >>> parsed.response, [":".join(factor.label for factor in term) for term in parsed.terms]
        ('phi', ['', 'arm', 'C(dose)', 'arm:C(dose)'])
        >>> parse_formula("phi ~ log(dose)")
        Traceback (most recent call last):
        ...
        ophamin.measuring.pillars.effects.formula.FormulaError: 'phi ~ log(dose)': 'log' is called; only C(name) ...
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula is a text of at most {MAX_LENGTH} characters, not {str(text)[:40]!r}")
    reader = _Reader(text)
    response = reader.name()
    reader.expect("~")
    terms = reader.sum(0)
    reader.end()
    if response in {factor.name for term in terms for factor in term}:
        raise reader.error(f"{response!r} stands on both sides of the tilde; leave it out on the right")
    if not terms:
        raise reader.error("it has no terms; 'phi ~ 1' is the smallest formula")
    return Formula(text, response, tuple(terms))


def parse_name(text: object) -> str:
    """The name of one column, as a formula would take it.

    Raises:
        FormulaError: it is no name.

    Example:
        >>> parse_name("t1.gauge.phi")
        't1.gauge.phi'
    """
    if not isinstance(text, str) or re.fullmatch(_NAME, text) is None:
        raise FormulaError(f"{str(text)[:40]!r} is no column name; use letters, digits, underscores and dots")
    return text


class _Reader:
    """A recursive-descent reader over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.place = 0

    def error(self, problem: str) -> FormulaError:
        return FormulaError(f"{self.text!r}: {problem}")

    def name(self) -> str:
        token = self._peek()
        if re.fullmatch(_NAME, token) is None:
            raise self.error(f"a name was expected, not {token or 'the end'!r}; {_GRAMMAR}")
        self.place += 1
        return token

    def expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise self.error(f"{mark!r} was expected, not {self._peek() or 'the end'!r}; {_GRAMMAR}")
        self.place += 1

    def end(self) -> None:
        if self._peek():
            raise self.error(f"{self._peek()!r} was not expected; {_GRAMMAR}")

    def sum(self, depth: int) -> list[Term]:
        """Terms of a sum; the intercept is part of the outermost one unless it is taken out."""
        if depth > MAX_DEPTH:
            raise self.error(f"it nests deeper than {MAX_DEPTH} brackets")
        terms: list[Term] = [()] if depth == 0 else []
        sign = self._sign() or "+"
        if sign == "-" and not self._peek()[:1].isdigit():
            raise self.error("a leading minus takes nothing away; only '- 1' may lead")
        while True:
            terms = self._added(terms, sign, depth)
            following = self._sign()
            if not following:
                return terms
            sign = following

    def _added(self, terms: list[Term], sign: str, depth: int) -> list[Term]:
        number = self._peek()
        if number[:1].isdigit():
            if depth or number not in {"0", "1"}:
                raise self.error(f"{number!r} stands where only a name can; 0 and 1 switch the intercept, outermost")
            self.place += 1
            wanted = (number == "1") == (sign == "+")
            return _union([()], terms) if wanted else [term for term in terms if term]
        found = self._product(depth)
        if sign == "+":
            return self._bounded(_union(terms, found))
        dropped = {frozenset(term) for term in found}
        return [term for term in terms if frozenset(term) not in dropped]

    def _product(self, depth: int) -> list[Term]:
        terms = self._crossed(depth)
        while self._peek() == "*":
            self.place += 1
            other = self._crossed(depth)
            terms = self._bounded(_union(terms, other, self._crossing(terms, other)))
        return terms

    def _crossed(self, depth: int) -> list[Term]:
        terms = self._atom(depth)
        while self._peek() == ":":
            self.place += 1
            terms = self._bounded(self._crossing(terms, self._atom(depth)))
        return terms

    def _atom(self, depth: int) -> list[Term]:
        if self._peek() == "(":
            self.place += 1
            terms = self.sum(depth + 1)
            self.expect(")")
            return terms
        name = self.name()
        if self._peek() != "(":
            return [(Factor(name),)]
        if name != "C":
            raise self.error(f"{name!r} is called; only C(name) may be; {_GRAMMAR}")
        self.place += 1
        name = self.name()
        self.expect(")")
        return [(Factor(name, categorical=True),)]

    def _crossing(self, first: Sequence[Term], second: Sequence[Term]) -> list[Term]:
        self._bounded([()] * (len(first) * len(second)))
        return _union(tuple(dict.fromkeys(one + other)) for one in first for other in second)

    def _bounded(self, terms: list[Term]) -> list[Term]:
        if len(terms) > MAX_TERMS:
            raise self.error(f"it has more than {MAX_TERMS} terms; leave out interactions")
        return terms

    def _sign(self) -> str:
        token = self._peek()
        if token not in {"+", "-"}:
            return ""
        self.place += 1
        return token

    def _peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _tokens(self) -> list[str]:
        tokens, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.error(f"{self.text[at:].strip()[:1]!r} has no meaning here; {_GRAMMAR}")
            tokens.append(match[0].strip())
            at = match.end()
        return tokens


def _union(*lists: Iterable[Term]) -> list[Term]:
    """Terms in order of first mention; a:b and b:a are one."""
    found: dict[frozenset[Factor], Term] = {}
    for terms in lists:
        for term in terms:
            found.setdefault(frozenset(term), term)
    return list(found.values())
