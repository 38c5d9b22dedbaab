# SPDX-License-Identifier: Apache-2.0
"""Layers to begin with: one without anomalies, one with a single anomaly, and one with several.

The same names are reached from a configuration file by `runner_from_section`. The scenarios ``historical`` and
``transfer_cycle`` are no runs of a layer; see `qmpt.simulation.historical_events` and `qmpt.simulation.transfer`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpt.data.models import Layer, Pattern
from qmpt.errors import ConfigError, nearest_name, validation_message
from qmpt.simulation.core import SimulationConfig, SimulationRunner

if TYPE_CHECKING:
    from qmpt.config.schemas import SimulationSection

__all__ = [
    "SCENARIOS",
    "baseline",
    "from_legacy",
    "multiple_anomalies",
    "runner_from_section",
    "score_of_strength",
    "section_of",
    "single_anomaly",
]

TYPICAL_PATTERNS: Final = 20
"""Patterns of an ordinary layer (open choice)."""
DEFAULT_STRENGTH: Final = 0.6
"""Strength a of a single anomaly, that of the reference runs (open choice)."""
_ELSEWHERE: Final = {
    "historical": "qmpt.simulation.historical_events.simulate_history",
    "transfer_cycle": "qmpt.simulation.transfer.cycle_from_section",
}
SELF_AWARE_OPERATOR: Final = 0.9
"""Self operator of a self-aware anomaly: the upper end of the theory's example, 0.8 to 0.9."""


def baseline(config: SimulationConfig, *, typical: int = TYPICAL_PATTERNS) -> SimulationRunner:
    """A layer of typical patterns, with scores spread evenly below ``theta_1``.

    Args:
        config: of the run.
        typical: number of patterns, at least 0.

    Raises:
        ConfigError: a number out of its range, or a configuration that cannot be honoured.

    Example:
        >>> runner = baseline(SimulationConfig(layer_id="L", dt=1, t_end=9))
        >>> len(runner.layer.patterns), runner.run()[-1].macro_state["active_anomalies"]
        (20, [])
    """
    return multiple_anomalies(config, [], typical=typical)


def single_anomaly(
    config: SimulationConfig,
    *,
    strength: float = DEFAULT_STRENGTH,
    sign: float = 1.0,
    t_on: float = 0.0,
    t_off: float | None = None,
    typical: int = TYPICAL_PATTERNS,
) -> SimulationRunner:
    """A layer with one anomaly, ``anomaly-1``.

    Args:
        config: of the run.
        strength: a of the anomaly, in [0, 1 - exp(-cap)].
        sign: whether it adds to capacity (1) or takes from it (-1), in [-1, 1].
        t_on: when it comes, at least 0.
        t_off: when it goes; None for never.
        typical: number of typical patterns.

    Raises:
        ConfigError: a number out of its range.

    Example:
        >>> runner = single_anomaly(SimulationConfig(layer_id="L", dt=1, t_end=9), t_on=5)
        >>> [state.t for state in runner.run() if state.macro_state["active_anomalies"]]
        [5.0, 6.0, 7.0, 8.0, 9.0]
    """
    return multiple_anomalies(
        config, [{"strength": strength, "sign": sign, "t_on": t_on, "t_off": t_off}], typical=typical
    )


