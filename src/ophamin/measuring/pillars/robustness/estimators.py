# SPDX-License-Identifier: Apache-2.0
"""Estimators by name, and what is asked of one that is given as an object.

The names are a few plain models of scikit-learn; any object of its form does as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.values import shown

__all__ = ["ESTIMATORS", "make_estimator", "require_estimator"]

ESTIMATORS: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "linear": ("sklearn.linear_model", "LinearRegression", {}),
        "logistic": ("sklearn.linear_model", "LogisticRegression", {"max_iter": 1000}),
        "majority": ("sklearn.dummy", "DummyClassifier", {}),
        "ridge": ("sklearn.linear_model", "Ridge", {}),
        "svc": ("sklearn.svm", "SVC", {"kernel": "linear", "C": 1.0}),
    }
)
"""Name -> module, class and arguments; ``majority`` always says the most frequent class, to compare with."""


def require_estimator(estimator: object) -> None:
    """Refuse what is neither a known name nor an object with ``fit`` and ``predict``; nothing is imported.

    Raises:
        ClaimError: with the nearest name.

    Example:
        >>> require_estimator("logistic")
    """
    if isinstance(estimator, str):
        if estimator not in ESTIMATORS:
            raise ClaimError(
                f"no estimator is named {shown(estimator)}; {nearest_name(estimator, ESTIMATORS)}. "
                "An estimator object of scikit-learn does as well"
            )
    elif isinstance(estimator, type) or not all(callable(getattr(estimator, name, None)) for name in _METHODS):
        raise ClaimError(
            f"{shown(estimator)} is no estimator; give a name ({', '.join(sorted(ESTIMATORS))}) or an object "
            f"with {', '.join(_METHODS)}, as scikit-learn has them"
        )


def make_estimator(estimator: Any) -> Any:
    """The estimator of a name, or the object itself; it is cloned before it is fitted.

    Raises:
        ClaimError: as `require_estimator`.

    Example:
        >>> make_estimator("ridge")
        Ridge()
    """
    require_estimator(estimator)
    if not isinstance(estimator, str):
        return estimator
    module, name, arguments = ESTIMATORS[estimator]
    return getattr(import_module(module), name)(**arguments)


_METHODS: Final = ("fit", "predict", "get_params")
