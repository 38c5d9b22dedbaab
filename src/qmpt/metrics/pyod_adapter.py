# SPDX-License-Identifier: Apache-2.0
"""Detectors of the library PyOD in the place of a density: ``density_model: "pyod:HBOS"``.

A detector's score is no log density. Its negative is used as one, so that rarity is the detector's own score; the scale
of the estimator then makes it comparable with the other terms.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, MissingLibraryError, nearest_name

__all__ = ["PyodDensity"]

Array = NDArray[np.float64]


class PyodDensity:
    """A PyOD detector that is fitted and asked as a density model.

    Args:
        detector: name of the class, such as ``HBOS``, ``IForest`` or ``MCD``.
        options: arguments of its constructor. ``random_state`` is 0 unless given, where the detector takes one.

    Raises:
        MissingLibraryError: PyOD is not installed.
        ConfigError: no such detector, or it does not take these options.
    """

    def __init__(self, detector: str, options: Mapping[str, Any] | None = None) -> None:
        make = _detector_class(detector)
        settings = dict(options or {})
        if "random_state" in inspect.signature(make).parameters:
            settings.setdefault("random_state", 0)
        try:
            self._detector = make(**settings)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the options {sorted(settings)} do not fit the detector {detector}: {error}") from None
        self._options = settings
        self.name = f"pyod:{detector}"
        self.version = f"{self.name}@{import_module('pyod').__version__}"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The detector, its options and the version of PyOD: all that the densities depend on."""
        return {"version": self.version, "options": self._options}

    def fit(self, rows: Array) -> PyodDensity:
        """Fit the detector to rows, shape (n, d)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a detector's remarks on its own numerics are not about the caller's data
            self._detector.fit(rows)
        return self

    def score_samples(self, rows: Array) -> Array:
        """Minus the detector's score, shape (n,)."""
        return -np.asarray(self._detector.decision_function(rows), dtype=np.float64)


def _detector_class(name: str) -> Any:
    if find_spec("pyod") is None:
        raise MissingLibraryError(f"pyod:{name} needs PyOD, which is not installed; pip install pyod, or use hist_v1")
    import pkgutil

    found = {one.name.replace("_", ""): one.name for one in pkgutil.iter_modules(import_module("pyod.models").__path__)}
    module = found.get(name.lower())
    if module is None:
        raise ConfigError(f"PyOD has no detector {name!r}, and no module for one; {nearest_name(name.lower(), found)}")
    try:
        loaded = import_module(f"pyod.models.{module}")
    except ImportError as error:
        raise MissingLibraryError(
            f"pyod:{name} needs {error.name}, which is not installed; pip install {error.name}"
        ) from None
    make = getattr(loaded, name, None)
    if make is None:
        classes = [one for one in vars(loaded) if one.lower() == name.lower()]
        raise ConfigError(f"PyOD has no detector {name!r}; {nearest_name(name, classes)}")
    return make
