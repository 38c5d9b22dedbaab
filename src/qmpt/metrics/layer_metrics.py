# SPDX-License-Identifier: Apache-2.0
r"""Stress, protection and regime of a layer from series that were observed: \(\sigma_k(t), P_k(t), S_k(t)\).

Each proxy is put on the scale of a reference period (robust z) and through the logistic function, so that 0.5 is what
was usual then; the levels are weighted means of the proxies that are there. They say how a layer stands beside its own
reference period, and nothing about another layer. The weights and the slope of the logistic are open choices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from qmpt.data.models import LayerState
from qmpt.errors import ConfigError, InsufficientEvidence, nearest_name
from qmpt.metrics.evidence import settings_from
from qmpt.metrics.layer_levels import FEWEST_REFERENCE, combine_proxies, fit_proxy_scales, resampled_scales
from qmpt.metrics.layer_proxies import PROTECTION_PROXIES, STRESS_PROXIES, LayerProxies
from qmpt.metrics.layer_regimes import RegimeRules, classify_modes, mode_shares
from qmpt.metrics.scaling import Scale

__all__ = ["LayerAssessment", "LayerLevel", "LayerMetricsEstimator", "LayerMetricsSettings"]

Array = NDArray[np.float64]
Modes = list[str | None]

_HIGH: Final = 0.95
_LOW: Final = 0.05
_FEWEST_RESAMPLES: Final = 20

Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class LayerMetricsSettings(BaseModel):
    """How levels are put together.

    Attributes:
        weights: proxy -> weight, at least 0; 1 where none is given.
        least_coverage: share of the weight of all proxies of a level that must be present for it, in [0, 1].
        resamples: of the block bootstrap, at least 20; 0 for no intervals.
        level: of the intervals, in (0, 1).
        block: values in a block; None for the cube root of the length of the reference period.
        seed: of the bootstrap.

    Example:
        >>> LayerMetricsSettings().resamples
        200
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, Weight] = Field(default_factory=dict)
    least_coverage: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    resamples: Annotated[int, Field(ge=0)] = 200
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    block: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0

    def weights_of(self, names: Sequence[str]) -> dict[str, float]:
        """The weights of some proxies."""
        return {name: self.weights.get(name, 1.0) for name in names}


@dataclass(frozen=True)
class LayerLevel:
    """Stress or protection over time.

    Attributes:
        value: in [0, 1], shape (n,); NaN where there is too little evidence.
        coverage: share of the weight that was present, shape (n,).
        low: lower ends of the intervals, shape (n,), NaN where there is no value; None without a bootstrap. They show
            how far the level would move with another reference period of this length, not the noise of the value.
        high: upper ends.
        missing: proxy -> why it is not in the level at all.
    """

    value: Array
    coverage: Array
    low: Array | None
    high: Array | None
    missing: dict[str, str]


@dataclass(frozen=True)
class LayerAssessment:
    """A layer over time.

    Attributes:
        times: as given, shape (n,).
        stress: its level.
        protection: its level.
        capacity: as given, or None.
        modes: regime at each time; None where it is not known.
        mode_probs: share of the fit and its bootstrap resamples in each regime, four numbers that sum to 1; None
            where no regime is known.
        rules: numbers by which the regimes were told.
        reasons: what could not be said, and why.
    """

    times: Array
    stress: LayerLevel
    protection: LayerLevel
    capacity: Array | None
    modes: Modes
    mode_probs: list[dict[str, float] | None]
    rules: RegimeRules
    reasons: tuple[str, ...]

    def states(self) -> list[LayerState]:
        """The states of the layer; a level that is not known is None."""
        states = []
        for index, t in enumerate(self.times.tolist()):
            macro: dict[str, Any] = {
                "stress_coverage": float(self.stress.coverage[index]),
                "protection_coverage": float(self.protection.coverage[index]),
            }
            if self.capacity is not None:
                macro["capacity"] = _known(self.capacity[index])
            if self.modes[index] is not None:
                macro |= {"mode": self.modes[index], "mode_probs": self.mode_probs[index]}
            stress, protection = _known(self.stress.value[index]), _known(self.protection.value[index])
            states.append(LayerState(t=t, stress=stress, protection=protection, macro_state=macro))
        return states


