# SPDX-License-Identifier: Apache-2.0
"""Observations that qmpt wrote, read as a source like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qmpt.data.files import digest
from qmpt.data.io import iter_observations, load_patterns
from qmpt.data.models import Pattern
from qmpt.data.sources.base import Entry, Source

__all__ = ["StoredSource"]


class StoredSource(Source):
    """Observations of a file in one of qmpt's formats.

    Args:
        path: the file of observations.
        patterns: the file of their patterns, for layers and metadata.
        layer: layer of patterns that are not in that file; by default the name of the file of observations.

    Example:
        >>> import tempfile
        >>> from qmpt.data.io import save_observations
        >>> from qmpt.data.models import Observation
        >>> path = Path(tempfile.mkdtemp()) / "seen.jsonl"
        >>> seen = Observation(obs_id="1", pattern_id="a", timestamp=0, modality="text", payload="hi")
        >>> save_observations(path, [seen])
        >>> list(StoredSource(path).population().layers)
        ['seen']
    """

    kind = "observations"

    def __init__(self, path: str | Path, *, patterns: str | Path | None = None, layer: str | None = None) -> None:
        super().__init__(path)
        self._patterns = None if patterns is None else Path(patterns)
        self._layer = layer or self.path.name.partition(".")[0]

    def inputs(self) -> dict[str, str]:
        """Each file and its digest."""
        files = [self.path] if self._patterns is None else [self.path, self._patterns]
        return {file.name: digest(file) for file in files}

    def entries(self) -> Iterator[Entry]:
        """One entry per row.

        Raises:
            DataError: a file cannot be read; the message says why.
        """
        known: dict[str, Pattern] = {} if self._patterns is None else load_patterns(self._patterns)
        for observation in iter_observations(self.path):
            pattern = known.get(observation.pattern_id)
            if pattern is None:
                yield Entry(observation, self._layer)
            else:
                yield Entry(observation, pattern.layer_id, pattern.metadata)
