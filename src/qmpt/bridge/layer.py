# SPDX-License-Identifier: Apache-2.0
"""A simulated layer as a system under test: one stimulus is one run, and what comes back are numbers about its course.

The layer is a model whose constants are assumptions. A claim about it is a claim about the model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ophamin.core.shapes import CycleResult
from ophamin.seeing.substrate.base import SubstrateUnderTest
from qmpt.errors import DataError, QmptError

if TYPE_CHECKING:
    from qmpt.data.models import LayerState
    from qmpt.simulation.core import SimulationRunner

__all__ = ["LayerSubstrate"]


class LayerSubstrate(SubstrateUnderTest):
    """Runs a scenario of `qmpt.simulation` once per cycle. Nothing is carried over from one cycle to the next.

    The stimulus says what is different in this run: a seed, as a whole number or its text; or keys of
    `qmpt.config.schemas.SimulationSection`, as a mapping or the text of a JSON object. Of the parameters of a cycle
    those that are such keys are used, too; all others are labels, for pillars to read. ``params`` are added to those of
    the substrate, any other key takes the place of its value.

    ``raw`` holds the last ``stress``, ``protection``, ``capacity``, ``novelty`` and ``mode``; ``peak_stress``,
    ``lowest_protection`` and ``highest_capacity``; ``share_above``, the share of time with a stress of at least
    ``sigma_crit``; ``share_stagnation`` and so on for each regime; ``regimes``, pairs of a regime and the time it was
    entered; ``resets``; ``seed``; and ``simulation_model_version``. A stimulus or a configuration that cannot be
    honoured gives a cycle with an error.

    Args:
        scenario: a name from `qmpt.simulation.scenarios.SCENARIOS`.
        dt: length of a step, above 0.
        t_end: end of the run, above 0.
        seed: of a run whose stimulus names none.
        name: the name in records.
        options: other keys of `qmpt.config.schemas.SimulationSection`, such as ``model_id="linear_v1"``; anything else
            is a constant of the dynamics, such as ``eta_s=0.02``.

    Raises:
        ConfigError: an unknown scenario, model or constant, or a value out of its range.

    Example:
        >>> layer = LayerSubstrate("single_anomaly", t_end=60, dt=1, eta_s=0.02)
        >>> layer.run_cycle("7") == layer.run_cycle({"seed": 7})
        True
        >>> layer.run_cycle("7", {"arm": "held", "params": {"eta_s": 0.0}}).get("mode")
        'stagnation'
    """

    def __init__(
        self,
        scenario: str = "baseline",
        *,
        dt: float = 0.5,
        t_end: float = 300.0,
        seed: int = 0,
        name: str = "qmpt-layer",
        **options: Any,
    ) -> None:
        from qmpt.config.schemas import SimulationSection

        known = {key: value for key, value in options.items() if key in SimulationSection.model_fields}
        constants = {key: value for key, value in options.items() if key not in known}
        self.name = name
        self._section: dict[str, Any] = {"scenario": scenario, "dt": dt, "t_end": t_end, "seed": seed, **known}
        self._section["params"] = {**known.get("params", {}), **constants}
        self._version = self._runner(self._section).config.version()

    def git_commit(self) -> str:
        """The model with a digest of everything that is set, such as ``relax_v1@1.0.0+...``."""
        return self._version

    def reset(self) -> None:
        """There is nothing to forget."""

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """One run of the layer; see the class for stimuli, parameters and what comes back."""
        try:
            section = self._merged(_changes(stimulus), params or {})
            runner = self._runner(section)
            raw = _course(runner.run(), section.get("sigma_crit", 0.8))
        except QmptError as error:
            return CycleResult(0, success=False, error=f"{type(error).__name__}: {error}")
        raw |= {"seed": runner.settings.seed, "simulation_model_version": runner.config.version()}
        return CycleResult(0, success=True, raw=raw, halt_mode=raw["mode"])

    def metadata(self) -> dict[str, Any]:
        """The whole configuration, beside name and revision."""
        return {**super().metadata(), **self._section}

    def _merged(self, changes: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        from qmpt.config.schemas import SimulationSection

        merged = dict(self._section)
        for part in (changes, {key: value for key, value in given.items() if key in SimulationSection.model_fields}):
            constants = {**merged["params"], **_mapping(part.get("params", {}))}
            merged |= {**part, "params": constants}
            if "horizon" in part and "t_end" not in part:
                del merged["t_end"]
        return merged

    def _runner(self, section: Mapping[str, Any]) -> SimulationRunner:
        from qmpt.simulation.scenarios import runner_from_section

        return runner_from_section(section)


def _changes(stimulus: Any) -> Mapping[str, Any]:
    """What a stimulus says that is different.

    Raises:
        DataError: it is none of the forms that are known.
    """
    if isinstance(stimulus, str):
        try:
            stimulus = json.loads(stimulus)
        except (ValueError, RecursionError):
            raise DataError(
                f"the stimulus {stimulus[:40]!r} is no JSON; give a seed, or an object of settings"
            ) from None
    if isinstance(stimulus, int) and not isinstance(stimulus, bool):
        return {"seed": stimulus}
    return _mapping(stimulus)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{value!r:.40} is a {type(value).__name__}; give a seed, or an object of settings")
    return value


def _course(states: Sequence[LayerState], sigma_crit: float) -> dict[str, Any]:
    """A run in numbers."""
    from qmpt.metrics.layer_regimes import MODES

    stress = [_number(state.stress) for state in states]
    modes = [state.macro_state["mode"] for state in states]
    capacity = [state.macro_state["capacity"] for state in states]
    known, last = Counter(modes), states[-1].macro_state
    entered = [at for at, mode in enumerate(modes) if mode is not None and (at == 0 or mode != modes[at - 1])]
    return {
        "stress": stress[-1],
        "protection": states[-1].protection,
        "capacity": capacity[-1],
        "novelty": last["novelty"],
        "mode": last["mode"],
        "peak_stress": max(stress),
        "lowest_protection": min(_number(state.protection) for state in states),
        "highest_capacity": max(capacity),
        "share_above": sum(value >= sigma_crit for value in stress) / len(states),
        **{f"share_{mode}": known[mode] / len(states) for mode in MODES},
        "regimes": [[modes[at], states[at].t] for at in entered],
        "resets": sum(event["kind"] == "reset" for state in states for event in state.macro_state["events"]),
    }


def _number(value: float | None) -> float:
    assert value is not None, "a simulated state has both levels"
    return value
