# SPDX-License-Identifier: Apache-2.0
"""The models of a layer by name: `relax_v1` is the reference, `replicator_v1` and `linear_v1` are alternatives."""

from __future__ import annotations

from typing import Final

from qmpt.errors import ConfigError, nearest_name
from qmpt.simulation import models_linear, models_relax, models_replicator
from qmpt.simulation.dynamics import LayerModel

__all__ = ["LAYER_MODELS", "layer_model", "register_layer_model"]

LAYER_MODELS: Final[dict[str, LayerModel]] = {
    module.MODEL.name: module.MODEL for module in (models_relax, models_replicator, models_linear)
}
"""The known models; `register_layer_model` adds to them."""


def register_layer_model(model: LayerModel) -> None:
    """Make a model known by its name.

    Raises:
        ConfigError: the name is taken.

    Example:
        >>> register_layer_model(layer_model("relax_v1"))
        Traceback (most recent call last):
        ...
        qmpt.errors.ConfigError: a model 'relax_v1' is registered already; give yours another name
    """
    if model.name in LAYER_MODELS:
        raise ConfigError(f"a model {model.name!r} is registered already; give yours another name")
    LAYER_MODELS[model.name] = model


def layer_model(name: str) -> LayerModel:
    """The model of that name.

    Raises:
        ConfigError: there is none.

    Example:
        >>> layer_model("relax_v1").semver
        '1.0.0'
    """
    model = LAYER_MODELS.get(name)
    if model is None:
        raise ConfigError(f"model_id is {name!r}; {nearest_name(str(name), LAYER_MODELS)}")
    return model
