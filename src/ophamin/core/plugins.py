# SPDX-License-Identifier: Apache-2.0
"""One kind of plug-in, by name.

Plug-ins come by two doors: registered in this process, or offered by an installed distribution through an entry
point. Entry points are listed without importing them and loaded when asked for. A plug-in needs no base class; it
satisfies a protocol by having its members. What a plug-in does with them is not checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ophamin.core.text import visible
from ophamin.errors import OphaminError, nearest_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "DuplicatePluginError",
    "PluginProtocolViolationError",
    "Registry",
    "RegistryError",
    "UnknownPluginError",
    "missing_members",
]

T = TypeVar("T")


class RegistryError(OphaminError):
    """Something is wrong with a plug-in: its name, its form, or its import."""


class DuplicatePluginError(RegistryError):
    """Two plug-ins claim one name."""

    def __init__(self, kind: str, key: str, existing: object, incoming: object) -> None:
        super().__init__(
            f"two plug-ins are the {kind} {key!r}: {_describe(existing)} and {_describe(incoming)}; "
            "rename or remove one of them"
        )
        self.kind, self.key, self.existing, self.incoming = kind, key, existing, incoming


class PluginProtocolViolationError(RegistryError):
    """A plug-in lacks members of its protocol."""

    def __init__(self, protocol: type, offending: object, problem: str = "") -> None:
        missing = ", ".join(missing_members(protocol, offending))
        problem = problem or (f"it lacks {missing}; add what is missing" if missing else "derive it from that class")
        super().__init__(f"{_describe(offending)} is no {protocol.__name__}: {problem}")
        self.protocol, self.offending = protocol, offending


class UnknownPluginError(RegistryError, KeyError, ValueError):
    """No plug-in has that name."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show it in quotes


class Registry(Generic[T]):
    """Names to plug-ins of one kind.

    Args:
        kind: what the plug-ins are, in one word, for messages.
        protocol: a protocol, whose members are looked for, or a class to be an instance of; ``object`` takes anything.
        group: the entry-point group; empty for a kind that has none.
        key: gives the name of a plug-in that is registered without one.
        accepts_classes: whether a class may be registered in the place of an instance. On a class that defines
            ``__init__`` only methods are looked for, since plain attributes may be set there.

    Example:
        >>> registry = Registry("codec", object, "")
        >>> registry.register(len, "length") is registry["length"]
        True
        >>> registry.get("lenght")
        Traceback (most recent call last):
        ...
        ophamin.core.plugins.UnknownPluginError: no codec is named 'lenght'; did you mean 'length'? Known: length
    """

    def __init__(
        self,
        kind: str,
        protocol: type,
        group: str,
        *,
        key: Callable[[T], str] | None = None,
        accepts_classes: bool = False,
    ) -> None:
        self.kind = kind
        self.protocol = protocol
        self.group = group
        self._key = key
        self._accepts_classes = accepts_classes
        self._registered: dict[str, T] = {}
        self._loaded: dict[str, T] = {}

    def register(self, plugin: T, name: str | None = None) -> T:
        """Add ``plugin`` under ``name``, or under the name that ``key`` gives it, and hand it back.

        It goes before an entry point of that name. To register the same object again changes nothing.

        Raises:
            DuplicatePluginError: another object has that name.
            PluginProtocolViolationError: the plug-in lacks members.
            RegistryError: there is no name, or it is no text.
        """
        self._check(plugin)
        if name is None and self._key is not None:
            name = self._key(plugin)
        if not isinstance(name, str) or not name:
            raise RegistryError(f"the {self.kind} {_describe(plugin)} has the name {name!r}; give a text: name='...'")
        existing = self._registered.setdefault(name, plugin)
        if existing is not plugin:
            raise DuplicatePluginError(self.kind, name, existing, plugin)
        return plugin

    def unregister(self, name: str) -> None:
        """Take a plug-in of this process out again; an entry point of that name shows again.

        Raises:
            UnknownPluginError: nothing was registered under that name in this process.
        """
        if name not in self._registered:
            raise self._unknown(name, self._registered)
        del self._registered[name]

    def get(self, name: str) -> T:
        """The plug-in of that name; an entry point is imported now.

        Raises:
            UnknownPluginError: with the nearest name.
            DuplicatePluginError: two distributions offer that name.
            PluginProtocolViolationError: what the entry point names lacks members.
            RegistryError: the entry point cannot be imported.
        """
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(self._offer(name))
        return self._loaded[name]

    def origin(self, name: str) -> str:
        """The distribution that offers ``name``, or the module that registered it; nothing is imported.

        Raises:
            UnknownPluginError: no plug-in has that name.
            DuplicatePluginError: two distributions offer it.
        """
        if name in self._registered:
            plugin = self._registered[name]
            return str(getattr(plugin, "__module__", None) or type(plugin).__module__)
        return _distribution(self._offer(name))

    def names(self) -> list[str]:
        """Every name, sorted, entry points included."""
        return sorted(self._registered.keys() | self._offers.keys())

    def items(self) -> Iterator[tuple[str, T]]:
        """Names and plug-ins by name; each entry point is imported when its turn comes."""
        return ((name, self.get(name)) for name in self.names())

    def __getitem__(self, name: str) -> T:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._registered or name in self._offers

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {self.names()})"

    @cached_property
    def _offers(self) -> dict[str, list[EntryPoint]]:
        """Entry points by name, one for each distribution that offers it."""
        offers: dict[str, list[EntryPoint]] = {}
        if self.group:
            from importlib.metadata import entry_points  # late: it costs more than the rest of this module

            for point in entry_points(group=self.group):
                same_name = offers.setdefault(point.name, [])
                if _describe(point) not in map(_describe, same_name):
                    same_name.append(point)
        return offers

    def _offer(self, name: str) -> EntryPoint:
        points = self._offers.get(name, [])
        if not points:
            raise self._unknown(name, self)
        if len(points) > 1:
            raise DuplicatePluginError(self.kind, name, points[0], points[1])
        return points[0]

    def _load(self, point: EntryPoint) -> T:
        try:
            plugin: T = point.load()
        except (Exception, SystemExit) as error:  # a foreign module may fail in any way
            raise RegistryError(
                f"the {self.kind} {point.name!r} ({_describe(point)}) cannot be imported: "
                f"{type(error).__name__}: {visible(str(error))}; mend or uninstall that distribution"
            ) from error
        self._check(plugin)
        return plugin

    def _check(self, plugin: T) -> None:
        if isinstance(plugin, type) and not self._accepts_classes and self.protocol is not object:
            raise PluginProtocolViolationError(self.protocol, plugin, "it is a class; register an instance of it")
        if not _satisfies(self.protocol, plugin):
            raise PluginProtocolViolationError(self.protocol, plugin)

    def _unknown(self, name: str, known: Any) -> UnknownPluginError:
        return UnknownPluginError(f"no {self.kind} is named {name!r}; {nearest_name(str(name), known)}")


