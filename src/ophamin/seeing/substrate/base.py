# SPDX-License-Identifier: Apache-2.0
"""What a system under test is, and the registry in which its name is looked up.

Nothing here runs a system; `ophamin.seeing.substrate.function` wraps plain callables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ophamin.core.plugins import Registry
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.protocols import SubstrateProbe
from ophamin.seeing.spec import accepted_keywords, build_with_options, parse_options, parse_value

__all__ = [
    "SUBSTRATES",
    "CycleResult",
    "SubstrateSpec",
    "SubstrateUnderTest",
    "as_under_test",
    "get_substrate",
    "list_substrates",
    "make_substrate",
    "parse_spec",
]


class SubstrateUnderTest(ABC):
    """Base of a system under test: it is reset, run one stimulus at a time, and asked for its revision.

    A cycle that cannot run gives a `CycleResult` with ``error`` set, or raises; it never gives a made-up value.
    """

    name: str = "substrate"

    @abstractmethod
    def git_commit(self) -> str:
        """The revision of the system; an empty text only where it has none."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all state, so that the next cycle is the first."""

    @abstractmethod
    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """Put one stimulus through the system.

        Args:
            stimulus: what is put in.
            params: the configuration of this cycle, where it is varied.
        """

    def run_batch(self, stimuli: Sequence[Any], params: Mapping[str, Any] | None = None) -> list[CycleResult]:
        """Put several stimuli through, one result per stimulus, numbered from 0.

        A system with a faster way for many stimuli overrides this.
        """
        return [_numbered(self.run_cycle(stimulus, params), index) for index, stimulus in enumerate(stimuli)]

    def capture_state(self) -> dict[str, Any]:
        """What can be said about the state now, as plain JSON values; empty by default."""
        return {}

    def metadata(self) -> dict[str, Any]:
        """What tells this system from another one, as plain JSON values."""
        return {"name": self.name, "git_commit": self.git_commit()}


@dataclass(frozen=True, slots=True)
class SubstrateSpec:
    """A substrate as it is written on a command line.

    Attributes:
        name: the registered name.
        options: keyword arguments of its constructor.
        fresh: whether it is built anew for every trial.
        place: what stands before the options, such as ``main:shop.prices:quote``; empty for most.
    """

    name: str
    options: dict[str, int | float | bool | str] = field(default_factory=dict)
    fresh: bool = False
    place: str = ""


SUBSTRATES: Final[Registry[Any]] = Registry(
    "substrate", SubstrateProbe, "ophamin.substrates", key=lambda substrate: substrate.name, accepts_classes=True
)
"""Every system under test that is known by name."""


def parse_spec(spec: str) -> SubstrateSpec:
    """Read ``name[:place][,key=value,...]``; the key ``fresh`` is no option but asks for a new system per trial.

    What stands first and holds a colon without being an option is the place. It holds no comma.

    Raises:
        ClaimError: the text is not of that form.

    Example:
        >>> parse_spec("mock:seed=3,drift_rate=0.1,fresh=true")
        SubstrateSpec(name='mock', options={'seed': 3, 'drift_rate': 0.1}, fresh=True, place='')
        >>> parse_spec("git:main:shop.prices:quote,timeout=5").place
        'main:shop.prices:quote'
    """
    name, colon, tail = spec.strip().partition(":")
    if not name or (colon and not tail.strip()):
        raise ClaimError(f"{spec!r} names no substrate with options; write name or name:key=value,key=value")
    parts = tail.split(",") if colon else []
    place = parts.pop(0).strip() if parts and ":" in parts[0].partition("=")[0] else ""
    options = {key: parse_value(value) for key, value in parse_options(parts, spec).items()}
    fresh = options.pop("fresh", False)
    if not isinstance(fresh, bool):
        raise ClaimError(f"{spec!r}: fresh is {fresh!r}; it is true or false")
    return SubstrateSpec(name, options, fresh, place)


def make_substrate(spec: str) -> SubstrateUnderTest:
    """Build the system under test that a text names.

    Args:
        spec: ``name`` or ``name:key=value,...``; values are read as int, float, bool, else text. Before the options
            may stand a place, ``name:PLACE,key=value,...``, for what has a method ``from_spec`` that takes it as text.

    Raises:
        ClaimError: the text, an option or its value cannot be honoured; the accepted options are named.
        UnknownPluginError: no substrate has that name.

    Example:
        >>> make_substrate("mock:seed=3").git_commit()
        'mock-0000003'
    """
    parsed = parse_spec(spec)
    registered = SUBSTRATES.get(parsed.name)
    what = f"substrate {parsed.name!r}"
    if parsed.place:
        return _made_at(what, registered, parsed, spec)
    if isinstance(registered, SubstrateProbe) and not isinstance(registered, type):
        if parsed.options:
            raise ClaimError(f"{what} was registered ready-made, without options; leave out {sorted(parsed.options)}")
        return as_under_test(registered)
    return as_under_test(build_with_options(what, registered, parsed.options))


def get_substrate(name: str) -> Any:
    """What is registered under ``name``: a class, a factory or a ready-made system.

    Raises:
        UnknownPluginError: no substrate has that name.
    """
    return SUBSTRATES.get(name)


def list_substrates() -> list[str]:
    """The names of all known substrates, sorted; nothing is imported for it."""
    return sorted(SUBSTRATES.names())


def as_under_test(system: Any) -> SubstrateUnderTest:
    """The system itself, or a thin base around a plug-in that has the methods of one without inheriting them.

    Raises:
        ClaimError: a method is missing.
    """
    if isinstance(system, SubstrateUnderTest):
        return system
    if isinstance(system, SubstrateProbe):
        return _ProbeSubstrate(system)
    raise ClaimError(
        f"{type(system).__name__} is no substrate; it needs name, reset, run_cycle, run_batch and git_commit"
    )


def _made_at(what: str, registered: Any, parsed: SubstrateSpec, spec: str) -> SubstrateUnderTest:
    factory = getattr(registered, "from_spec", None)
    if not isinstance(registered, type) or not callable(factory):
        raise ClaimError(f"{spec!r}: {parsed.place!r} is no option; write name:key=value,key=value")
    first = frozenset(list(accepted_keywords(factory))[:1])  # it takes the place, so no option may set it
    return as_under_test(build_with_options(what, factory, parsed.options, parsed.place, hidden=first))


class _ProbeSubstrate(SubstrateUnderTest):
    """A plug-in that has the four methods without inheriting them."""

    def __init__(self, probe: SubstrateProbe) -> None:
        self._probe = probe
        self.name = probe.name

    def git_commit(self) -> str:
        return self._probe.git_commit()

    def reset(self) -> None:
        self._probe.reset()

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        return self._probe.run_cycle(stimulus, params)

    def run_batch(self, stimuli: Sequence[Any], params: Mapping[str, Any] | None = None) -> list[CycleResult]:
        return self._probe.run_batch(stimuli, params)

    def __getattr__(self, name: str) -> Any:
        if name == "_probe":  # while the object is being unpickled
            raise AttributeError(name)
        return getattr(self._probe, name)


def _numbered(result: CycleResult, index: int) -> CycleResult:
    return result if result.cycle_index == index else replace(result, cycle_index=index)
