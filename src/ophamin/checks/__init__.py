# SPDX-License-Identifier: Apache-2.0
"""A conformance suite for authors of plug-ins: does mine keep what its kind promises?

Every check tries behaviour, on ordinary and on hostile input, and says of each breach the value, the limit and the way
out. In a test of one's own it is one line, in any test framework::

    def test_it_keeps_the_promises_of_a_pillar():
        check_pillar(MyPillar("phi"), columns={"phi": [0.4, 0.5, 0.7]}).raise_if_failed()

It does not judge whether a plug-in is right: whether a statistic is correct, a system any good, a claim worth making.
Nor is it a sandbox: a plug-in that is checked is run.
"""

from __future__ import annotations

from ophamin.checks.auditor import check_auditor
from ophamin.checks.corpus import check_corpus
from ophamin.checks.kinds import check
from ophamin.checks.pillar import check_pillar
from ophamin.checks.report import CheckReport, CheckResult, ConformanceError
from ophamin.checks.scenario import check_scenario
from ophamin.checks.substrate import check_substrate

__all__ = [
    "CheckReport",
    "CheckResult",
    "ConformanceError",
    "check",
    "check_auditor",
    "check_corpus",
    "check_pillar",
    "check_scenario",
    "check_substrate",
]
