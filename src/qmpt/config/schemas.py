# SPDX-License-Identifier: Apache-2.0
"""What a configuration may say. Unknown keys are refused, for a misspelt key is a setting that was never made.

Whether a model that is named here can be had on this machine, and whether a scenario of that name exists, is for the
code that uses them; it says so in its own error. The estimators' own settings are checked by their own models.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from qmpt.data.values import plain, plain_mapping
from qmpt.metrics.anomaly_settings import AnomalySettings
from qmpt.metrics.reflexivity_settings import ReflexivitySettings
from qmpt.metrics.self_operator_settings import SelfOperatorSettings

__all__ = [
    "LARGEST_CONSTANT",
    "EnsembleConfig",
    "ExecutorConfig",
    "FeaturesConfig",
    "MetricsConfig",
    "QmptConfig",
    "SimulationSection",
]

LARGEST_CONSTANT: Final = 1e6
"""Largest size of a constant of the dynamics; useful time scales and rates lie far below, and overflow far above."""
_NO_CONSTANTS: Final = frozenset({"replicate", "seed", "t"})

Name = Annotated[str, Field(min_length=1)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Free = Annotated[dict[str, Any], BeforeValidator(plain_mapping)]
Seed = Annotated[int, Field(ge=0)]


def _bounded(value: Any, name: str) -> Any:
    """The value, if no number in it is larger than a constant may be."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NO_CONSTANTS:
                _bounded(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            _bounded(inner, name)
    elif isinstance(value, int | float) and abs(value) > LARGEST_CONSTANT:
        raise ValueError(f"{name} is {value!r:.40}; constants go from -{LARGEST_CONSTANT:g} to {LARGEST_CONSTANT:g}")
    return value


def _bounded_mapping(value: dict[str, Any]) -> dict[str, Any]:
    _bounded(value, "the value")
    return value


Constants = Annotated[Free, AfterValidator(_bounded_mapping)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeaturesConfig(_Section):
    """Which feature specification, and how it is set.

    Keys of the text specification stand here by name; those of another one go under ``params``. A key that is not given
    keeps the default of the specification.

    Attributes:
        spec_id: name in the registry of feature specifications.
        model: sentence encoder. Nothing is downloaded unless ``allow_download`` is true: a model that is not on the
            machine is an error, or the declared ``fallback`` stands in.
        max_length: words of a pattern that the encoder reads, at least 1.
        blocks: blocks of text features.
        n_components: dimensions of the topics, at least 1.
        allow_download: whether the encoder may be fetched.
        fallback: ``tfidf``, or None for an error.
        seed: of the topics.
        modality: modality that is read.
        params: keys of another specification.

    Example:
        >>> FeaturesConfig(spec_id="text_v1", max_length=4096).options()
        {'max_length': 4096}
    """

    spec_id: Name = "text_v1"
    model: Name | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None
    blocks: list[Name] | None = None
    n_components: Annotated[int, Field(ge=1)] | None = None
    allow_download: bool = False
    fallback: Literal["tfidf"] | None = None
    seed: Seed | None = None
    modality: Name | None = None
    params: Free = Field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """What to hand to the specification: the keys that were given."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"spec_id", "params"}}
        return {**dict(sorted(given.items())), **self.params}


class MetricsConfig(_Section):
    """The estimators.

    Attributes:
        anomaly: of the anomaly score.
        reflexivity: of reflexivity.
        self_operator: of the self operator; its four weights sum to 1.

    Example:
        >>> MetricsConfig().reflexivity.beta_text
        0.6
    """

    anomaly: AnomalySettings = Field(default_factory=AnomalySettings)
    reflexivity: ReflexivitySettings = Field(default_factory=ReflexivitySettings)
    self_operator: SelfOperatorSettings = Field(default_factory=SelfOperatorSettings)


class EnsembleConfig(_Section):
    """Several runs of one scenario.

    Attributes:
        enabled: whether there is more than one run.
        mode: ``repeat`` under other seeds, or ``sweep`` over ``param_grid``.
        n_runs: runs, or runs per point of the grid; at least 1.
        param_grid: parameter -> its values; for ``sweep``.
        dataset_id: name of the result.
        description: free text.

    Example:
        >>> EnsembleConfig(mode="sweep", param_grid={"tau_s": [1, 5]}).n_runs
        1
    """

    enabled: bool = False
    mode: Literal["repeat", "sweep"] = "repeat"
    n_runs: Annotated[int, Field(ge=1)] = 1
    param_grid: dict[str, Annotated[list[Any], BeforeValidator(plain), Field(min_length=1)]] = Field(
        default_factory=dict
    )
    dataset_id: str | None = None
    description: str = ""

    @field_validator("param_grid")
    @classmethod
    def _no_overflow(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return _bounded_mapping(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mode == "sweep") != bool(self.param_grid):
            raise ValueError(
                f"mode is {self.mode!r} and param_grid has {len(self.param_grid)} parameters; a sweep has some"
            )
        return self


class ExecutorConfig(_Section):
    """Where the runs of an ensemble are done.

    Attributes:
        type: one after another, or in several processes of this machine.
        max_workers: processes, at least 1; None for one per core.

    Example:
        >>> ExecutorConfig().type
        'local_sequential'
    """

    type: Literal["local_sequential", "local_parallel"] = "local_sequential"
    max_workers: Annotated[int, Field(ge=1)] | None = None


class SimulationSection(_Section):
    """A scenario and its run.

    Attributes:
        backend: ``classical``.
        experiment_type: free label.
        scenario: name of the scenario.
        layer_id: the layer.
        model_id: the dynamics.
        params: constants of the dynamics and of the scenario, each at most `LARGEST_CONSTANT` in size.
        dt: length of a step, above 0.
        t_end: end of the run, above 0; it may be given as ``horizon`` instead.
        horizon: number of steps; ``t_end`` is ``horizon * dt``.
        seed: of all random draws.
        interventions: what happens on the way, each with ``t`` and ``kind``.
        ensemble: several runs.
        executor: where they are done; `qmpt simulate` takes ``local_sequential`` alone, for it steps all runs together.
        derived_metrics: name -> arithmetic expression over the numbers of a run, see `qmpt.simulation.summary`.
        inject_step: step at which an anomaly is put in; None for a third of the way.
        anomaly_level: its strength.
        anomaly_threshold: score from which on it counts as found.
        recovery: whether the layer may recover after a collapse.
        anomaly_boost: what an anomaly adds to the recovery.
        substrates: carriers of a transfer, in order.
        substrate_noise: noise of each carrier, at least 0, as many as there are carriers.
        sigma_crit: stress above which time is counted, in [0, 1].
        output_dir: folder for everything that a run writes; ``--out`` goes before it.
        logs_dir: accepted from older files and not used: everything goes to ``output_dir``.
        results_dir: likewise.
        registry_path: likewise.

    Example:
        >>> SimulationSection(horizon=80, dt=0.5).end_time
        40.0
    """

    backend: Literal["classical"] = "classical"
    experiment_type: str = "layer_dynamics"
    scenario: Name = "baseline"
    layer_id: Name = "Lk"
    model_id: Name = "relax_v1"
    params: Constants = Field(default_factory=dict)
    dt: Positive = 1.0
    t_end: Positive | None = None
    horizon: Annotated[int, Field(ge=1)] | None = None
    seed: Seed = 0
    interventions: list[Constants] = Field(default_factory=list)
    ensemble: EnsembleConfig = Field(default_factory=EnsembleConfig)
    executor: ExecutorConfig = Field(default_factory=ExecutorConfig)
    derived_metrics: dict[str, str] = Field(default_factory=dict)
    inject_step: Annotated[int, Field(ge=0)] | None = None
    anomaly_level: Weight = 0.8
    anomaly_threshold: Weight = 0.5
    recovery: bool = False
    anomaly_boost: Weight = 0.2
    substrates: list[Name] = Field(default_factory=list)
    substrate_noise: list[Weight] = Field(default_factory=list)
    sigma_crit: Unit = 0.8
    output_dir: Name | None = None
    logs_dir: str | None = None
    results_dir: str | None = None
    registry_path: str | None = None

    @field_validator("backend", mode="before")
    @classmethod
    def _classical(cls, value: Any) -> Any:
        if value in ("quantum", "hybrid"):
            raise ValueError(f"the backend {value!r} is not part of qmpt; give 'classical'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.t_end is None and self.horizon is None:
            raise ValueError("neither t_end nor horizon is given; give one of them")
        if self.t_end is not None and self.horizon is not None:
            steps = self.horizon * self.dt
            if not math.isclose(steps, self.t_end, rel_tol=1e-9):
                raise ValueError(f"t_end is {self.t_end}, but horizon * dt is {steps}; give one of them")
        if self.substrate_noise and len(self.substrate_noise) != len(self.substrates):
            raise ValueError(
                f"substrate_noise has {len(self.substrate_noise)} values for {len(self.substrates)} substrates; "
                "give one for each"
            )
        return self

    @property
    def end_time(self) -> float:
        """The end of the run: ``t_end``, or ``horizon * dt``."""
        if self.t_end is not None:
            return self.t_end
        assert self.horizon is not None
        return self.horizon * self.dt


class QmptConfig(_Section):
    """A configuration: some of three sections.

    Attributes:
        features: what is computed from observations.
        metrics: how patterns are scored.
        simulation: what is simulated.

    Example:
        >>> QmptConfig(features=FeaturesConfig()).metrics is None
        True
    """

    features: FeaturesConfig | None = None
    metrics: MetricsConfig | None = None
    simulation: SimulationSection | None = None

    @model_validator(mode="after")
    def _some_section(self) -> Self:
        if self.features is None and self.metrics is None and self.simulation is None:
            raise ValueError("there is no section; give features, metrics or simulation")
        return self
