# SPDX-License-Identifier: Apache-2.0
"""Patterns as a corpus: one record for each agent, author, test or account, with everything that was seen of it.

The records are read by the importers of qmpt; no feature and no score is computed here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ophamin.core.shapes import CorpusRecord
from ophamin.seeing.corpus.base import Corpus, CorpusDataError, CorpusUnavailableError
from ophamin.seeing.corpus.cache import SourceStamp
from qmpt.errors import MissingLibraryError, QmptError

if TYPE_CHECKING:
    from qmpt.data.models import Observation, Pattern

__all__ = ["PatternCorpus", "observations_in", "pattern_in"]

_STORED: Final = "patterns"


class PatternCorpus(Corpus):
    r"""The patterns of a file or folder, each with its observations in the order of the source.

    The id of a record is that of the pattern; its text is a JSON object with ``pattern`` and ``observations``, which
    `pattern_in` and `observations_in` read; its metadata are ``layer_id``, ``observations`` (how many), ``modalities``,
    ``first`` and ``last`` (seconds since 1970, None without observations). The content hash is over all of it.

    A pattern is whole only when the last observation was read, so a stream holds the population in memory.

    Args:
        root: the file or folder.
        kind: an importer from `qmpt.data.sources.SOURCES`; ``patterns`` for a file of `qmpt.data.io.save_patterns`,
            whose patterns have no observations; ``auto`` to tell an importer by the file.
        pinned: False for a source that grows, such as a history.
        label: how records name the source; by default its own name.
        options: of the importer, such as ``layer="shop"``.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "calls.csv"
        >>> _ = path.write_text("who,when,said\nanna,2026-11-21,hello\nbo,2026-11-21,hi\nanna,2026-11-22,bye\n")
        >>> corpus = PatternCorpus(path, pattern="who", time="when", text="said")
        >>> [(record.id, record.metadata["observations"]) for record in corpus.records()]
        [('anna', 2), ('bo', 1)]
        >>> observations_in(next(corpus.records()))[1].payload
        {'text': 'bye'}
    """

    name = "qmpt-patterns"
    kind = "patterns"
    source = "local file or folder"
    needs_root: ClassVar[bool] = True

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        kind: str = "auto",
        pinned: bool = True,
        label: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(root)
        self.importer = kind
        self.pinned = pinned
        self.options = options
        label = label or ("" if self.root is None else self.root.name)
        self.name = f"qmpt-patterns:{label}" if label else "qmpt-patterns"

    def is_available(self) -> bool:
        """Whether the file or folder is there."""
        return self.root is not None and self.root.exists()

    def why_unavailable(self) -> str:
        """What is not there."""
        return f"there is no {self.root}; check the path, which counts from the root of the project"

    def records(self) -> Iterator[CorpusRecord]:
        """Stream one record per pattern, in the order of their first observation.

        Raises:
            CorpusUnavailableError: the source is not there, holds no pattern, or needs a library that is not installed.
            CorpusDataError: the source cannot be read; the message says why.
        """
        self.require_available()
        empty = True
        try:
            for pattern, observations in self._patterns():
                empty = False
                yield _record(pattern, observations)
        except MissingLibraryError as error:
            raise CorpusUnavailableError(f"corpus {self.name!r}: {error}") from None
        except QmptError as error:
            raise CorpusDataError(f"corpus {self.name!r}: {error}") from None
        if empty:
            raise CorpusUnavailableError(
                f"corpus {self.name!r}: {self.root} holds no pattern; a corpus has at least one"
            )

    def selection(self) -> dict[str, Any]:
        """Name, kind, importer and its options; of a path among them only the last part."""
        options = {
            key: Path(value).name if isinstance(value, Path) or (isinstance(value, str) and "/" in value) else value
            for key, value in self.options.items()
        }
        return {**super().selection(), "importer": self.importer, "options": options}

    def _patterns(self) -> Iterator[tuple[Pattern, list[Observation]]]:
        assert self.root is not None, "the source is available"
        if self.importer == _STORED:
            from qmpt.data.io import load_patterns

            yield from ((pattern, []) for pattern in load_patterns(self.root, **self.options).values())
            return
        from qmpt.data.sources import open_source

        population = open_source(self.importer, self.root, **self.options).population()
        seen: dict[str, list[Observation]] = {name: [] for name in population.patterns}
        for observation in population.observations:
            seen[observation.pattern_id].append(observation)
        yield from ((pattern, seen[name]) for name, pattern in population.patterns.items())

    def _compute_content_hash(self) -> str:
        digest = hashlib.sha256()
        for record in self.records():
            digest.update(record.digest.encode("ascii"))
        return digest.hexdigest()

    def _compute_count(self) -> int:
        return sum(1 for _ in self.records())

    def _stamp(self) -> SourceStamp:
        """Of a folder, and where an option may name a second file, nothing outside tells a change."""
        alone = self.root is not None and self.root.is_file() and "patterns" not in self.options
        return super()._stamp() if alone else SourceStamp("", settled=False)


def pattern_in(record: CorpusRecord) -> Pattern:
    """The pattern of a record of `PatternCorpus`.

    Example:
        >>> text = '{"observations": [], "pattern": {"layer_id": "L", "pattern_id": "a"}}'
        >>> pattern_in(CorpusRecord("a", text)).layer_id
        'L'
    """
    from qmpt.data.models import Pattern

    return Pattern.model_validate(json.loads(record.text)["pattern"])


def observations_in(record: CorpusRecord) -> list[Observation]:
    """The observations of a record of `PatternCorpus`, in their order.

    Example:
        >>> observations_in(CorpusRecord("a", '{"observations": [], "pattern": {}}'))
        []
    """
    from qmpt.data.models import Observation

    return [Observation.model_validate(one) for one in json.loads(record.text)["observations"]]


def _record(pattern: Pattern, observations: list[Observation]) -> CorpusRecord:
    times = [one.timestamp for one in observations]
    whole = {
        "pattern": pattern.model_dump(mode="json", exclude_none=True),
        "observations": [one.model_dump(mode="json") for one in observations],
    }
    return CorpusRecord(
        pattern.pattern_id,
        json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
        {
            "layer_id": pattern.layer_id,
            "observations": len(observations),
            "modalities": sorted({one.modality for one in observations}),
            "first": min(times, default=None),
            "last": max(times, default=None),
        },
    )
