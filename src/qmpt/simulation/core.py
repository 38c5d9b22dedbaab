# SPDX-License-Identifier: Apache-2.0
r"""Running one layer: the configuration, the runner with `step` and `run`, and the states they give.

\(S_k(t + \Delta t) = F(S_k(t), \{\Psi\}, interventions)\), where F is a named model; see `qmpt.simulation.models`.
Nothing here is random but what the seed in the parameters fixes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qmpt.data.models import Layer, LayerState, Pattern
from qmpt.errors import ConfigError, DataError, validation_message
from qmpt.features.versions import version_string
from qmpt.metrics.layer_regimes import MODES, classify_modes
from qmpt.simulation.dynamics import FLOATS, LayerModel, LayerSettings, Start, State
from qmpt.simulation.interventions import AddPattern, RemovePattern, parse_interventions
from qmpt.simulation.models import layer_model
from qmpt.simulation.noise import RunNoise
from qmpt.simulation.schedule import Schedule, make_schedule
from qmpt.simulation.steps import advance, apply_jump, reset_layer

__all__ = ["SimulationConfig", "SimulationRunner"]

_GRID_TOLERANCE: Final = 1e-6

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class SimulationConfig(BaseModel):
    """What is simulated, for how long and with which constants.

    Attributes:
        layer_id: the layer.
        dt: length of a step, above 0 and at most the shortest time scale of the model.
        t_end: end of the run, above 0.
        model_id: name of the model.
        params: settings of the model, among them ``seed``; see `qmpt.simulation.dynamics.LayerSettings`. What is not
            given keeps its default.

    Example:
        >>> SimulationConfig(layer_id="L", dt=0.5, t_end=40, model_id="relax_v1", params={"seed": 7}).settings().seed
        7
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layer_id: Name
    dt: Positive
    t_end: Positive
    model_id: Name = "relax_v1"
    params: dict[str, Any] = Field(default_factory=dict)

    def model(self) -> LayerModel:
        """The model.

        Raises:
            ConfigError: there is none of that name.
        """
        return layer_model(self.model_id)

    def settings(self) -> LayerSettings:
        """The settings of the model, with its defaults.

        Raises:
            ConfigError: an unknown key, a value out of its range, or a ``dt`` that is too long.
        """
        kind = self.model().settings
        try:
            settings = kind.model_validate(self.params)
        except ValidationError as error:
            raise ConfigError(f"params of {self.model_id}: {validation_message(error, kind)}") from None
        if self.dt > settings.shortest_time:
            raise ConfigError(
                f"dt is {self.dt}, longer than the shortest time scale of the model, {settings.shortest_time}; "
                "take a shorter step"
            )
        return settings

    def with_params(self, **changes: Any) -> SimulationConfig:
        """A copy in which some parameters have other values.

        Example:
            >>> config = SimulationConfig(layer_id="L", dt=1, t_end=9)
            >>> config.with_params(seed=3).params
            {'seed': 3}
        """
        return self.model_copy(update={"params": {**self.params, **changes}})

    def version(self) -> str:
        """``simulation_model_version``: the model and a digest of everything that is set.

        Example:
            >>> SimulationConfig(layer_id="L", dt=1, t_end=9).version().partition("+")[0]
            'relax_v1@1.0.0'
        """
        model = self.model()
        resolved = {"dt": self.dt, "t_end": self.t_end, "params": self.settings().model_dump(mode="json")}
        return version_string(model.name, model.semver, resolved)


