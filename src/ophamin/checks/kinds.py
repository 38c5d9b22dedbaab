# SPDX-License-Identifier: Apache-2.0
"""The checks by the kind of plug-in, for who learns the kind only when it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ophamin.checks.auditor import check_auditor
from ophamin.checks.corpus import check_corpus
from ophamin.checks.pillar import check_pillar
from ophamin.checks.report import CheckReport
from ophamin.checks.scenario import check_scenario
from ophamin.checks.substrate import check_substrate
from ophamin.errors import ClaimError, nearest_name

__all__ = ["CHECKS", "check"]

CHECKS: Final[Mapping[str, Callable[..., CheckReport]]] = {
    "auditor": check_auditor,
    "corpus": check_corpus,
    "pillar": check_pillar,
    "scenario": check_scenario,
    "substrate": check_substrate,
}
"""What tries each kind of plug-in."""


def check(kind: str, plugin: Any, **options: Any) -> CheckReport:
    """Try a plug-in of a kind.

    Args:
        kind: one of `CHECKS`.
        plugin: the plug-in: an object, for a scenario its class.
        options: of the check of that kind.

    Raises:
        ClaimError: there is no such kind; the nearest is suggested.

    Example:
        A test over several plug-ins of one's own::

            @pytest.mark.parametrize(("kind", "plugin"), [("pillar", MyPillar()), ("scenario", MyScenario)])
            def test_it_keeps_its_promises(kind, plugin):
                check(kind, plugin).raise_if_failed()

        >>> check("pillar", object()).failures[0].words
        'it lacks compute, library, library_version, pillar_name; add what is missing'
    """
    if kind not in CHECKS:
        raise ClaimError(f"no kind of plug-in is {kind!r}; {nearest_name(kind, CHECKS)}")
    return CHECKS[kind](plugin, **options)
