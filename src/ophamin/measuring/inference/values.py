# SPDX-License-Identifier: Apache-2.0
"""Plain sums over observations: checked numbers, their mean, their spread, their quantile.

No test and no verdict; those are in the rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import SupportsFloat

from ophamin.errors import ClaimError, ObservationError

__all__ = ["exact_mean", "finite_numbers", "inverted_cdf", "plain_mean", "require_share", "shown", "spread"]


def finite_numbers(values: Iterable[SupportsFloat]) -> list[float]:
    """Every value as a float.

    Raises:
        ObservationError: at the first value that is no number, not finite, or too large for a float.

    Example:
        >>> finite_numbers([1, True, 0.5])
        [1.0, 1.0, 0.5]
    """
    numbers: list[float] = []
    for index, value in enumerate(values):
        try:
            number = float(value) if not isinstance(value, (str, bytes, bytearray)) else math.nan
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ObservationError(
                f"observation {index} is {shown(value)}; only finite numbers can be tested. "
                "Report a cycle that could not be measured as an error instead"
            )
        numbers.append(number)
    return numbers


def plain_mean(numbers: Sequence[float]) -> float:
    """Mean of at least one number, the sum correctly rounded.

    >>> plain_mean([1.0, 2.0, 6.0])
    3.0
    """
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        return math.fsum(number / len(numbers) for number in numbers)


def exact_mean(numbers: Sequence[float]) -> float:
    """Mean of at least one number, correctly rounded once; slower than `plain_mean`.

    >>> exact_mean([0.1, 0.2, 0.3]), plain_mean([0.1, 0.2, 0.3])
    (0.2, 0.19999999999999998)
    """
    by_denominator: dict[int, int] = {}
    for number in numbers:
        numerator, denominator = number.as_integer_ratio()
        by_denominator[denominator] = by_denominator.get(denominator, 0) + numerator
    common = max(by_denominator)
    total = sum(numerator * (common // denominator) for denominator, numerator in by_denominator.items())
    return total / (common * len(numbers))


def spread(numbers: Sequence[float], mean: float) -> float:
    """Standard deviation with n - 1 degrees of freedom, of at least two numbers, without overflow.

    >>> spread([1.0, 2.0, 3.0], 2.0)
    1.0
    """
    largest = max(abs(number - mean) for number in numbers)
    if largest == 0.0:
        return 0.0
    squares = math.fsum(((number - mean) / largest) ** 2 for number in numbers)
    return largest * math.sqrt(squares / (len(numbers) - 1))


def inverted_cdf(ordered: Sequence[float], q: float) -> float:
    """Smallest of the sorted numbers at or below which a share of at least ``q`` lies (inverted CDF, type 1).

    >>> inverted_cdf([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    n = len(ordered)
    rank = min(n, max(1, math.ceil(n * q)))
    # n * q is rounded: 100 * 0.07 is a little above 7, and a share of 7/100 is enough for 0.07
    if rank > 1 and (rank - 1) / n >= q:
        rank -= 1
    elif rank < n and rank / n < q:
        rank += 1
    return ordered[rank - 1]


def require_share(q: object) -> None:
    """Raise `ClaimError` where ``q`` is not a number between 0 and 1, both excluded.

    >>> require_share(0.95)
    """
    if isinstance(q, bool) or not isinstance(q, (int, float)) or not 0.0 < q < 1.0:
        raise ClaimError(f"q is {shown(q)}; a quantile lies between 0 and 1, both excluded, such as 0.95")


def shown(value: object) -> str:
    """A value in an error message, cut where it is long.

    >>> shown("fast")
    "'fast'"
    """
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "an integer too large to print"
    return text if len(text) <= 60 else f"{text[:57]}..."
