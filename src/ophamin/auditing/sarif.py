# SPDX-License-Identifier: Apache-2.0
"""An audit as SARIF 2.1.0, as GitHub code scanning takes it.

One run for each tool, made from normalised findings and not from the tools' own SARIF, which has absolute addresses, no
fingerprints, or no texts for its rules. A tool that did not come to its end has no run: GitHub closes every alert that
a run does not name. What is left out because of GitHub's limits is the mildest, and the run says how much it was.

Messages come from tools that read foreign source; they are text here, and make no link.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.findings import Finding
from ophamin.auditing.fingerprints import fingerprints, ordinals
from ophamin.auditing.ratchet_report import worst_first
from ophamin.auditing.ratchet_tree import read_inside
from ophamin.auditing.results import PillarResult
from ophamin.auditing.sarif_places import line_hashes, region_of, uri_of
from ophamin.auditing.severities import SARIF_LEVELS, SECURITY_SEVERITIES
from ophamin.auditing.states import PillarState
from ophamin.core.files import slug
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["SARIF_SCHEMA", "SarifError", "SarifLimits", "sarif_bytes", "to_sarif"]

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_LONGEST: Final = 1000
_TOLD: Final = frozenset({PillarState.OK, PillarState.FINDINGS, PillarState.PARTIAL})
_VERSION: Final = re.compile(r"\d+\.\d+(?:\.\d+)?")
_SECURITY_RULE: Final = re.compile(r"S[0-9]{3}")
_WHERE: Final = {
    "ruff": "See https://docs.astral.sh/ruff/rules/",
    "bandit": "See https://bandit.readthedocs.io/en/latest/plugins/",
    "mypy": "See https://mypy.readthedocs.io/en/stable/error_code_list.html",
}
_ALL_SECURITY: Final = frozenset({"bandit", "pip-audit"})


class SarifError(OphaminError, ValueError):
    """An audit has no SARIF that GitHub takes."""


@dataclass(frozen=True, slots=True)
class SarifLimits:
    """What GitHub takes in one upload.

    Attributes:
        runs: tools in one file.
        results: findings in one run.
        rules: rules in one run.
        gzipped_bytes: size of the file as it is uploaded.
    """

    runs: int = 20
    results: int = 25_000
    rules: int = 25_000
    gzipped_bytes: int = 10_000_000


def to_sarif(
    audited: AuditRecord | Sequence[PillarResult],
    *,
    root: Path,
    prefix: str = "",
    fallback: str = "pyproject.toml",
    limits: SarifLimits | None = None,
) -> dict[str, Any]:
    """An audit as the plain values of a SARIF log.

    Args:
        audited: the record of an audit, or its results.
        root: the audited tree, from which lines are read for their hashes.
        prefix: where that tree lies in the repository, such as ``src``; empty for its top.
        fallback: the file, relative to the repository, where a finding is shown that stands in none, such as that of
            a dependency.
        limits: what is taken; those of GitHub where None.

    Raises:
        SarifError: there are more tools than runs are taken, or two of one name.

    Example:
        >>> result = PillarResult("ruff", "ruff", "ruff 0.17.6", "ok", "src")
        >>> log = to_sarif([result], root=Path("/no/such/tree"))
        >>> log["runs"][0]["automationDetails"]["id"], log["runs"][0]["tool"]["driver"]["semanticVersion"]
        ('ophamin/ruff/', '0.17.6')
    """
    limits = limits or SarifLimits()
    results = audited.pillars if isinstance(audited, AuditRecord) else list(audited)
    told = [result for result in results if result.state in _TOLD]
    ids = [_category(result) for result in told]
    if len(told) > limits.runs or len(set(ids)) < len(ids):
        problem = f"{len(told)} tools of {len(set(ids))} names, where {limits.runs} of different names are taken"
        raise SarifError(f"{problem}; write one file for each group of tools")
    place = _Places(root, prefix, fallback)
    left_out = [{"tool": visible(one.pillar_name), "state": one.state.value} for one in results if one not in told]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [_run(result, place, limits) for result in told],
        **({"properties": {"ophamin/toolsWithoutRun": left_out}} if left_out else {}),
    }


def sarif_bytes(
    audited: AuditRecord | Sequence[PillarResult],
    *,
    root: Path,
    prefix: str = "",
    fallback: str = "pyproject.toml",
    limits: SarifLimits | None = None,
) -> bytes:
    r"""An audit as a SARIF file in ASCII; where it is too large for GitHub, each run is halved until it is not.

    Raises:
        SarifError: see `to_sarif`.

    Example:
        >>> sarif_bytes([], root=Path("/no/such/tree")).endswith(b'"runs": []\n}\n')
        True
    """
    limits = limits or SarifLimits()
    most = limits.results
    while True:
        fitting = SarifLimits(limits.runs, most, limits.rules, limits.gzipped_bytes)
        log = to_sarif(audited, root=root, prefix=prefix, fallback=fallback, limits=fitting)
        data = (json.dumps(log, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
        if most == 0 or len(gzip.compress(data, mtime=0)) <= limits.gzipped_bytes:
            return data
        longest = max(len(run["results"]) for run in log["runs"])
        most = min(most, longest) // 2


class _Places:
    """Locations in one tree; each file is read once."""

    def __init__(self, root: Path, prefix: str, fallback: str) -> None:
        self._root = root
        self._prefix = prefix
        self._fallback = uri_of(fallback) or "pyproject.toml"
        self._hashes: dict[str, dict[int, str]] = {}

    def location(self, finding: Finding) -> tuple[dict[str, Any], bool]:
        """The location of a finding, and whether it stands in a file of the tree."""
        uri = uri_of(finding.path, self._prefix)
        region = region_of(finding) if uri else {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2}
        physical = {"artifactLocation": {"uri": uri or self._fallback}, "region": region}
        return {"physicalLocation": physical}, uri is not None

    def line_hash(self, finding: Finding) -> str | None:
        """The hash of the line of a finding; None where the line is not there."""
        if finding.path not in self._hashes:
            data = read_inside(self._root, finding.path)
            self._hashes[finding.path] = {} if data is None else line_hashes(data)
        return self._hashes[finding.path].get(max(finding.line, 1))

    def fingerprints(self, findings: Sequence[Finding]) -> list[str]:
        """The fingerprint of each finding, with a number that tells equal ones apart."""
        made = fingerprints(findings, self._root)
        return [f"{one.digest}:{number + 1}" for one, number in zip(made, ordinals(made), strict=True)]


def _run(result: PillarResult, place: _Places, limits: SarifLimits) -> dict[str, Any]:
    findings = sorted(result.findings, key=worst_first)
    kept = findings[: limits.results]
    known = list(dict.fromkeys(_rule_id(finding) for finding in kept))[: limits.rules]
    index = {rule: number for number, rule in enumerate(known)}
    kept = [finding for finding in kept if _rule_id(finding) in index]
    prints = place.fingerprints(kept)
    cut = len(findings) - len(kept)
    return {
        "tool": {"driver": _driver(result, kept, index)},
        "automationDetails": {"id": _category(result)},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(result, cut)],
        "results": [_result(finding, one, index, place) for finding, one in zip(kept, prints, strict=True)],
        "properties": {"ophamin/state": result.state.value, "ophamin/found": len(findings), "ophamin/cut": cut},
    }


def _category(result: PillarResult) -> str:
    return f"ophamin/{slug(result.pillar_name)}/"


def _driver(result: PillarResult, findings: Sequence[Finding], index: Mapping[str, int]) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": _text(result.pillar_name)}
    if result.tool_version:
        driver["version"] = _text(result.tool_version)
    if (found := _VERSION.search(result.tool_version)) is not None:
        driver["semanticVersion"] = found[0] if found[0].count(".") == 2 else f"{found[0]}.0"
    worst: dict[str, Finding] = {}
    for finding in findings:  # they stand worst first
        worst.setdefault(_rule_id(finding), finding)
    driver["rules"] = [_rule(rule, worst[rule]) for rule in index]
    return driver


def _rule(rule: str, worst: Finding) -> dict[str, Any]:
    """What GitHub asks of a rule; its severity is that of its worst finding."""
    tool = worst.pillar_name
    is_security = _is_security(worst)
    tags = dict.fromkeys(["security", slug(tool)] if is_security else [slug(tool)])  # a tag stands once
    properties: dict[str, Any] = {"precision": "medium" if tool == "bandit" else "high", "tags": list(tags)}
    if not is_security:
        properties["problem.severity"] = {"note": "recommendation"}.get(_level(worst), _level(worst))
    elif (score := SECURITY_SEVERITIES[worst.severity]) is not None:
        properties["security-severity"] = score
    return {
        "id": rule,
        "shortDescription": {"text": f"{_text(tool)}: {_title(rule, worst)}"},
        "fullDescription": {"text": f"The rule {rule} of {_text(tool)}."},
        "help": {"text": _help(tool, rule)},
        "defaultConfiguration": {"level": _level(worst)},
        "properties": properties,
    }


def _title(rule: str, finding: Finding) -> str:
    """The rule, with the words that the tool has for it."""
    name = finding.extra.get("name")
    return f"{rule} ({_text(name)})" if isinstance(name, str) and name not in {"", rule} else rule


def _help(tool: str, rule: str) -> str:
    """Where to read what a rule is about."""
    if tool == "pip-audit":
        return f"See https://osv.dev/vulnerability/{quote(rule, safe='')}"
    return f"{_WHERE.get(tool, f'See the documentation of {_text(tool)}')}; the rule is {rule}"


def _is_security(finding: Finding) -> bool:
    """Whether a finding is about security, and not about style or types."""
    if finding.pillar_name == "ruff":
        return _SECURITY_RULE.fullmatch(finding.rule_id) is not None
    return finding.pillar_name in _ALL_SECURITY


def _result(finding: Finding, one: str, index: Mapping[str, int], place: _Places) -> dict[str, Any]:
    location, is_in_tree = place.location(finding)
    rule, message = _rule_id(finding), _text(finding.message) or _rule_id(finding)
    partial = {"ophaminFingerprint/v1": one}
    if is_in_tree and (hashed := place.line_hash(finding)) is not None:
        partial["primaryLocationLineHash"] = hashed
    return {
        "ruleId": rule,
        "ruleIndex": index[rule],
        "level": _level(finding),
        "message": {"text": message if is_in_tree else f"{_text(finding.path)}: {message}"},
        "locations": [location],
        "partialFingerprints": partial,
    }


def _invocation(result: PillarResult, cut: int) -> dict[str, Any]:
    """How the run ended; a run that did not see everything, or was cut, says so."""
    told = []
    if not result.may_pass:
        why = _text(result.error_message) or "no reason is known"
        told.append({"level": "error", "message": {"text": f"Not everything was looked at: {why}"}})
    if cut:
        limit = (
            f"{cut} of {result.finding_count} findings are left out, the mildest, because of the limits of an upload"
        )
        told.append({"level": "warning", "message": {"text": limit}})
    return {"executionSuccessful": result.may_pass, **({"toolExecutionNotifications": told} if told else {})}


def _rule_id(finding: Finding) -> str:
    return _text(finding.rule_id) or "unnamed"


def _level(finding: Finding) -> str:
    return SARIF_LEVELS[finding.severity]


def _text(text: str) -> str:
    """Foreign text on one line that makes no link and does nothing to a terminal."""
    shown = visible(" ".join(text.split())).replace("](", "]\u200b(")
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + " ... (cut)"
