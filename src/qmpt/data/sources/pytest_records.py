# SPDX-License-Identifier: Apache-2.0
"""Records of pytest: the JSON Lines of pytest-reportlog, and folders of ophamin's proof records.

Both are read as files; nothing of pytest or ophamin is imported. What a verdict is worth is for their own verifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from qmpt.data import _jsontext
from qmpt.data._jsonl import lines
from qmpt.data.files import digest, open_regular
from qmpt.data.models import Observation
from qmpt.data.sources.base import Entry, Source
from qmpt.errors import SourceError, validation_message

__all__ = ["ProofsSource", "ReportLogSource"]

MAX_BYTES: Final = 4 * 2**30
MAX_PROOF_BYTES: Final = 8 * 2**20
MAX_TEXT: Final = 2**16


class ReportLogSource(Source):
    r"""Test runs in a report log (``pytest --report-log=FILE``); each run of a test is one act.

    The payload is ``{"action": outcome, "ok": bool, "cost": seconds}``, without ``ok`` for a skipped test, and with the
    ``text`` of a failure. Set-up, call and tear-down are put together: an error in the first or the last makes the
    outcome ``error``; ``cost`` is the time of all three. The time is the begin of the set-up.

    Args:
        path: the file.
        layer: layer of all tests; by default the name of the file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "log.jsonl"
        >>> report = '{"$report_type": "TestReport", "nodeid": "t.py::test_a", "when": "%s", "outcome": "passed", '
        >>> report += '"start": 10.0, "duration": 0.25}'
        >>> _ = path.write_text("\n".join(report % when for when in ("setup", "call", "teardown")))
        >>> [(seen.pattern_id, seen.payload) for seen in ReportLogSource(path).observations()]
        [('t.py::test_a', {'action': 'passed', 'ok': True, 'cost': 0.75})]
    """

    kind = "report-log"

    def __init__(self, path: str | Path, *, layer: str | None = None) -> None:
        super().__init__(path)
        self._layer = layer or self.path.name.partition(".")[0]

    def inputs(self) -> dict[str, str]:
        """The file and its digest."""
        return {self.path.name: digest(self.path)}

    def entries(self) -> Iterator[Entry]:
        """One entry per run of a test, when its tear-down is read.

        Raises:
            SourceError: a line is no report; the message says where.
        """
        self.skipped.clear()
        running: dict[str, list[dict[str, Any]]] = {}
        for number, line in lines(self.path, MAX_BYTES):
            where = f"{self.path}, line {number}"
            report = _parsed(line, where)
            if report.get("$report_type") != "TestReport":
                continue
            test = report.get("nodeid")
            if not isinstance(test, str) or not test:
                raise SourceError(f"{where}: a report without a nodeid; write the log again")
            running.setdefault(test, []).append(report)
            if report.get("when") == "teardown":
                yield self._entry(test, running.pop(test), number, where)
        if running:
            self.skipped["test that did not end"] += len(running)

    def _entry(self, test: str, reports: list[dict[str, Any]], number: int, where: str) -> Entry:
        outcome = _outcome(reports)
        try:
            payload: dict[str, Any] = {
                "action": outcome,
                "ok": outcome == "passed",
                "cost": sum(float(report.get("duration") or 0.0) for report in reports),
            }
            if outcome == "skipped":
                del payload["ok"]
            if text := "\n".join(filter(None, (_failure(report) for report in reports))):
                payload["text"] = text[:MAX_TEXT]
            observation = Observation(
                obs_id=f"{test}#{number}",
                pattern_id=test,
                timestamp=reports[0]["start"],
                modality="behavior",
                payload=payload,
                tags=[outcome],
            )
        except KeyError:
            raise SourceError(f"{where}: no start; write the log with pytest 7.4 or later") from None
        except ValidationError as error:
            raise SourceError(f"{where}: {validation_message(error, Observation)}") from None
        except (TypeError, ValueError) as error:
            raise SourceError(f"{where}: {error}; write the log again") from None
        return Entry(observation, self._layer, {"file": test.partition("::")[0]})


class ProofsSource(Source):
    """Proof records of ophamin below a folder; each trial of a claim is one act.

    A pattern is a scenario (its claim where the record names no scenario), a layer is its tier. The payload is
    ``{"action": verdict, "ok": bool, "text": reasoning, "numbers": {...}}`` with the observed value of the claim and
    that of each piece of evidence; ``ok`` is missing for an inconclusive verdict. Records are read as they are,
    without checking their ids or signatures.

    Args:
        path: a folder, or one ``proof.json``.
        layer: layer of all patterns; by default the tier in the record, or ``proofs`` where it has none.
    """

    kind = "proofs"

    def __init__(self, path: str | Path, *, layer: str | None = None) -> None:
        super().__init__(path)
        self._layer = layer

    def inputs(self) -> dict[str, str]:
        """Each record and its digest."""
        return {self._name(file): digest(file) for file in self._files()}

    def entries(self) -> Iterator[Entry]:
        """One entry per record, in the order of their names.

        Raises:
            SourceError: there is no record, or one is not in the form of a proof.
        """
        for file in self._files():
            with open_regular(file) as handle:
                data = handle.read(MAX_PROOF_BYTES + 1)
            if len(data) > MAX_PROOF_BYTES:
                raise SourceError(f"{file} has more than {MAX_PROOF_BYTES} bytes; no proof record has")
            record = _parsed(data, str(file))
            try:
                yield self._entry(record)
            except KeyError as error:
                raise SourceError(f"{file}: {error} is missing; give records of ophamin") from None
            except ValidationError as error:
                raise SourceError(f"{file}: {validation_message(error, Observation)}") from None
            except (AttributeError, TypeError, ValueError) as error:
                raise SourceError(f"{file}: {error}; give records of ophamin") from None

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        files = sorted(self.path.rglob("proof.json"))
        if not files:
            raise SourceError(f"{self.path} has no proof.json; give a folder of proof records")
        return files

    def _name(self, file: Path) -> str:
        return file.name if file == self.path else file.relative_to(self.path).as_posix()

    def _entry(self, record: dict[str, Any]) -> Entry:
        verdict, claim = record["verdict"], str(record["claim"]["statement"])
        scenario = ((record.get("provenance") or {}).get("entity") or {}).get("ophamin:scenario") or {}
        outcome = str(verdict["outcome"])
        numbers = {
            "observed_value": verdict.get("observed_value"),
            **{str(item["statistic_name"]): item.get("statistic_value") for item in record.get("evidence") or ()},
        }
        payload: dict[str, Any] = {
            "action": outcome,
            "text": str(verdict.get("reasoning") or ""),
            "numbers": {name: value for name, value in numbers.items() if isinstance(value, int | float)},
        }
        if outcome in ("VALIDATED", "REFUTED"):
            payload["ok"] = outcome == "VALIDATED"
        observation = Observation(
            obs_id=str(record["proof_id"]),
            pattern_id=str(scenario.get("ophamin:name") or claim),
            timestamp=record["identity"]["created_at"],
            modality="behavior",
            payload=payload,
            tags=[outcome],
        )
        return Entry(observation, self._layer or str(scenario.get("ophamin:tier") or "proofs"), {"claim": claim})


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    try:
        document = _jsontext.loads(data)
    except ValueError as error:
        raise SourceError(f"{where}: {error}; write it again") from None
    if not isinstance(document, dict):
        raise SourceError(f"{where}: {type(document).__name__}; give a JSON object")
    return document


def _outcome(reports: list[dict[str, Any]]) -> str:
    found = {(str(report.get("when")), str(report.get("outcome"))) for report in reports}
    if ("setup", "failed") in found or ("teardown", "failed") in found:
        return "error"
    outcomes = {outcome for _, outcome in found}
    return next((outcome for outcome in ("failed", "rerun", "skipped") if outcome in outcomes), "passed")


def _failure(report: dict[str, Any]) -> str:
    """The message of a failure, without the source code around it."""
    said = report.get("longrepr") if report.get("outcome") in ("failed", "rerun") else None
    if isinstance(said, dict):
        crash = said.get("reprcrash")
        return str(crash.get("message") or "") if isinstance(crash, dict) else ""
    return said if isinstance(said, str) else ""
