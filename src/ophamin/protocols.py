# SPDX-License-Identifier: Apache-2.0
"""The plug-in contracts: a system under test, a corpus, a pillar, a scenario, an auditor, a renderer.

A plug-in satisfies a contract by having its members; no inheritance is needed. The contracts are checked when a
plug-in is registered, and `ophamin.checks` tries their behaviour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ophamin.core.evidence import PillarEvidence
    from ophamin.core.shapes import CorpusRecord, CycleResult

__all__ = ["Auditor", "DatasetConnector", "Pillar", "Renderer", "ScenarioProtocol", "SubstrateProbe"]


@runtime_checkable
class SubstrateProbe(Protocol):
    """A system under test that can be driven one stimulus at a time."""

    name: str

    def reset(self) -> None:
        """Forget all state, so that the next cycle is the first."""

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """Put one stimulus through the system."""

    def run_batch(self, stimuli: Sequence[Any], params: Mapping[str, Any] | None = None) -> list[CycleResult]:
        """Put several stimuli through, numbered from 0."""

    def git_commit(self) -> str:
        """The revision of the system, or an empty text where it has none."""


@runtime_checkable
class DatasetConnector(Protocol):
    """A content-addressed collection of records that can be streamed."""

    name: str
    kind: str
    source: str

    def is_available(self) -> bool:
        """Whether the records can be read here and now."""

    def records(self) -> Iterator[CorpusRecord]:
        """Stream every record, in the order of the source."""

    def content_hash(self) -> str:
        """SHA-256 in hex over what the corpus holds."""

    def count(self) -> int:
        """How many records there are."""


@runtime_checkable
class Pillar(Protocol):
    """One statistical method, over a library that it names, which turns cycles into evidence."""

    pillar_name: str
    library: str
    library_version: str

    def compute(self, cycle_results: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """Read the cycles and give one piece of evidence."""


@runtime_checkable
class ScenarioProtocol(Protocol):
    """A corpus, a target and a claim declared before the run, which together give a record."""

    name: str
    corpus_name: str
    target: str
    n_cycles: int

    def build_claim(self) -> Any:
        """The falsifiable claim."""

    def score(self, cycle_results: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> Any:
        """Read a completed run into an observed value and its evidence."""

    def run(self, substrate: Any, *, data_root: str | Path | None = None, sign_key: bytes = b"") -> Any:
        """Run to the end and give a record."""


@runtime_checkable
class Auditor(Protocol):
    """A tool that looks over source code and reports findings."""

    name: str

    def run(self, target_path: str | Path, *, options: Any = ...) -> Any:
        """Look over a file or a folder; see `ophamin.auditing.base.AuditPillar.run`."""


@runtime_checkable
class Renderer(Protocol):
    """Turns a record into a document of one format."""

    name: str

    def render(self, record: Any) -> str:
        """The document."""
