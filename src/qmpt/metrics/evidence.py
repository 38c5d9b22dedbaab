# SPDX-License-Identifier: Apache-2.0
"""A score that is put together from parts, of which some may be missing.

A part without evidence has no value and a reason; nothing is put in its place. The weights of the parts that are there
are scaled up to one, the share of weight that was there is the coverage, and below a least coverage there is no score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qmpt.data.values import LARGEST
from qmpt.errors import ConfigError, DataError, InsufficientEvidence, nearest_name, validation_message

if TYPE_CHECKING:
    from pydantic import BaseModel

    from qmpt.data.models import Observation

__all__ = [
    "LEAST_COVERAGE",
    "Assessment",
    "Interval",
    "Part",
    "assess",
    "check_keys",
    "check_one_pattern",
    "count_or_none",
    "number_or_none",
    "settings_from",
]

Settings = TypeVar("Settings", bound="BaseModel")

Interval = tuple[float, float]

LEAST_COVERAGE: Final = 0.6
"""Share of the weight that must be present for a score."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a score.

    Attributes:
        name: of the component.
        value: in [0, 1]; None where there is no evidence for it.
        weight: in the whole, at least 0.
        n: pieces of evidence it rests on.
        interval: 95 percent; None where it has none.
        reason: why there is no value; empty where there is one.
        detail: further numbers, of plain values.
    """

    name: str
    value: float | None
    weight: float = 1.0
    n: int = 0
    interval: Interval | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A score with its parts.

    Attributes:
        name: what was scored.
        value: in [0, 1]; None where the evidence does not suffice.
        coverage: share of the weight that was present, in [0, 1].
        interval: 95 percent; None where a part in use has none.
        parts: all parts, also the missing ones.
        reason: why there is no value; empty where there is one.
    """

    name: str
    value: float | None
    coverage: float
    interval: Interval | None
    parts: tuple[Part, ...]
    reason: str = ""

    def part(self, name: str) -> Part:
        """The part of that name.

        Raises:
            KeyError: there is none.
        """
        for one in self.parts:
            if one.name == name:
                return one
        raise KeyError(name)

    def require(self) -> float:
        """The value.

        Raises:
            InsufficientEvidence: there is none; the message says why.
        """
        if self.value is None:
            raise InsufficientEvidence(f"no {self.name}: {self.reason}")
        return self.value

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a file."""
        return asdict(self)

    def as_part(self, name: str, weight: float) -> Part:
        """This assessment as a part of a larger one."""
        n = sum(one.n for one in self.parts)
        detail = {"coverage": self.coverage, "parts": [asdict(one) for one in self.parts]}
        return Part(name, self.value, weight, n, self.interval, self.reason, detail)


def assess(name: str, parts: Sequence[Part], *, least_coverage: float = LEAST_COVERAGE) -> Assessment:
    """The weighted mean of the parts that have a value.

    The interval treats the parts as independent and adds their distances to their limits in squares (the method of
    variance estimates recovery, Zou and Donner, Statistics in Medicine 27, 2008).

    Args:
        name: what is scored, for the record and messages.
        parts: values in [0, 1]; at least one weight above 0.
        least_coverage: in [0, 1].

    Example:
        >>> found = assess("score", [Part("a", 0.5, 0.6), Part("b", None, 0.4, reason="nothing was seen")])
        >>> found.value, found.coverage
        (0.5, 0.6)
        >>> assess("score", [Part("a", None, reason="nothing was seen")]).require()
        Traceback (most recent call last):
        ...
        qmpt.errors.InsufficientEvidence: no score: no part has evidence; missing: a (nothing was seen)
    """
    total = math.fsum(one.weight for one in parts)
    present = [one for one in parts if one.value is not None and one.weight > 0.0]
    weight = math.fsum(one.weight for one in present)
    coverage = weight / total if total > 0.0 else 0.0
    if not present or coverage < least_coverage - _ROUNDING:
        missing = "; ".join(f"{one.name} ({one.reason})" for one in parts if one.value is None)
        short = (
            f"the coverage is {coverage:.2f} of at least {least_coverage:.2f}" if present else "no part has evidence"
        )
        reason = f"{short}; missing: {missing}"
        return Assessment(name, None, coverage, None, tuple(parts), reason)
    value = math.fsum(one.weight * _value(one) for one in present) / weight
    return Assessment(name, _unit(value), coverage, _interval(value, present, weight), tuple(parts))


def settings_from(model: type[Settings], config: Mapping[str, Any]) -> Settings:
    """Check the configuration of an estimator against its model, and fill in the defaults.

    Raises:
        ConfigError: an unknown key, or a value out of its range.

    Example:
        >>> from qmpt.metrics.reflexivity_settings import ReflexivitySettings
        >>> settings_from(ReflexivitySettings, {"beta_txt": 0.5})
        Traceback (most recent call last):
        ...
        qmpt.errors.ConfigError: beta_txt is no known key; did you mean 'beta_text'? Known: beta_dyn, beta_text, \
goals_per_window, least_coverage, permutations, revision_steps, seed, text_model
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        raise ConfigError(validation_message(error, model)) from None


def check_keys(name: str, value: Any, known: set[str]) -> None:
    """Check that something is a dictionary with no other keys than these.

    Raises:
        DataError: it is not; the nearest key is named.

    Example:
        >>> check_keys("the report", {"percentil": 5}, {"percentile", "population"})
        Traceback (most recent call last):
        ...
        qmpt.errors.DataError: the report has the unknown key 'percentil'; did you mean 'percentile'? Known: \
percentile, population
    """
    if not isinstance(value, Mapping):
        raise DataError(f"{name} is {type(value).__name__}; give a dictionary with some of {', '.join(sorted(known))}")
    for key in value:
        if key not in known:
            raise DataError(f"{name} has the unknown key {key!r}; {nearest_name(str(key), known)}")


def check_one_pattern(observations: Iterable[Observation]) -> None:
    """Check that observations belong to one pattern, or that there are none.

    Raises:
        DataError: they belong to several.
    """
    patterns = sorted({one.pattern_id for one in observations})
    if len(patterns) > 1:
        raise DataError(
            f"the observations belong to {len(patterns)} patterns ({', '.join(patterns[:3])}, ...); give those of one"
        )


def number_or_none(value: Any) -> float | None:
    """A number of Python or numpy as a float; None for anything else.

    Truth values are no numbers here, nor is what is not finite or larger in magnitude than `LARGEST`.

    Example:
        >>> import numpy as np
        >>> number_or_none(np.float32(0.5)), number_or_none(np.int64(2)), number_or_none(True), number_or_none("2")
        (0.5, 2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= LARGEST else None


def count_or_none(value: Any) -> int | None:
    """A whole number of Python or numpy of at least 0 as an int; None for anything else, and for truth values.

    Example:
        >>> import numpy as np
        >>> count_or_none(np.int64(2)), count_or_none(2.0), count_or_none(-1)
        (2, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        return None
    return int(value)


def _interval(value: float, present: Sequence[Part], weight: float) -> Interval | None:
    below = above = 0.0
    for one in present:
        if one.interval is None:
            return None
        low, high = one.interval
        share = one.weight / weight
        # a limit on the wrong side of the estimate, as percentile intervals may have, adds nothing
        below += (share * max(0.0, _value(one) - low)) ** 2
        above += (share * max(0.0, high - _value(one))) ** 2
    return _unit(value - math.sqrt(below)), _unit(value + math.sqrt(above))


def _value(part: Part) -> float:
    assert part.value is not None
    return part.value


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
