# SPDX-License-Identifier: Apache-2.0
"""The errors that several rooms raise, and the two findings a scenario can raise.

A class that ends in ``Error`` says that something is wrong with the input or the machinery. `Refuted` and
`Inconclusive` are not errors: they carry a verdict out of a test. Every message gives the value, the limit and the
way out.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "ClaimError",
    "Inconclusive",
    "MetricMissingError",
    "ObservationError",
    "OphaminError",
    "RecordWriteError",
    "Refuted",
    "nearest_name",
]


class OphaminError(Exception):
    """Root of every error that ophamin raises on purpose."""


class ClaimError(OphaminError, ValueError):
    """A claim, or the way it is to be tried, was declared in a form that cannot be honoured."""


class ObservationError(OphaminError, ValueError):
    """An observed value cannot be used: not a number, not finite, out of its declared bounds."""


class MetricMissingError(OphaminError, LookupError):
    """The claim speaks of a metric that no cycle and no observation carried."""


class RecordWriteError(OphaminError, OSError):
    """A record could not be written; nothing half-written was left behind."""


class Refuted(AssertionError):  # noqa: N818 - a finding, not an error; the name is public API
    """The claim is REFUTED: the evidence excludes it at the declared error rate."""


class Inconclusive(Exception):  # noqa: N818 - a finding, not an error; the name is public API
    """The claim is INCONCLUSIVE: the evidence excludes neither the claim nor its opposite."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, for the end of an error message.

    >>> nearest_name("moc", ["mock", "kimera"])
    "did you mean 'mock'? Known: kimera, mock"
    >>> nearest_name("x", [])
    'none is known here'
    """
    import difflib

    names = sorted(known)
    if not names:
        return "none is known here"
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names)}"