class _Levels(NamedTuple):
    """Both levels, each with its coverage."""

    stress: tuple[Array, Array]
    protection: tuple[Array, Array]


class LayerMetricsEstimator(BaseModel):
    """Reads the state of a layer from proxies.

    Attributes:
        config: see `LayerMetricsSettings`.

    Example:
        >>> from qmpt.metrics.layer_proxies import LayerProxies
        >>> draw = np.random.default_rng(0)
        >>> error = np.r_[draw.normal(size=50), draw.normal(4.0, size=50)]
        >>> proxies = LayerProxies(np.arange(100), {"error": error}, {"control": draw.normal(size=100)})
        >>> found = LayerMetricsEstimator().fit(proxies, reference=(0, 49)).evaluate(proxies)
        >>> bool(found.stress.value[60:].mean() > 0.9), found.stress.missing["conflict"]
        (True, 'it is not given')
    """

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] = Field(default_factory=dict)

    _settings: LayerMetricsSettings = PrivateAttr(default_factory=LayerMetricsSettings)
    _reference: dict[str, Array] = PrivateAttr(default_factory=dict)
    _scales: dict[str, Scale] = PrivateAttr(default_factory=dict)
    _missing: dict[str, str] = PrivateAttr(default_factory=dict)
    _rules: RegimeRules | None = PrivateAttr(default=None)

    def fit(self, proxies: LayerProxies, *, reference: tuple[float, float]) -> Self:
        """Read the scales of a reference period, and what was high stress and firm protection in it.

        Stress is high from its 95th percentile in that period on, and protection firm from its 5th on; the windows of
        `RegimeRules` count one value as one unit of time.

        Args:
            proxies: of the layer.
            reference: first and last time of a period in which the layer was as usual, at least 20 values long.

        Raises:
            ConfigError: the configuration cannot be honoured.
            InsufficientEvidence: fewer than 20 times lie in the period, or no proxy can be scaled.
        """
        self._settings = _checked(self.config)
        start, end = reference
        within = (proxies.times >= start) & (proxies.times <= end)
        if int(within.sum()) < FEWEST_REFERENCE:
            raise InsufficientEvidence(
                f"{int(within.sum())} times lie in the reference period from {start} to {end}; {FEWEST_REFERENCE} are "
                "the fewest"
            )
        self._reference = {name: series[within] for name, series in {**proxies.stress, **proxies.protection}.items()}
        self._scales, self._missing = fit_proxy_scales(self._reference)
        if not self._scales:
            why = "; ".join(f"{name}: {reason}" for name, reason in self._missing.items()) or "none is given"
            raise InsufficientEvidence(f"no proxy can be scaled ({why}); give one that varies in the reference period")
        levels = self._levels(proxies, self._scales)
        self._rules = RegimeRules(
            high_stress=_quantile(levels.stress[0][within], _HIGH),
            firm_protection=_quantile(levels.protection[0][within], _LOW),
        )
        return self

    def evaluate(self, proxies: LayerProxies, *, rules: RegimeRules | None = None) -> LayerAssessment:
        """Stress, protection and regime at each time.

        Args:
            proxies: of the layer that was fitted, for the same or other times.
            rules: how regimes are told; None for those of the reference period.

        Raises:
            ConfigError: `fit` was not called.
        """
        if self._rules is None:
            raise ConfigError("the estimator is not fitted; call fit with a reference period first")
        rules, settings = rules or self._rules, self._settings
        point = self._levels(proxies, self._scales)
        draws = [
            self._levels(proxies, scales)
            for scales in resampled_scales(
                self._reference, self._scales, settings.resamples, settings.block, settings.seed
            )
        ]
        modes = _modes(point, proxies, rules)
        votes = [modes, *(_modes(draw, proxies, rules) for draw in draws)]
        known = [[one if mode else None for one, mode in zip(vote, modes, strict=True)] for vote in votes]
        return LayerAssessment(
            proxies.times,
            self._with_interval(point.stress, [draw.stress[0] for draw in draws], STRESS_PROXIES),
            self._with_interval(point.protection, [draw.protection[0] for draw in draws], PROTECTION_PROXIES),
            proxies.capacity,
            modes,
            mode_shares(known),
            rules,
            _reasons(point, proxies),
        )

    def _levels(self, proxies: LayerProxies, scales: dict[str, Scale]) -> _Levels:
        n = len(proxies.times)
        found = []
        for given, names in ((proxies.stress, STRESS_PROXIES), (proxies.protection, PROTECTION_PROXIES)):
            value, coverage = combine_proxies(given, scales, self._settings.weights_of(names), n)
            found.append((np.where(coverage >= self._settings.least_coverage, value, math.nan), coverage))
        return _Levels(*found)

    def _with_interval(self, point: tuple[Array, Array], draws: list[Array], names: Sequence[str]) -> LayerLevel:
        value, coverage = point
        missing = {name: self._missing.get(name, "it is not given") for name in names if name not in self._scales}
        if not draws:
            return LayerLevel(value, coverage, None, None, missing)
        known = ~np.isnan(value)
        low, high = np.full(len(value), math.nan), np.full(len(value), math.nan)
        tails = ((1.0 - self._settings.level) / 2.0, (1.0 + self._settings.level) / 2.0)
        low[known], high[known] = np.quantile(np.array(draws)[:, known], tails, axis=0)
        return LayerLevel(value, coverage, np.fmin(low, value), np.fmax(high, value), missing)


