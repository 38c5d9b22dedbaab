# SPDX-License-Identifier: Apache-2.0
"""A trial whose process died is concluded by another one, from what it said before it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.record import PreRegistration
from ophamin.measuring.script import Script
from ophamin.measuring.trial import Concluded, Situation, Trial

__all__ = ["abandoned"]


def abandoned(draft: Mapping[str, Any], situation: Situation, broken: str) -> tuple[Concluded, ...]:
    """Conclude a trial whose process died: every claim is INCONCLUSIVE, with nothing observed.

    Args:
        draft: what `Trial.draft` gave after the set-up.
        situation: of the process that concludes.
        broken: what happened.
    """
    script = Script(tuple(Plan.from_config(config) for config in draft["configs"]))
    trial = Trial(script, replace(situation, seed=draft["seed"], attempt=draft["attempt"]))
    trial.preregistrations = tuple(PreRegistration(**one) for one in draft["preregistrations"])
    if draft["system"] is not None:
        name, commit = draft["system"]
        trial.name_system(name, commit)
    return trial.conclude(broken)
