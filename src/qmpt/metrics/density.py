# SPDX-License-Identifier: Apache-2.0
"""Density models by name: how likely a pattern's features are in its population. Rarity is minus the log of it.

A model sees rows in robust standard units (`qmpt.metrics.population`) and answers with log densities in nats. Names:
``hist_v1``, ``gmm_v1``, ``kde_v1``, ``flow_v1``, ``flow_torch_v1`` and ``pyod:<Class>``; others can be registered, and
any object with ``fit`` and ``score_samples``, such as a mixture of scikit-learn, is taken as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, nearest_name

__all__ = ["DensityModel", "Reducing", "TracedDensity", "create_density", "density_names", "register_density"]

Array = NDArray[np.float64]
PYOD: Final = "pyod:"


@runtime_checkable
class DensityModel(Protocol):
    """What a density model can do. A model may also have ``version``, ``feature_scores`` and ``own_scores``."""

    def fit(self, rows: Array, /) -> Any:
        """Learn from rows, shape (n, d)."""
        ...

    def score_samples(self, rows: Array, /) -> Array:
        """Log densities, shape (n,), in nats."""
        ...


@runtime_checkable
class Reducing(Protocol):
    """A density that first reduces rows to principal axes.

    Attributes:
        most_axes: the largest number of axes.
    """

    most_axes: int


@runtime_checkable
class TracedDensity(DensityModel, Protocol):
    """A density whose log is a sum over features, so that each feature's part is known exactly."""

    def feature_scores(self, rows: Array, /) -> Array:
        """Parts of the log density, shape (n, d); each row sums to its ``score_samples``."""
        ...


def _hist(**options: Any) -> DensityModel:
    from qmpt.metrics.density_hist import HistogramDensity

    return HistogramDensity(**options)


def _gmm(**options: Any) -> DensityModel:
    from qmpt.metrics.density_mixture import MixtureDensity

    return MixtureDensity(**options)


def _kde(**options: Any) -> DensityModel:
    from qmpt.metrics.density_kernel import KernelDensity

    return KernelDensity(**options)


def _flow(**options: Any) -> DensityModel:
    from qmpt.metrics.flow import GaussianizationFlow

    return GaussianizationFlow(**options)


def _flow_torch(**options: Any) -> DensityModel:
    from qmpt.metrics.flow_torch import SplineFlow

    return SplineFlow(**options)


_FACTORIES: Final[dict[str, Callable[..., DensityModel]]] = {
    "hist_v1": _hist,
    "gmm_v1": _gmm,
    "kde_v1": _kde,
    "flow_v1": _flow,
    "flow_torch_v1": _flow_torch,
}


def register_density(name: str, factory: Callable[..., DensityModel]) -> None:
    """Make a density model known by name.

    Args:
        name: the name, with its version, such as ``copula_v1``.
        factory: called with the options of the configuration; gives an unfitted model.

    Raises:
        ConfigError: where the name is taken or holds a colon.

    Example:
        >>> from qmpt.metrics.density_hist import HistogramDensity
        >>> register_density("smooth_hist_v1", lambda: HistogramDensity(pseudocount=5.0))
        >>> create_density("smooth_hist_v1").pseudocount
        5.0
    """
    if name in _FACTORIES or ":" in name or not name:
        raise ConfigError(f"the density name {name!r} is taken or holds a colon; choose a new one, such as 'copula_v1'")
    _FACTORIES[name] = factory


def density_names() -> list[str]:
    """The names that `create_density` knows, sorted.

    Example:
        >>> "hist_v1" in density_names()
        True
    """
    return sorted(_FACTORIES)


def create_density(model: Any, options: Mapping[str, Any] | None = None) -> DensityModel:
    """An unfitted density model.

    Args:
        model: a registered name, ``pyod:<Class>``, or an object with ``fit`` and ``score_samples``, which is copied.
        options: arguments of the model; only with a name.

    Raises:
        ConfigError: an unknown name, unknown options, or an object that is no density model.
        MissingLibraryError: the model needs a library that is not installed.

    Example:
        >>> create_density("hist_v1").version
        'hist_v1@1.0.0'
    """
    settings = dict(options or {})
    if not isinstance(model, str):
        if not isinstance(model, DensityModel) or isinstance(model, type):
            raise ConfigError(
                f"density_model is of type {type(model).__name__}; give a name or an object with fit and score_samples"
            )
        if settings:
            raise ConfigError(f"density_options {sorted(settings)} go with a name; set them on the object instead")
        return copy.deepcopy(model)
    if model.startswith(PYOD):
        from qmpt.metrics.pyod_adapter import PyodDensity

        return PyodDensity(model.removeprefix(PYOD), settings)
    factory = _FACTORIES.get(model)
    if factory is None:
        raise ConfigError(f"no density model is called {model!r}; {nearest_name(model, [*_FACTORIES, 'pyod:HBOS'])}")
    try:
        return factory(**settings)
    except TypeError as error:
        raise ConfigError(f"density_options {sorted(settings)} do not fit {model}: {error}") from None
