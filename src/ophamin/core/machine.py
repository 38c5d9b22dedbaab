# SPDX-License-Identifier: Apache-2.0
"""What kind of machine this is, so that numbers measured on two of them can be told apart.

It names a kind, never one machine: no host, user, path, serial number or address is asked for. What cannot be read
is ``unknown``; nothing is raised.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ophamin.core.canonical import content_hash
from ophamin.core.environment import environment_lock
from ophamin.core.text import visible

__all__ = ["UNKNOWN", "differences", "machine_class", "machine_fingerprint"]

UNKNOWN: Final = "unknown"

CPU_INFO: Final = Path("/proc/cpuinfo")
OS_RELEASE: Final = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
MOST_BYTES: Final = 2**16
LONGEST: Final = 120

# What psutil raises, besides its own error, where a container hides the files that it reads.
_HIDDEN = (OSError, RuntimeError, LookupError, ValueError, AttributeError)
_CPU_LINE = re.compile(r"^(model name|CPU implementer|CPU part)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE)
_OS_LINE = re.compile(r"""^(ID|VERSION_ID)=(["']?)([\w.+-]+)\2[ \t]*$""", re.MULTILINE | re.ASCII)
_RELEASE = re.compile(r"\d+\.\d+")


@cache
def machine_fingerprint() -> Mapping[str, str]:
    """The kind of this machine, in words.

    Returns:
        ``architecture``; ``cores`` (physical and logical, of the machine, not those a container may use); ``cpu``
        (model); ``kernel`` (name, major and minor number); ``libraries`` (digest of the versions of all installed
        distributions); ``memory`` (GiB, to the nearest power of two or one and a half times one); ``os`` (image and
        its version); ``python`` (implementation and version).

    Example:
        >>> sorted(machine_fingerprint())
        ['architecture', 'cores', 'cpu', 'kernel', 'libraries', 'memory', 'os', 'python']
    """
    import platform

    found = {
        "architecture": platform.machine(),
        "cores": _cores(),
        "cpu": _cpu(),
        "kernel": _numbered(platform.system(), platform.release()),
        "libraries": _libraries(),
        "memory": _memory(),
        "os": _os(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    return MappingProxyType({name: _plain(text) or UNKNOWN for name, text in found.items()})


def machine_class(fingerprint: Mapping[str, str]) -> str:
    """A short name for a kind of machine: 12 hex digits of the SHA-256 over all of its fingerprint.

    Example:
        >>> machine_class({"cpu": "Z80", "memory": "1 GiB"}) == machine_class({"memory": "1 GiB", "cpu": "Z80"})
        True
        >>> machine_class({"cpu": "Z80"})
        'e0de20aa774b'
    """
    return content_hash(dict(fingerprint))[:12]


def differences(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between two fingerprints, one line for each name, in the order of the names.

    A name that one side lacks is listed too. The lines can be shown as they are: what a terminal would act on is
    made visible.

    Example:
        >>> differences({"cpu": "Z80", "os": "cpm 2"}, {"cpu": "6502", "os": "cpm 2", "gpu": "none"})
        ('cpu: Z80 -> 6502', 'gpu: (not recorded) -> none')
    """
    return tuple(
        f"{_plain(name)}: {_side(a.get(name))} -> {_side(b.get(name))}"
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    )


def _side(text: str | None) -> str:
    return "(not recorded)" if text is None else _plain(text)


def _plain(text: str) -> str:
    """One line that can be shown, cut where it is long."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _cpu() -> str:
    """The model of the first processor; on ARM, where Linux gives no model, the kinds of its cores."""
    import platform

    found: dict[str, list[str]] = {}
    for name, text in _CPU_LINE.findall(_head(CPU_INFO)):
        found.setdefault(name, []).append(text)
    if "model name" in found:
        return found["model name"][0]
    kinds = set(zip(found.get("CPU implementer", ()), found.get("CPU part", ()), strict=False))
    return ", ".join(sorted(f"{maker.strip()}/{part.strip()}" for maker, part in kinds)) or platform.processor()


def _cores() -> str:
    import psutil

    physical = None
    with suppress(*_HIDDEN, psutil.Error):
        physical = psutil.cpu_count(logical=False)
    return f"{physical or UNKNOWN} physical, {os.cpu_count() or UNKNOWN} logical"


def _memory() -> str:
    import psutil

    with suppress(*_HIDDEN, psutil.Error):
        return _memory_class(psutil.virtual_memory().total)
    return UNKNOWN


def _memory_class(size: int) -> str:
    """The nearest size that memory is sold in: what a kernel keeps for itself makes no other machine.

    >>> _memory_class(25_276_514_304), _memory_class(16 * 2**30), _memory_class(2**29)
    ('24 GiB', '16 GiB', '0.5 GiB')
    """
    if size <= 0:
        return UNKNOWN
    octave, half = divmod(round(2.0 * math.log2(size / 2**30)), 2)
    return f"{2.0**octave * (1.5 if half else 1.0):g} GiB"


def _os() -> str:
    import platform

    for path in OS_RELEASE:
        found = {name: text for name, _, text in _OS_LINE.findall(_head(path))}
        if "ID" in found:
            return f"{found['ID']} {found.get('VERSION_ID', '')}"
    if version := platform.mac_ver()[0]:
        return _numbered("macos", version)
    return f"windows {platform.win32_ver()[1]}" if platform.system() == "Windows" else ""


def _numbered(name: str, release: str) -> str:
    """A name with major and minor number: what follows may name a build, a vendor or a host."""
    number = _RELEASE.match(release)
    return f"{name} {number[0] if number else ''}"


def _libraries() -> str:
    """The lock without what the fingerprint says itself."""
    return content_hash(
        {name: text for name, text in environment_lock().items() if name not in {"python", "platform"}}
    )[:16]


def _head(path: Path) -> str:
    """The beginning of a regular file; empty where there is none that can be read. It never waits for a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                with open(descriptor, "rb", closefd=False) as handle:
                    return handle.read(MOST_BYTES).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    return ""
