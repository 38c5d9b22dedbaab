# SPDX-License-Identifier: Apache-2.0
"""The provenance section: a small PROV-JSON graph of one trial (W3C PROV-DM, 2013).

It also carries what the 1.0 wire has no field for, as ``ophamin:`` attributes of the entity ``ophamin:scenario``:
name, tier, family, goal, explanation, method, what follows from a refutation, and the whole configuration, whose
SHA-256 is the record's ``config_hash``. The claim stands in the graph as the plan of the trial, the lock and the
environment as what it used, each by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ophamin.core.environment import ophamin_version
from ophamin.measuring.proof.record import DatasetRef

__all__ = ["CLAIM_ENTITY", "ENVIRONMENT_ENTITY", "LOCK_ENTITY", "SCENARIO_ENTITY", "provenance_graph"]

PREFIX = "https://ophamin.example/"
SCENARIO_ENTITY = "ophamin:scenario"
CLAIM_ENTITY = "ophamin:claim"
LOCK_ENTITY = "ophamin:lock"
ENVIRONMENT_ENTITY = "ophamin:environment"
_KINDS = {CLAIM_ENTITY: {"prov:type": {"$": "prov:Plan", "type": "xsd:QName"}}}


def provenance_graph(
    experiment: Mapping[str, Any],
    datasets: Sequence[DatasetRef],
    system: str,
    *,
    claim: str = "",
    lock: str = "",
    environment: str = "",
) -> dict[str, Any]:
    """Who did what with which data.

    Args:
        experiment: attributes of the scenario; text and whole numbers.
        datasets: what the trial used.
        system: name of the system under test.
        claim: digest of the claim with its plan; empty where there is none.
        lock: SHA-256 of the lock file; empty without one.
        environment: SHA-256 of the installed versions that the record lists; empty where it lists none.

    Example:
        >>> graph = provenance_graph({"name": "a.b", "attempt": 1}, [], "mock")
        >>> graph["entity"]["ophamin:scenario"]["ophamin:name"]
        'a.b'
    """
    used = {_identify("corpus", ref.name): ref for ref in datasets}
    digests = {CLAIM_ENTITY: claim, LOCK_ENTITY: lock, ENVIRONMENT_ENTITY: environment}
    stated = {name: digest for name, digest in digests.items() if digest}
    plan = {"prov:plan": CLAIM_ENTITY} if claim else {}
    tested = _identify("system", system)
    return {
        "prefix": {"ophamin": PREFIX},
        "agent": {
            "ophamin:ophamin": _attributes({"role": "experimentation_framework", "version": ophamin_version()}),
            tested: _attributes({"role": "substrate_under_test"}),
        },
        "entity": {
            SCENARIO_ENTITY: _attributes(experiment),
            "ophamin:proof": {},
            **{name: _attributes({"sha256": digest}) | _KINDS.get(name, {}) for name, digest in stated.items()},
            **{
                name: _attributes({"content_hash": ref.content_hash, "n_records": ref.n_records, "kind": ref.kind})
                for name, ref in used.items()
            },
        },
        "activity": {"ophamin:trial": {}},
        "used": {
            f"_:u{i}": {"prov:activity": "ophamin:trial", "prov:entity": name}
            for i, name in enumerate([SCENARIO_ENTITY, *stated, *used], 1)
        },
        "wasAssociatedWith": {
            f"_:a{i}": {"prov:activity": "ophamin:trial", "prov:agent": agent, **plan}
            for i, agent in enumerate(["ophamin:ophamin", tested], 1)
        },
        "wasGeneratedBy": {"_:g1": {"prov:entity": "ophamin:proof", "prov:activity": "ophamin:trial"}},
        "wasAttributedTo": {"_:t1": {"prov:entity": "ophamin:proof", "prov:agent": tested}},
        "wasDerivedFrom": {
            f"_:d{i}": {"prov:generatedEntity": "ophamin:proof", "prov:usedEntity": name}
            for i, name in enumerate(used, 1)
        },
    }


def _identify(kind: str, name: str) -> str:
    """A local name that PROV allows, whatever the plain name holds."""
    return f"ophamin:{kind}_{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"ophamin:{re.sub(r'[^A-Za-z0-9_-]', '_', key)}": {"$": value, "type": "xsd:int"}
        if type(value) is int
        else str(value)
        for key, value in values.items()
    }
