# SPDX-License-Identifier: Apache-2.0
"""Pillar F, provenance: what each result of a run was derived from, as a W3C PROV graph.

The graph of the experiment as a whole stands in section 8 of every record. This one is of the run: one activity for
each cycle, which used a stimulus and generated a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ophamin.core.canonical import content_hash
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.measuring.pillars.base import NotComputableError, PillarBase

__all__ = ["MAX_CYCLES", "PILLAR", "Provenance", "run_graph"]

MAX_CYCLES = 100_000


@dataclass(frozen=True, slots=True)
class Provenance(PillarBase):
    """Counts the results of a run that can be traced to what was put in, and binds them by a digest.

    The statistic is the share of results with a known stimulus. Where the package ``prov`` is installed it reads the
    graph as a second implementation.

    Source: PROV-JSON, W3C Member Submission of 24 April 2013.

    Example:
        >>> row = PILLAR.compute([CycleResult(0, True, {"phi": 0.5}, stimulus_id="ab")], [])
        >>> row.statistic_name, row.statistic_value, row.detail["activities"]
        ('share of results traced to a stimulus', 1.0, 1)
    """

    pillar_name: ClassVar[str] = "F.provenance"
    library: ClassVar[str] = "pytest-ophamin"

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """The graph of the run, in numbers."""
        if not len(cycles):
            raise NotComputableError("no cycle and no observation: there is nothing to trace")
        if len(cycles) > MAX_CYCLES:
            raise NotComputableError(f"{len(cycles)} cycles; a graph of more than {MAX_CYCLES} serves nobody")
        graph = run_graph(cycles)
        traced = len(graph["used"])
        detail = {
            "activities": len(graph["activity"]),
            "entities": len(graph["entity"]),
            "traced": traced,
            "graph_sha256": content_hash(graph),
        }
        check = _read_by_prov(graph)
        if check is not None:
            detail["prov_records"] = check
        expected = sum(len(graph[kind]) for kind in ("entity", "activity", "used", "wasGeneratedBy"))
        return self.evidence(
            "share of results traced to a stimulus",
            traced / len(cycles),
            cross_check="n/a" if check is None else "passed" if check == expected else "failed",
            detail=detail,
        )


PILLAR = Provenance()


def run_graph(cycles: Sequence[CycleResult]) -> dict[str, dict[str, Any]]:
    """The PROV-JSON document of a run.

    >>> sorted(run_graph([CycleResult(0, True, {}, stimulus_id="ab")])["entity"])
    ['ophamin:result-0', 'ophamin:stimulus-ab']
    """
    graph: dict[str, dict[str, Any]] = {
        "prefix": {"ophamin": "urn:ophamin:run:"},
        "entity": {},
        "activity": {},
        "used": {},
        "wasGeneratedBy": {},
    }
    for row, cycle in enumerate(cycles):
        activity, result = f"ophamin:cycle-{row}", f"ophamin:result-{row}"
        graph["activity"][activity] = {}
        graph["entity"][result] = {"ophamin:success": bool(cycle.success)}
        graph["wasGeneratedBy"][f"_:g{row}"] = {"prov:entity": result, "prov:activity": activity}
        if cycle.stimulus_id:
            stimulus = f"ophamin:stimulus-{cycle.stimulus_id}"
            graph["entity"][stimulus] = {}
            graph["used"][f"_:u{row}"] = {"prov:activity": activity, "prov:entity": stimulus}
    return graph


def _read_by_prov(graph: Mapping[str, Any]) -> int | None:
    """How many records the package ``prov`` finds in the graph; None where it is not installed."""
    try:
        from prov.model import ProvDocument
    except ImportError:
        return None
    import json

    return len(list(ProvDocument.deserialize(content=json.dumps(graph), format="json").get_records()))