class SimulationRunner(BaseModel):
    """Runs a layer. It reads what it is given once, when it is first used, and changes none of it.

    Attributes:
        config: what is simulated.
        layer: its ``patterns`` are there at time 0; the last of its states, if it has any, is where the run starts.
        patterns: pattern id -> pattern; those with an ``anomaly_score`` of at least ``theta_2`` act on the layer.
        interventions: what is done on the way, as models of `qmpt.simulation.interventions` or as dictionaries.

    `step` and `run` raise ConfigError for a configuration or intervention that cannot be honoured, and DataError for a
    pattern or state that cannot be used.

    Example:
        >>> runner = SimulationRunner(
        ...     config=SimulationConfig(layer_id="L", dt=1, t_end=3), layer=Layer(layer_id="L"), patterns={}
        ... )
        >>> [state.t for state in runner.run()]
        [0.0, 1.0, 2.0, 3.0]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: SimulationConfig
    layer: Layer
    patterns: dict[str, Pattern]
    interventions: list[Any] = Field(default_factory=list)

    @cached_property
    def settings(self) -> LayerSettings:
        """The settings of the model."""
        return self.config.settings()

    @cached_property
    def schedule(self) -> Schedule:
        """What acts at each grid point.

        Raises:
            ConfigError: the layer has another id, a pattern is filed under another id than its own, or see
                `qmpt.simulation.schedule.make_schedule`.
        """
        if self.layer.layer_id != self.config.layer_id:
            raise ConfigError(
                f"the configuration is for {self.config.layer_id!r}, the layer is {self.layer.layer_id!r}"
            )
        for name, pattern in self.patterns.items():
            if pattern.pattern_id != name:
                raise ConfigError(f"the pattern {pattern.pattern_id!r} is filed under {name!r}; file it under its id")
        return make_schedule(
            self.layer.patterns,
            self.patterns,
            parse_interventions(self.interventions),
            self.settings,
            self.config.dt,
            self.config.t_end,
        )

    @cached_property
    def _noise(self) -> RunNoise:
        return RunNoise(self.settings.seed, self.settings.replicate)

    def first_state(self) -> State:
        """The state at time 0, before any intervention.

        It is ``start`` of the parameters, else the last state of the layer, else the default; capacity and novelty of
        a layer's state are read from ``macro_state``.

        Raises:
            DataError: the layer's last state holds a value that is out of range.
        """
        start = self.settings.start
        if start is None and self.layer.state_trajectory:
            last = self.layer.state_trajectory[-1]
            given = {
                "stress": last.stress,
                "protection": last.protection,
                "capacity": last.macro_state.get("capacity"),
                "novelty": last.macro_state.get("novelty"),
            }
            try:
                start = Start.model_validate({name: value for name, value in given.items() if value is not None})
            except ValidationError as error:
                raise DataError(f"the last state of the layer: {validation_message(error, Start)}") from None
        start = start or Start()
        shares = self.settings.first_shares()
        return State(start.stress, start.protection, start.capacity, start.novelty, start.protection, 0.0, shares)

    def step(self, state: LayerState, t: float) -> LayerState:
        """The state one step later; pure: it depends on the runner, the state and t alone.

        The state that comes back has no ``mode``, for a regime is read from what went before; `run` adds it.

        Args:
            state: at time t, with stress, protection and ``macro_state['capacity']``.
            t: a grid point ``i * dt`` before the end; equal to ``state.t``.

        Raises:
            ConfigError: t is no grid point of the run, or not the time of the state.
            DataError: the state lacks a number.
        """
        index = self._index(t, state.t)
        after, reset = self._after(self._numbers(state), index)
        return self._layer_state(after, index + 1, None, reset)

    def run(self) -> list[LayerState]:
        """The initial state and ``ceil(t_end / dt)`` more, at ``i * dt``, with their regimes."""
        states, resets = self.integrate()
        modes = classify_modes(
            [state.stress for state in states],
            [state.protection for state in states],
            [state.capacity for state in states],
            [forcing.anomaly > 0.0 for forcing in self.schedule.forcing],
            dt=self.config.dt,
            reset=resets,
        )[0]
        rows = zip(states, modes, resets, strict=True)
        return [self._layer_state(state, index, mode, reset) for index, (state, mode, reset) in enumerate(rows)]

    def integrate(self) -> tuple[list[State], list[bool]]:
        """The run as plain numbers: the state at each grid point, and whether a reset fired there.

        Example:
            >>> runner = SimulationRunner(
            ...     config=SimulationConfig(layer_id="L", dt=1, t_end=3), layer=Layer(layer_id="L"), patterns={}
            ... )
            >>> len(runner.integrate()[0])
            4
        """
        state = self._jumped(self.first_state(), 0)
        states, resets = [state], [False]
        for index in range(self.schedule.steps):
            state, reset = self._after(state, index)
            states.append(state)
            resets.append(reset)
        return states, resets

    def without(self, pattern_id: str) -> SimulationRunner:
        """The same layer under the same chances, but without one pattern.

        Raises:
            ConfigError: no such pattern ever is in the layer.

        Example:
            >>> config, layer = SimulationConfig(layer_id="L", dt=1, t_end=3), Layer(layer_id="L", patterns=["a"])
            >>> patterns = {"a": Pattern(pattern_id="a", layer_id="L")}
            >>> runner = SimulationRunner(config=config, layer=layer, patterns=patterns)
            >>> runner.without("a").layer.patterns
            []
        """
        moves = parse_interventions(self.interventions)
        kept = [
            one for one in moves if not (isinstance(one, AddPattern | RemovePattern) and one.pattern_id == pattern_id)
        ]
        present = [name for name in self.layer.patterns if name != pattern_id]
        if len(present) == len(self.layer.patterns) and len(kept) == len(moves):
            raise ConfigError(f"the pattern {pattern_id!r} never is in the layer; there is nothing to leave out")
        layer = self.layer.model_copy(update={"patterns": present})
        return SimulationRunner(config=self.config, layer=layer, patterns=self.patterns, interventions=kept)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that reads what it holds anew.

        Example:
            >>> runner = SimulationRunner(
            ...     config=SimulationConfig(layer_id="L", dt=1, t_end=3), layer=Layer(layer_id="L"), patterns={}
            ... )
            >>> steps = runner.schedule.steps
            >>> longer = runner.model_copy(update={"config": runner.config.model_copy(update={"t_end": 9.0})})
            >>> steps, longer.schedule.steps
            (3, 9)
        """
        copied = super().model_copy(update=update, deep=deep)
        for name in ("settings", "schedule", "_noise", "_model"):
            copied.__dict__.pop(name, None)
        return copied

    def with_config(self, config: SimulationConfig) -> SimulationRunner:
        """The same layer under another configuration."""
        return self.model_copy(update={"config": config})

    def _index(self, t: float, state_t: float) -> int:
        index = round(t / self.config.dt) if math.isfinite(t) else -1
        off_grid = abs(t - index * self.config.dt) > _GRID_TOLERANCE * self.config.dt
        if off_grid or not 0 <= index < self.schedule.steps:
            raise ConfigError(
                f"t is {t}; a step begins at a multiple of {self.config.dt} from 0 to below {self.config.t_end}"
            )
        if abs(state_t - t) > _GRID_TOLERANCE * self.config.dt:
            raise ConfigError(f"t is {t}, but the state is of t={state_t}; give the time of the state")
        return index

    def _after(self, state: State, index: int) -> tuple[State, bool]:
        """The state at the next grid point, and whether a reset fired on the way."""
        settings, noise = self.settings, None
        if settings.noisy:
            noise = self._noise.normal(index)
        forcing = self.schedule.forcing[index]
        state = advance(
            self._model.rates(state, forcing, settings, FLOATS), state, forcing, settings, self.config.dt, noise, FLOATS
        )
        reset = False
        if settings.reset_hazard > 0.0:
            state, reset = reset_layer(state, self._noise.uniform(index), settings, self.config.dt, FLOATS)
        return self._jumped(state, index + 1), bool(reset)

    @cached_property
    def _model(self) -> LayerModel:
        return self.config.model()

    def _jumped(self, state: State, index: int) -> State:
        for jump in self.schedule.jumps.get(index, ()):
            state = apply_jump(state, jump, FLOATS)
        return state

    def _numbers(self, state: LayerState) -> State:
        macro = state.macro_state
        found = {
            "stress": state.stress,
            "protection": state.protection,
            "capacity": macro.get("capacity"),
            "novelty": macro.get("novelty"),
        }
        missing = [name for name, value in found.items() if not isinstance(value, int | float)]
        if missing:
            raise DataError(f"the state at t={state.t} has no {missing[0]}; start from a state that `run` gave")
        shares = macro.get("distribution") or self.settings.first_shares()
        if len(shares) != len(self.settings.fitness):
            raise DataError(
                f"the state at t={state.t} has {len(shares)} shares; give {len(self.settings.fitness)}, one per type"
            )
        rigidity, time_above = macro.get("rigidity", state.protection), macro.get("time_above", 0.0)
        return State(**found, rigidity=rigidity, time_above=time_above, shares=tuple(shares))

    def _layer_state(self, state: State, index: int, mode: str | None, reset: bool) -> LayerState:
        events = [dict(event) for event in self.schedule.events.get(index, ())]
        if reset:
            events.insert(0, {"kind": "reset"})
        macro: dict[str, Any] = {
            "capacity": state.capacity,
            "potential": self.schedule.forcing[index].potential,
            "novelty": state.novelty,
            "rigidity": state.rigidity,
            "time_above": state.time_above,
            "active_anomalies": list(self.schedule.active[index]),
            "events": events,
        }
        if mode is not None:
            macro["mode"] = mode
            macro["mode_probs"] = {name: float(name == mode) for name in MODES}
        if state.shares:
            macro["distribution"] = list(state.shares)
        # Every number was checked on its way in, or clipped to its range: checking it again would halve the speed.
        return LayerState.model_construct(
            t=index * self.config.dt, stress=state.stress, protection=state.protection, macro_state=macro
        )
