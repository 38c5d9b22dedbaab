# SPDX-License-Identifier: Apache-2.0
"""Who builds on whose work: two authors are linked where one changes a file that the other changed last before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from qmpt.data.models import Observation

__all__ = ["CoChange"]


class CoChange:
    """Finds links in a history that is read from its newest commit to its oldest.

    A link goes from the later author to the earlier one, and weighs as many files as they share there. An author is
    not linked to himself. Files are known by their names; one that was renamed is another.

    Example:
        >>> links = CoChange()
        >>> list(links.seen("c2", "anna", 20.0, ["a.py", "b.py"]))
        []
        >>> [(one.pattern_id, one.payload) for one in links.seen("c1", "bo", 10.0, ["a.py", "b.py"])]
        [('anna', {'peer': 'bo', 'weight': 2})]
    """

    def __init__(self) -> None:
        self._later: dict[str, tuple[str, str, float]] = {}

    def seen(self, commit: str, author: str, time: float, files: Iterable[str]) -> Iterator[Observation]:
        """The links of later commits to this one, each as an observation of modality ``interaction``.

        Args:
            commit: its id.
            author: name of its author's pattern.
            time: in seconds since 1970-01-01.
            files: names of the files that it changed.
        """
        shared: Counter[tuple[str, str, float]] = Counter()
        for name in files:
            later = self._later.get(name)
            if later is not None and later[1] != author:
                shared[later] += 1
            self._later[name] = (commit, author, time)
        for (later_commit, later_author, later_time), weight in shared.items():
            yield Observation(
                obs_id=f"{later_commit}-{commit}",
                pattern_id=later_author,
                timestamp=later_time,
                modality="interaction",
                payload={"peer": author, "weight": weight},
            )