def multiple_anomalies(
    config: SimulationConfig, anomalies: Sequence[Mapping[str, Any]], *, typical: int = TYPICAL_PATTERNS
) -> SimulationRunner:
    """A layer with several anomalies, ``anomaly-1``, ``anomaly-2`` and so on.

    Args:
        config: of the run.
        anomalies: for each a mapping with ``strength`` and, where wanted, ``sign``, ``t_on``, ``t_off``,
            ``self_operator``; as in `single_anomaly`.
        typical: number of typical patterns, at least 0.

    Raises:
        ConfigError: an unknown key, or a number out of its range.

    Example:
        >>> config = SimulationConfig(layer_id="L", dt=1, t_end=9)
        >>> runner = multiple_anomalies(config, [{"strength": 0.3}, {"strength": 0.5, "sign": -1}])
        >>> runner.run()[0].macro_state["active_anomalies"]
        ['anomaly-1', 'anomaly-2']
    """
    if typical < 0:
        raise ConfigError(f"typical is {typical}; give a number of patterns, at least 0")
    settings = config.settings()
    patterns = {
        name: Pattern(
            pattern_id=name, layer_id=config.layer_id, anomaly_score=settings.theta_1 * number / (typical + 1)
        )
        for number, name in enumerate((f"typical-{one}" for one in range(1, typical + 1)), start=0)
    }
    present, interventions = list(patterns), []
    for number, given in enumerate(anomalies, start=1):
        one, name = _anomaly(given), f"anomaly-{number}"
        score = score_of_strength(one["strength"], settings.theta_1, settings.theta_2, settings.strength_cap)
        patterns[name] = Pattern(
            pattern_id=name,
            layer_id=config.layer_id,
            anomaly_score=score,
            self_operator=one["self_operator"],
            metadata={"sign": one["sign"]},
        )
        if one["t_on"] <= 0.0:
            present.append(name)
        else:
            interventions.append({"t": one["t_on"], "kind": "add_pattern", "pattern_id": name})
        if one["t_off"] is not None:
            interventions.append({"t": one["t_off"], "kind": "remove_pattern", "pattern_id": name})
    layer = Layer(layer_id=config.layer_id, patterns=present)
    return SimulationRunner(config=config, layer=layer, patterns=patterns, interventions=interventions)


def score_of_strength(strength: float, theta_1: float, theta_2: float, cap: float = 3.0) -> float:
    """The anomaly score at which a single anomaly has the strength a = 1 - exp(-(A - theta_2) / (theta_2 - theta_1)).

    Args:
        strength: a, in [0, 1 - exp(-cap)].
        theta_1: score from which on a pattern is rare.
        theta_2: score from which on it is an anomaly.
        cap: of the exponent.

    Raises:
        ConfigError: a strength that no score has.

    Example:
        >>> round(score_of_strength(0.6, 1.0, 2.0), 4)
        2.9163
    """
    most = -math.expm1(-cap)
    if not 0.0 <= strength <= most:
        raise ConfigError(f"strength is {strength}; give a number from 0 to {most:.4f}, where the cap lies")
    return theta_2 + min(-math.log1p(-strength), cap) * (theta_2 - theta_1)


def from_legacy(given: Mapping[str, Any]) -> SimulationConfig:
    """A configuration from the keys of older scenario files: ``scenario``, ``horizon`` in steps, ``seed`` and so on.

    Args:
        given: see `qmpt.config.schemas.SimulationSection` for the keys.

    Raises:
        ConfigError: an unknown key, or a value that cannot be honoured, such as the backend ``quantum``.

    Example:
        >>> config = from_legacy({"scenario": "baseline_layer", "seed": 42, "horizon": 80, "dt": 0.5})
        >>> config.t_end, config.params
        (40.0, {'seed': 42})
    """
    section = section_of(given)
    return SimulationConfig(
        layer_id=section.layer_id,
        dt=section.dt,
        t_end=section.end_time,
        model_id=section.model_id,
        params={"seed": section.seed, **section.params},
    )


