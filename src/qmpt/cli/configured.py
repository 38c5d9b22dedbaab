# SPDX-License-Identifier: Apache-2.0
"""What ``--config`` names, once it has something to say to the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpt.errors import ConfigError

if TYPE_CHECKING:
    from qmpt.config.schemas import QmptConfig

__all__ = ["load_for"]


def load_for(config: str | None, *sections: str) -> QmptConfig | None:
    """The configuration for a command that reads some of its sections.

    Args:
        config: file or name of a sample; None where none was given.
        sections: those that the command reads; one of them must be there.

    Raises:
        ConfigError: it cannot be read, or has none of the sections, so that all of it would be without effect.

    Example:
        >>> load_for("features_text", "metrics")
        Traceback (most recent call last):
        ...
        qmpt.errors.ConfigError: features_text has no section metrics, and this command reads no other; add one, or \
leave --config out
    """
    from qmpt.config.loader import load_config

    if config is None:
        return None
    loaded = load_config(config)
    if all(getattr(loaded, name) is None for name in sections):
        raise ConfigError(
            f"{config} has no section {' or '.join(sections)}, and this command reads no other; add one, or leave "
            "--config out"
        )
    return loaded
