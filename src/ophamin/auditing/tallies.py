# SPDX-License-Identifier: Apache-2.0
"""Counts over findings: the derived numbers of an audit record, and what they must add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.severities import bandit_twin

__all__ = ["TOP", "TOP_FILES", "is_top_of", "most_common", "severity_histogram", "without_twins"]

TOP: Final = 10
"""How many files and rules a pillar's result lists."""

TOP_FILES: Final = 20
"""How many files the summary of a record lists."""


def severity_histogram(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each severity that occurs, worst first.

    >>> severity_histogram([Finding("x", "r", "low", "m", "p"), Finding("x", "r", "high", "m", "p")])
    {'high': 1, 'low': 1}
    """
    counts = Counter(finding.severity for finding in findings)
    return {severity.value: counts[severity] for severity in FindingSeverity if severity in counts}


def most_common(names: Iterable[str], limit: int) -> list[tuple[str, int]]:
    """The most frequent names with their counts; equals by name, so that the order is always the same.

    >>> most_common(["b", "a", "c", "a"], 2)
    [('a', 2), ('b', 1)]
    """
    return sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0]))[:limit]


def is_top_of(top: Sequence[tuple[str, int]], names: Iterable[str], limit: int) -> bool:
    """Whether ``top`` may be called the most frequent of ``names``; equal counts may stand in any order.

    >>> is_top_of([("b", 1)], ["a", "b"], 1), is_top_of([("a", 2)], ["a", "b"], 1)
    (True, False)
    """
    counts = Counter(names)
    most = sorted(counts.values(), reverse=True)[:limit]
    return (
        [count for _, count in top] == most
        and len(dict(top)) == len(top)
        and all(counts[name] == count for name, count in top)
    )


def without_twins(findings: Iterable[Finding], *, ruff: str = "ruff", bandit: str = "bandit") -> list[Finding]:
    """The findings without those of ruff that bandit made too: same file, same line, twin rules.

    The totals of a record count both; this is for who would count a pair once.

    Args:
        findings: those of all pillars.
        ruff: name of the pillar whose rules S101 to S704 have twins.
        bandit: name of the pillar that has the twins.

    Returns:
        The others in their order. Two of ruff's on one line against one of bandit's lose one.
    """
    kept: list[Finding] = []
    everything = list(findings)
    twins = Counter((item.path, item.line, item.rule_id) for item in everything if item.pillar_name == bandit)
    for item in everything:
        key = (item.path, item.line, bandit_twin(item.rule_id) or "")
        if item.pillar_name == ruff and twins[key] > 0:
            twins[key] -= 1
        else:
            kept.append(item)
    return kept
