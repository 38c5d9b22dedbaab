# SPDX-License-Identifier: Apache-2.0
"""Families of claims that are corrected together: which verdicts stand after the correction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ophamin.comparing.families import Family, FamilyReport, Member
from ophamin.errors import ClaimError

if TYPE_CHECKING:
    from ophamin.plugin.rows import Row

__all__ = ["fallen", "family_reports"]


def family_reports(rows: Iterable[Row]) -> tuple[dict[str, FamilyReport], dict[str, str]]:
    """What becomes of the declared families, and why some cannot be corrected; other claims are left out."""
    members: dict[tuple[str, str], dict[str, Member]] = {}
    for row in rows:
        if not row["family"]:
            continue
        name, _, procedure = row["family"].partition(":")
        label = _label(row)
        members.setdefault((name, procedure or "holm"), {})[label] = Member(
            name=label,
            outcome=row["verdict"],
            p_holds=row["p_holds"],
            p_fails=row["p_fails"],
            log_e_holds=row["log_e_holds"],
            log_e_fails=row["log_e_fails"],
            single_look=not row["sequential"],
            alpha=row["alpha"],
            beta=row["beta"],
            certain=row["certain"],
        )
    reports, problems = {}, {}
    for (name, procedure), found in members.items():
        try:
            reports[f"{name} ({procedure})"] = Family(tuple(found.values()), procedure).report()
        except ClaimError as error:
            problems[f"{name} ({procedure})"] = str(error)
    return reports, problems


def fallen(rows: Iterable[Row], reports: dict[str, FamilyReport]) -> set[str]:
    """Node ids of tests whose every refutation does not stand after correction."""
    stands = {member.name: member.stands for report in reports.values() for member in report.members}
    refuted: dict[str, list[bool]] = {}
    for row in rows:
        if row["verdict"] == "REFUTED":
            refuted.setdefault(row["nodeid"], []).append(stands.get(_label(row), True))
    return {nodeid for nodeid, found in refuted.items() if not any(found)}


def _label(row: Row) -> str:
    """A claim's name within its family."""
    return f"{row['nodeid']} {row['statistic']} {row['comparator']} {row['bound']:g}"
