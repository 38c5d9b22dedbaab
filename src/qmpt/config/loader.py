# SPDX-License-Identifier: Apache-2.0
"""Read a configuration from YAML or JSON, or one of the samples by name. Nothing falls back to a default in silence."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from qmpt.config.schemas import QmptConfig
from qmpt.data.files import open_regular
from qmpt.errors import ConfigError, DataError, nearest_name, validation_message

__all__ = ["MAX_BYTES", "dump_config", "load_config", "sample_names"]

MAX_BYTES: Final = 2**20
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def load_config(path_or_name: str | Path) -> QmptConfig:
    """Read and check a configuration.

    Args:
        path_or_name: a ``.yaml``, ``.yml`` or ``.json`` file, or the name of a sample, which has no suffix.

    Raises:
        ConfigError: no such file or sample, not well-formed, larger than `MAX_BYTES`, an anchor or a key that stands
            twice in it, an unknown key (the nearest known one is named), or a value out of its range.

    Example:
        >>> load_config("metrics_default").metrics.anomaly.density_model
        'flow_v1'
    """
    given = Path(path_or_name)
    if given.suffix.lower() in _SUFFIXES:
        data, source = _read(given), str(given)
    elif (name := str(path_or_name)) in (known := sample_names()):
        data, source = files("qmpt.config").joinpath("samples", f"{name}.yaml").read_bytes(), name
    else:
        raise ConfigError(
            f"{name!r} is neither a file with one of {', '.join(_SUFFIXES)} nor a sample; {nearest_name(name, known)}"
        )
    parse = _parse_json if given.suffix.lower() == ".json" else _parse_yaml
    try:
        document = parse(data)
    except (ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigError(f"{source}: {problem}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{source} holds {type(document).__name__}; give sections: features, metrics, simulation")
    try:
        return QmptConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{source}: {validation_message(error, QmptConfig)}") from None


def dump_config(config: QmptConfig) -> str:
    """The configuration as YAML with every default written out; `load_config` reads it back equal.

    Example:
        >>> print(dump_config(load_config("features_text")).splitlines()[1])
          spec_id: text_v1
    """
    import yaml

    document = config.model_dump(mode="json", exclude_none=True)
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text


def sample_names() -> list[str]:
    """The names of the samples that are installed.

    >>> sample_names()
    ['features_text', 'metrics_default', 'simulation_default']
    """
    folder = files("qmpt.config").joinpath("samples")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as handle:
            data = handle.read(MAX_BYTES + 1)
    except DataError as error:
        raise ConfigError(str(error)) from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} has more than {MAX_BYTES} bytes; no configuration needs that")
    return data


def _parse_json(data: bytes) -> Any:
    return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"the key {key!r} stands twice in one place; keep one of them")
        found[key] = value
    return found


def _parse_yaml(data: bytes) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values alone. An anchor can unfold to any size, and a key given twice hides one of its values."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event: Any = self.get_event()  # type: ignore[no-untyped-call]  # PyYAML's types lack it
                raise ConfigError(f"it refers to the anchor {event.anchor!r}; write the value out there")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue  # which is refused as no key in a moment
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise ConfigError(f"line {line}: the key {key.value!r} stands twice; keep one of them")
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(data, Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise ConfigError(" ".join(str(error).split())) from None