def missing_members(protocol: type, plugin: object) -> tuple[str, ...]:
    """The members of ``protocol`` that ``plugin``, an object or a class, does not have; sorted.

    For a class, a member that is only annotated counts as there, and where it defines ``__init__`` only methods are
    looked for.

    >>> from ophamin.protocols import SubstrateProbe
    >>> missing_members(SubstrateProbe, "text")
    ('git_commit', 'name', 'reset', 'run_batch', 'run_cycle')
    """
    present = set(dir(plugin))
    if isinstance(plugin, type):
        present.update(*(vars(base).get("__annotations__", ()) for base in plugin.__mro__))
        if any("__init__" in vars(base) for base in plugin.__mro__[:-1]):
            present.update(name for name in _members(protocol) if not hasattr(protocol, name))
    return tuple(sorted(name for name in _members(protocol) if name not in present and not hasattr(plugin, name)))


def _satisfies(protocol: type, plugin: object) -> bool:
    if getattr(protocol, "_is_protocol", False):
        return not missing_members(protocol, plugin)
    return issubclass(plugin, protocol) if isinstance(plugin, type) else isinstance(plugin, protocol)


def _members(protocol: type) -> set[str]:
    members: set[str] = set()
    for base in protocol.__mro__:
        if getattr(base, "_is_protocol", False) and base.__module__ != "typing":
            named = {*vars(base).get("__annotations__", ()), *vars(base)}
            members |= {name for name in named if not name.startswith("_")} | (named & {"__call__"})
    return members


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(":")[0]


def _describe(thing: object) -> str:
    """Where a plug-in comes from, without asking it: its own ``__repr__`` may be anything."""
    from importlib.metadata import EntryPoint

    if isinstance(thing, EntryPoint):
        return f"{thing.value} of {_distribution(thing)}"
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    suffix = "" if named is thing else " instance"
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}{suffix}"
