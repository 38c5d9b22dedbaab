# SPDX-License-Identifier: Apache-2.0
"""Test results as JUnit XML, which most test runners of most languages write: tests are the patterns.

The XML is read by expat alone, in a stream. Entities are refused, so no document can grow while it is read or reach
for another file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn
from xml.parsers import expat

from qmpt.data.files import digest, open_regular
from qmpt.data.models import Observation
from qmpt.data.sources.base import Entry, Source
from qmpt.data.values import timestamp
from qmpt.errors import SourceError

__all__ = ["JUnitSource"]

MAX_DEPTH: Final = 64
MAX_TEXT: Final = 2**16
"""Most characters of the text of one failure that are kept."""

_BLOCK: Final = 2**16
_OUTCOMES: Final = {"failure": "failed", "error": "error", "skipped": "skipped"}
_RANK: Final = ("passed", "skipped", "failed", "error")


@dataclass(slots=True)
class _Case:
    """One ``testcase`` while it is read."""

    name: str
    suite: str
    seconds: float
    started: float | None
    file: str | None
    outcome: str = "passed"
    text: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, text: str) -> None:
        kept = text[: max(MAX_TEXT - self.length, 0)]
        self.length += len(kept)
        self.text.append(kept)


class JUnitSource(Source):
    """Test cases of JUnit XML files; each run of a test is one act.

    The payload is ``{"action": outcome, "ok": bool, "cost": seconds}``, without ``ok`` for a skipped test, and with the
    ``text`` of a failure. Outcomes are ``passed``, ``failed``, ``error`` and ``skipped``. Cases have no time of their
    own: a case is placed at the time of its suite plus what the cases before it took. A time without a zone is read as
    UTC.

    Args:
        path: a file, or a folder whose ``.xml`` files (also in folders below) are read by name.
        layer: layer of all patterns; by default the name of the suite.
        started: time of suites that give none, in any form that `qmpt.data.values.timestamp` reads.

    Raises:
        SourceError: ``started`` is no time.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "junit.xml"
        >>> case = '<testcase classname="shop" name="test_pay" time="0.5"><failure message="no money"/></testcase>'
        >>> _ = path.write_text(f'<testsuite name="unit" timestamp="2026-11-21T10:00:00">{case}</testsuite>')
        >>> [(seen.pattern_id, seen.payload) for seen in JUnitSource(path).observations()]
        [('shop::test_pay', {'action': 'failed', 'ok': False, 'cost': 0.5, 'text': 'no money'})]
    """

    kind = "junit"

    def __init__(self, path: str | Path, *, layer: str | None = None, started: Any = None) -> None:
        super().__init__(path)
        self._layer = layer
        try:
            self._started = None if started is None else timestamp(started)
        except ValueError as error:
            raise SourceError(f"started: {error}") from None

    def inputs(self) -> dict[str, str]:
        """Each file and its digest."""
        return {_name_below(file, self.path): digest(file) for file in self._files()}

    def entries(self) -> Iterator[Entry]:
        """One entry per test case.

        Raises:
            SourceError: a file is no JUnit XML, or gives no time and ``started`` was not given.
        """
        for file in self._files():
            name = _name_below(file, self.path)
            for number, case in enumerate(_cases(file), start=1):
                yield self._entry(case, f"{name}#{number}", file)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        files = sorted(self.path.rglob("*.xml"))
        if not files:
            raise SourceError(f"{self.path} has no .xml file; give the folder of the reports")
        return files

    def _entry(self, case: _Case, obs_id: str, file: Path) -> Entry:
        started = self._started if case.started is None else case.started
        if started is None:
            raise SourceError(
                f"{file}: the suite {case.suite!r} has no timestamp; give started= for such suites, on "
                "the command line as --set started=2026-11-21T10:00:00"
            )
        payload: dict[str, Any] = {"action": case.outcome, "ok": case.outcome == "passed", "cost": case.seconds}
        if case.outcome == "skipped":
            del payload["ok"]
        if text := "\n".join(part for part in (part.strip() for part in case.text) if part):
            payload["text"] = text
        observation = Observation(
            obs_id=obs_id,
            pattern_id=case.name,
            timestamp=started,
            modality="behavior",
            payload=payload,
            tags=[case.outcome],
        )
        return Entry(observation, self._layer or case.suite or "tests", {"file": case.file} if case.file else {})


def _cases(file: Path) -> Iterator[_Case]:
    reader = _Reader(file)
    with open_regular(file) as handle:
        while block := handle.read(_BLOCK):
            reader.feed(block)
            yield from reader.take()
        reader.feed(b"", is_last=True)
        yield from reader.take()
    if not reader.has_suite:
        raise SourceError(f"{file} has no test suite; give a report in JUnit's form")


class _Reader:
    """Turns the events of expat into cases."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.has_suite = False
        self._cases: list[_Case] = []
        self._case: _Case | None = None
        self._path: list[str] = []
        self._suites: list[tuple[str, float | None]] = []  # name, and the time of the next case
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._refuse_entity

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            raise SourceError(f"{self.file}: {error}; write the report again") from None
        except UnicodeError as error:
            raise SourceError(f"{self.file}: {error}; write the report as UTF-8") from None

    def take(self) -> list[_Case]:
        cases, self._cases = self._cases, []
        return cases

    def _refuse_entity(self, name: str, *_: Any) -> NoReturn:
        raise SourceError(
            f"{self.file} declares the entity {name!r}; no test runner does: read it only if you know why"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition("}")[2]
        self._path.append(tag)
        if len(self._path) > MAX_DEPTH:
            raise SourceError(f"{self.file} is more than {MAX_DEPTH} levels deep; that is no test report")
        if tag == "testsuites":
            self.has_suite = True
        elif tag == "testsuite":
            self.has_suite = True
            outer = self._suites[-1] if self._suites else ("", None)
            started = self._time(attributes["timestamp"]) if attributes.get("timestamp") else outer[1]
            self._suites.append((attributes.get("name") or outer[0], started))
        elif tag == "testcase":
            self._case = self._new_case(attributes)
        elif self._case is not None and tag in _OUTCOMES and self._path[-2] == "testcase":
            outcome = _OUTCOMES[tag]
            if _RANK.index(outcome) > _RANK.index(self._case.outcome):
                self._case.outcome = outcome
            self._case.add(attributes.get("message", ""))

    def _end(self, tag: str) -> None:
        tag = tag.rpartition("}")[2]
        self._path.pop()
        if tag == "testsuite" and self._suites:
            self._suites.pop()
        elif tag == "testcase" and self._case is not None:
            self._cases.append(self._case)
            self._case = None

    def _text(self, text: str) -> None:
        if self._case is not None and self._path[-1] in _OUTCOMES:
            self._case.add(text)

    def _new_case(self, attributes: dict[str, str]) -> _Case:
        suite, started = self._suites[-1] if self._suites else ("", None)
        name = "::".join(part for part in (attributes.get("classname"), attributes.get("name")) if part)
        if not name:
            line = self._parser.CurrentLineNumber
            raise SourceError(f"{self.file}, line {line}: a testcase has no name; write the report again")
        seconds = self._seconds(attributes.get("time") or "0")
        if self._suites and started is not None:
            self._suites[-1] = (suite, started + seconds)
        return _Case(name, suite, seconds, started, attributes.get("file"))

    def _seconds(self, text: str) -> float:
        try:
            seconds = float(text.replace(",", ""))  # some runners group the thousands
        except ValueError:
            seconds = -1.0
        if not 0.0 <= seconds < float("inf"):
            line = self._parser.CurrentLineNumber
            raise SourceError(f"{self.file}, line {line}: the time {text!r:.40} is no duration; give seconds")
        return seconds

    def _time(self, text: str) -> float:
        try:
            return timestamp(text)
        except ValueError as error:
            raise SourceError(f"{self.file}, line {self._parser.CurrentLineNumber}: {error}") from None


def _name_below(file: Path, root: Path) -> str:
    return file.name if file == root else file.relative_to(root).as_posix()
