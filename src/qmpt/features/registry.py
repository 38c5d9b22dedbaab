# SPDX-License-Identifier: Apache-2.0
"""Feature specifications by name: those of this package, those registered in this process, those of other packages.

Another package offers one through the entry-point group ``qmpt.features``; it is imported when its name is asked for,
and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qmpt.errors import ConfigError, nearest_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from qmpt.features.base import FeatureSpec

__all__ = ["ENTRY_POINT_GROUP", "FEATURE_SPECS", "create_feature_spec", "feature_spec_class", "register_feature_spec"]

ENTRY_POINT_GROUP = "qmpt.features"
FEATURE_SPECS: dict[str, type[FeatureSpec]] = {}
"""Name -> class, of what is registered in this process; entry points join it when they are loaded."""


def register_feature_spec(name: str, cls: type[FeatureSpec]) -> None:
    """Add a feature specification. Registering the same class again changes nothing.

    Args:
        name: not empty.
        cls: a class with ``fit`` and ``transform``.

    Raises:
        ConfigError: another class has the name, the name is empty, or the class lacks a method.

    Example:
        >>> from qmpt.features.text import TextFeatureSpec
        >>> register_feature_spec("text_v1", TextFeatureSpec)
        >>> register_feature_spec("text_v1", dict)
        Traceback (most recent call last):
        ...
        qmpt.errors.ConfigError: the feature specification dict lacks fit, transform, fit_transform; derive it from \
qmpt.features.base.BaseFeatureSpec
    """
    if not isinstance(name, str) or not name:
        raise ConfigError(f"a feature specification has the name {name!r}; give a text that is not empty")
    missing = [method for method in ("fit", "transform", "fit_transform") if not callable(getattr(cls, method, None))]
    if missing:
        raise ConfigError(
            f"the feature specification {_described(cls)} lacks {', '.join(missing)}; "
            "derive it from qmpt.features.base.BaseFeatureSpec"
        )
    existing = FEATURE_SPECS.setdefault(name, cls)
    if existing is not cls:
        raise ConfigError(
            f"two feature specifications have the name {name!r}: {_described(existing)} and {_described(cls)}; "
            "register one of them under another name"
        )


def feature_spec_class(name: str) -> type[FeatureSpec]:
    """The class of that name; an entry point is imported now.

    Raises:
        ConfigError: no specification has the name (the known ones are listed), several packages offer it, or its
            entry point cannot be imported.

    Example:
        >>> feature_spec_class("text_v2")
        Traceback (most recent call last):
        ...
        qmpt.errors.ConfigError: no feature specification is named 'text_v2'; did you mean 'text_v1'? Known: \
behavior_v1, multimodal_v1, numeric_v1, text_v1
    """
    if name not in FEATURE_SPECS:
        _load(name)
    return FEATURE_SPECS[name]


def create_feature_spec(name: str, **kwargs: Any) -> FeatureSpec:
    """Build the feature specification of that name.

    Args:
        name: such as ``text_v1``.
        **kwargs: what its class takes.

    Raises:
        ConfigError: the name is unknown, or the class does not take the arguments.

    Example:
        >>> create_feature_spec("text_v1", blocks=["statistics"]).id
        'text_v1'
    """
    import inspect

    cls = feature_spec_class(name)
    try:
        inspect.signature(cls).bind(**kwargs)
    except TypeError as error:
        given = ", ".join(sorted(kwargs)) or "nothing"
        takes = ", ".join(inspect.signature(cls).parameters) or "nothing"
        raise ConfigError(f"{name} was given {given}, but {error}; it takes {takes}") from None
    return cls(**kwargs)


def _load(name: str) -> None:
    offered = _entry_points()
    found = list(offered.select(name=name))
    if not found:
        known = nearest_name(name, {*FEATURE_SPECS, *offered.names})
        raise ConfigError(f"no feature specification is named {name!r}; {known}")
    if len({entry.value for entry in found}) > 1:
        places = ", ".join(sorted(entry.value for entry in found))
        raise ConfigError(f"{len(found)} packages offer a feature specification {name!r}: {places}; remove all but one")
    try:
        cls = found[0].load()
    except Exception as error:
        raise ConfigError(
            f"the feature specification {name!r} cannot be loaded from {found[0].value}: {error}; "
            "repair or remove the package that offers it"
        ) from error
    register_feature_spec(name, cast("type[FeatureSpec]", cls))


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def _described(cls: object) -> str:
    module, name = getattr(cls, "__module__", ""), getattr(cls, "__qualname__", repr(cls))
    return name if module in ("", "builtins") else f"{module}.{name}"