def _checked(config: dict[str, Any]) -> LayerMetricsSettings:
    settings = settings_from(LayerMetricsSettings, config)
    if 0 < settings.resamples < _FEWEST_RESAMPLES:
        raise ConfigError(
            f"resamples is {settings.resamples}; give at least {_FEWEST_RESAMPLES}, or 0 for no intervals"
        )
    known = {*STRESS_PROXIES, *PROTECTION_PROXIES}
    for name in settings.weights:
        if name not in known:
            raise ConfigError(f"weights names the proxy {name!r}; {nearest_name(name, known)}")
    return settings


def _modes(levels: _Levels, proxies: LayerProxies, rules: RegimeRules) -> Modes:
    """Regimes of each stretch of time without a gap."""
    stress, protection = levels.stress[0], levels.protection[0]
    known = ~(np.isnan(stress) | np.isnan(protection))
    modes: Modes = [None] * len(known)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        capacity = None if proxies.capacity is None else proxies.capacity[start:end]
        if capacity is not None and np.isnan(capacity).any():
            capacity = None
        active = np.zeros(end - start, dtype=bool) if proxies.active is None else proxies.active[start:end]
        modes[start:end] = classify_modes(stress[start:end], protection[start:end], capacity, active, rules=rules)[0]
    return modes


def _reasons(levels: _Levels, proxies: LayerProxies) -> tuple[str, ...]:
    reasons = []
    for name, (value, _) in zip(levels._fields, levels, strict=True):
        unknown = int(np.isnan(value).sum())
        if unknown:
            reasons.append(f"{name} is not known at {unknown} of {len(value)} times: too few proxies are")
    if proxies.capacity is None or np.isnan(proxies.capacity).any():
        reasons.append("no upgrade and no collapse is told where capacity is not known")
    if proxies.active is None:
        reasons.append("no upgrade is told: it is not known when a strong anomaly was active")
    return tuple(reasons)


def _quantile(values: Array, share: float) -> float:
    """A quantile of what is known; the middle of the scale where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else 0.5


def _known(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)
