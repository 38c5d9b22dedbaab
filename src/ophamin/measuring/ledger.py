# SPDX-License-Identifier: Apache-2.0
"""The ledger of a trial: what happened, row by row, kept in columns.

One row is one cycle or one call of ``trial.observe``. Only the metrics that the plans name are kept of a cycle, so a
long run stays small. `ophamin.measuring.observations` has the table that comes out, and its file.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, Final

from ophamin.core.canonical import MAX_SAFE_INTEGER, NotCanonicalError, canonical_bytes
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ObservationError
from ophamin.measuring.observations import CHUNK_ROWS, Cycles, ObservationsError, Table, pack, unpack

__all__ = ["Cycles", "Ledger", "ObservationsError", "Table", "pack", "spoken", "unpack"]

MAX_TEXT: Final = 2000
"""Characters of an error or a reason that a record keeps."""
BUNDLE_PREFIXES: Final = ("t1.", "t2.", "t3.")


class Ledger:
    """Takes rows as they come, from one thread or several.

    Args:
        metrics: keys that are kept of each cycle; what ``observe`` is given is kept always.
        keep_raw: keep the cycles themselves, for pillars and scores that read the raw output.
        redact: removes from a text what must not enter a record.
    """

    def __init__(
        self, metrics: Iterable[str] = (), *, keep_raw: bool = False, redact: Callable[[str], str] = str
    ) -> None:
        wanted = [name for name in dict.fromkeys(metrics) if name not in {"success", "wall_time_s"}]
        self._readers = [(name, _reader(name)) for name in wanted]
        self._waiting: list[Any] = []
        self._width = 5 + len(wanted)  # stimulus, seconds, success, error, the cycle or what was observed; metrics
        self._full = CHUNK_ROWS * self._width
        self._columns: dict[str, list[Any]] = {name: [] for name in wanted}
        self._errors: dict[int, str] = {}
        self._seconds = array("d")
        self._success = array("b")
        self._stimuli: list[str] = []
        self._redact = redact
        self._lock = Lock()
        self._keep_raw = keep_raw
        self._kept: list[CycleResult] = []

    def __len__(self) -> int:
        return len(self._success) + len(self._waiting) // self._width

    @property
    def kept(self) -> list[CycleResult] | None:
        """The cycles themselves, where they are kept."""
        if not self._keep_raw:
            return None
        self._settle()
        return self._kept

    def admit(self, stimulus: Any, params: Mapping[str, Any] | None, result: CycleResult, seconds: float) -> None:
        """Take one cycle.

        What may change later is read now; one `list.extend` then adds the row, whole, whatever other threads do.
        """
        raw, values = result.raw, []
        for name, read in self._readers:
            value = raw.get(name)
            values.append(read(result, params) if value is None else value)
        error = result.error
        if error is None and result.halt_mode == "adapter_error":
            error = result.halt_mode
        told = stimulus if type(stimulus) is str else _digest_of(stimulus)
        waiting = self._waiting
        waiting.extend((told, seconds, 1 if result.success else 0, error, result if self._keep_raw else None, *values))
        if len(waiting) >= self._full:
            self._settle()

    def observe(self, values: Mapping[str, Any], stimulus: Any = None) -> None:
        """Take one row of named values.

        Raises:
            ObservationError: a value that is neither a finite number, a truth value, a text nor an estimate.
        """
        row = {name: plain_value(name, value) for name, value in values.items()}
        for name, value in row.items():
            if value is None:
                raise ObservationError(f"{name} is None; an undefined value is no observation: leave the name out")
        told = stimulus if type(stimulus) is str else _digest_of(stimulus)
        self._waiting.extend((told, math.nan, -1, None, row, *[None] * len(self._readers)))
        if len(self._waiting) >= self._full:
            self._settle()

    def table(self) -> Table:
        """A copy of the rows so far, with plain values only and nothing in a text that must not enter a record."""
        self._settle()
        with self._lock:
            claimed = {name: name for name, _ in self._readers}
            names = claimed | _told_apart([name for name in self._columns if name not in claimed], self._redact)
            columns = {names[name]: self._plain_column(name, column) for name, column in self._columns.items()}
            return Table(
                n_rows=len(self._success),
                columns=columns,
                errors={row: spoken(text, self._redact) for row, text in sorted(self._errors.items())},
                seconds=self._seconds[:],
                success=self._success[:],
                stimuli=self._stimuli[:],
            )

    def restore(self, table: Table) -> None:
        """Take over the rows of an earlier attempt, before any of this one."""
        self._settle()
        with self._lock:
            for name in table.columns.keys() | self._columns.keys():
                self._columns[name] = list(table.columns.get(name) or [None] * table.n_rows)
            self._errors.update(table.errors)
            self._seconds.extend(table.seconds)
            self._success.extend(table.success)
            self._stimuli.extend(table.stimuli)

    def rows_from(self, start: int) -> Table:
        """The rows from ``start`` on as plain values, with texts as they came: for looks, not for a record."""
        self._settle()
        with self._lock:
            stop = len(self._success)
            errors = {row - start: self._errors[row] for row in range(start, stop) if row in self._errors}
            columns = {
                name: [_plain_or_error(name, row, value, errors) for row, value in enumerate(column[start:])]
                for name, column in self._columns.items()
            }
            seconds, success, stimuli = self._seconds[start:], self._success[start:], self._stimuli[start:]
            return Table(stop - start, columns, errors, seconds, success, stimuli)

    def _settle(self) -> None:
        """Move the rows that wait into the columns; rows that come meanwhile wait for the next time."""
        with self._lock:
            chunk = self._waiting[: len(self._waiting) // self._width * self._width]
            del self._waiting[: len(chunk)]
            stimuli, seconds, success, errors, extras, *metrics = (
                chunk[at :: self._width] for at in range(self._width)
            )
            start = len(self._success)
            observed = [(row, values) for row, values in enumerate(extras) if success[row] < 0]
            for name in {name for _, values in observed for name in values} - self._columns.keys():
                self._columns[name] = [None] * start
            for column in self._columns.values():
                column.extend([None] * len(success))
            for (name, _), values in zip(self._readers, metrics, strict=True):
                self._columns[name][start:] = values
            for row, values in observed:
                for name, value in values.items():
                    self._columns[name][start + row] = value
            for row, error in enumerate(errors, start):
                if error is not None:
                    self._errors[row] = str(error or "no reason given")[: 4 * MAX_TEXT]
            if self._keep_raw:
                self._kept.extend(result for row, result in enumerate(extras) if success[row] >= 0)
            self._seconds.extend(seconds)
            self._success.extend(success)
            self._stimuli.extend(map(_told, stimuli))

    def _plain_column(self, name: str, column: list[Any]) -> list[Any]:
        kinds = set(map(type, column))
        if kinds <= {bool, type(None)} or (kinds <= {bool, float} and all(map(math.isfinite, column))):
            return column[:]
        plain = [_plain_or_error(name, row, value, self._errors) for row, value in enumerate(column)]
        texts = dict.fromkeys(value for value in plain if isinstance(value, str))
        if not texts:
            return plain
        told = _told_apart(texts, self._redact)
        return [told[value] if isinstance(value, str) else value for value in plain]


def _plain_or_error(name: str, row: int, value: Any, errors: dict[int, str]) -> Any:
    """An undefined number makes its row an error: it leaves the denominator and is reported."""
    try:
        return plain_value(name, value)
    except ObservationError as error:
        errors.setdefault(row, str(error))
        return None


def spoken(text: str, redact: Callable[[str], str]) -> str:
    """An error or a reason as a record may hold it: nothing that must not leave, whole characters, no novel.

    >>> spoken("lost /home/ann", lambda text: text.replace("/home/ann", "~"))
    'lost ~'
    """
    told = redact(_whole(text))
    return told if len(told) <= MAX_TEXT else f"{told[: MAX_TEXT - 1]}\u2026"


def plain_value(name: str, value: Any) -> Any:
    """A value as the ledger keeps it: finite number, truth value, text, or the triple of an estimate.

    Raises:
        ObservationError: anything else, named with its metric.
    """
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            shown = value if value.bit_length() <= 256 else f"an integer of {value.bit_length()} bits"
            raise ObservationError(f"{name} is {shown}, beyond 2**53, where readers round; observe it as text")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ObservationError(
                f"{name} is {value!r}; an undefined value is no observation: leave it out, or count it as an error"
            )
        return float(value)
    if hasattr(value, "low") and hasattr(value, "high") and hasattr(value, "value"):
        parts = (value.value, value.low, value.high)
        value = [part.item() if hasattr(part, "item") else part for part in parts]
    if isinstance(value, list) and len(value) == 3 and all(isinstance(part, (int, float)) for part in value):
        return [plain_value(name, part) for part in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain_value(name, value.item())
    raise ObservationError(
        f"{name} is a {type(value).__name__}; observe a number, True or False, a text, or estimate(value, low, high)"
    )


def _reader(name: str) -> Callable[[CycleResult, Mapping[str, Any] | None], Any]:
    """How a metric is found when it is no plain key of the raw output."""
    path = name.split(".")

    def read(result: CycleResult, params: Mapping[str, Any] | None) -> Any:
        value: Any = result.raw
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None and params:
            value = params.get(name)
        if value is None and name.startswith(BUNDLE_PREFIXES):
            value = result.to_metric_bundle().flat().get(name)
        return value

    return read


def _told(stimulus: str | bytes | None) -> str:
    """The digest of a stimulus: of a text, or as it was taken when the row came."""
    if isinstance(stimulus, str):
        return hashlib.sha256(stimulus.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return "" if stimulus is None else stimulus.decode("ascii")


def _digest_of(stimulus: Any) -> bytes | None:
    """Digest of a stimulus that is no text, as it is now: of its bytes or its canonical JSON; None for neither."""
    if stimulus is None:
        return None
    if isinstance(stimulus, (str, CorpusRecord)):
        return _told(str(stimulus if isinstance(stimulus, str) else stimulus.text)).encode("ascii")
    try:
        view = memoryview(stimulus)
        data = b"" if "O" in view.format else view.tobytes()
    except TypeError:
        data = b""
    try:
        return hashlib.sha256(data or canonical_bytes(stimulus)).hexdigest()[:16].encode("ascii")
    except NotCanonicalError:
        return None


def _whole(text: str) -> str:
    """Half surrogate pairs, on which readers differ, spelled out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _told_apart(texts: Iterable[str], redact: Callable[[str], str]) -> dict[str, str]:
    """Each text as a record may hold it; those that become alike are numbered, since they may be two units."""
    told: dict[str, str] = {}
    taken: dict[str, int] = {}
    for text in texts:
        label = plain = redact(_whole(text))
        while label in taken:
            taken[plain] += 1
            label = f"{plain} #{taken[plain]}"
        taken[label] = 1
        told[text] = label
    return told