def runner_from_section(given: SimulationSection | Mapping[str, Any]) -> SimulationRunner:
    """The runner of a scenario that a configuration names.

    ``anomaly_level`` is the strength of the anomaly, ``inject_step`` the step at which it comes, by default 0 for
    ``single_anomaly`` and a third of the way for ``anomaly_injection``. The dynamics read no self operator, so
    ``self_aware_anomaly`` differs from ``single_anomaly`` in what the pattern carries, not in the course of the layer.

    Args:
        given: the section ``simulation`` of a configuration.

    Raises:
        ConfigError: an unknown scenario or key, or a value that cannot be honoured.

    Example:
        >>> runner_from_section({"scenario": "single_anomaly", "horizon": 30}).schedule.active[0]
        ('anomaly-1',)
    """
    section = section_of(given)
    if section.scenario in _ELSEWHERE:
        raise ConfigError(f"scenario {section.scenario!r} is no run of a layer; use {_ELSEWHERE[section.scenario]}")
    make = SCENARIOS.get(section.scenario)
    if make is None:
        raise ConfigError(f"scenario is {section.scenario!r}; {nearest_name(section.scenario, SCENARIOS)}")
    runner = make(from_legacy(section.model_dump(exclude_unset=True)), section)
    return SimulationRunner(
        config=runner.config,
        layer=runner.layer,
        patterns=runner.patterns,
        interventions=[*runner.interventions, *section.interventions],
    )


def section_of(given: SimulationSection | Mapping[str, Any]) -> SimulationSection:
    """The section ``simulation`` of a configuration, from a mapping or as it is.

    Raises:
        ConfigError: an unknown key, or a value that cannot be honoured.

    Example:
        >>> section_of({"horizon": 5}).end_time
        5.0
    """
    from pydantic import ValidationError

    from qmpt.config.schemas import SimulationSection

    if isinstance(given, SimulationSection):
        return given
    try:
        return SimulationSection.model_validate(dict(given))
    except ValidationError as error:
        raise ConfigError(f"simulation: {validation_message(error, SimulationSection)}") from None


def _anomaly(given: Mapping[str, Any]) -> dict[str, Any]:
    known = {"strength": DEFAULT_STRENGTH, "sign": 1.0, "t_on": 0.0, "t_off": None, "self_operator": None}
    for key in given:
        if key not in known:
            raise ConfigError(f"an anomaly has the key {key!r}; {nearest_name(str(key), known)}")
    return known | dict(given)


def _injected(config: SimulationConfig, section: SimulationSection, default_step: int, **more: Any) -> SimulationRunner:
    step = default_step if section.inject_step is None else section.inject_step
    anomaly = {"strength": section.anomaly_level, "t_on": step * config.dt, **more}
    return multiple_anomalies(config, [anomaly])


def _third(config: SimulationConfig) -> int:
    return int(config.t_end / config.dt) // 3


def _several(config: SimulationConfig, section: SimulationSection) -> SimulationRunner:
    """Three equal anomalies, which come one after another at the quarters of the way."""
    quarters = [config.dt * (int(config.t_end / config.dt) * part // 4) for part in (1, 2, 3)]
    return multiple_anomalies(config, [{"strength": section.anomaly_level, "t_on": t} for t in quarters])


def _collapse(config: SimulationConfig, section: SimulationSection) -> SimulationRunner:
    """A destructive anomaly that goes after a third of the way; with ``recovery`` a constructive one follows it."""
    end = config.dt * max(_third(config), 1)
    anomalies: list[dict[str, Any]] = [{"strength": section.anomaly_level, "sign": -1.0, "t_off": end}]
    if section.recovery:
        anomalies.append({"strength": section.anomaly_boost, "t_on": end})
    return multiple_anomalies(config, anomalies)


SCENARIOS: Final[dict[str, Callable[[SimulationConfig, SimulationSection], SimulationRunner]]] = {
    "anomaly_injection": lambda config, section: _injected(config, section, _third(config)),
    "baseline": lambda config, _: baseline(config),
    "baseline_layer": lambda config, _: baseline(config),
    "collapse_recovery": _collapse,
    "multiple_anomalies": _several,
    "self_aware_anomaly": lambda config, section: _injected(config, section, 0, self_operator=SELF_AWARE_OPERATOR),
    "single_anomaly": lambda config, section: _injected(config, section, 0),
    "single_anomaly_injection": lambda config, section: _injected(config, section, 0),
}
"""Scenario -> its runner, from a configuration and the section that names it."""
