# SPDX-License-Identifier: Apache-2.0
"""The tiers of claims: what kind of thing a scenario speaks of."""

from __future__ import annotations

from enum import Enum

from ophamin.errors import ClaimError, nearest_name

__all__ = ["Tier"]


class Tier(str, Enum):  # noqa: UP042 - the bases are part of the public name; StrEnum changes str() of a member
    """What a claim is about.

    >>> Tier("scientific") is Tier.SCIENTIFIC
    True
    """

    SCIENTIFIC = "scientific"
    """How the system behaves."""
    ENGINEERING = "engineering"
    """What the system costs: time, memory, failures."""
    PHILOSOPHICAL = "philosophical"
    """How the system answers to input about itself."""
    EMPIRICAL_DEEP = "empirical_deep"
    """How the system is built inside, seen from what it emits."""
    MEASUREMENT_MACHINERY = "measurement_machinery"
    """Whether the instruments themselves can be trusted."""

    @classmethod
    def parse(cls, value: str | Tier) -> Tier:
        """The tier of that name.

        Raises:
            ClaimError: there is none; the nearest name is suggested.
        """
        try:
            return cls(value)
        except ValueError:
            raise ClaimError(
                f"unknown tier {value!r}; {nearest_name(str(value), (tier.value for tier in cls))}"
            ) from None
