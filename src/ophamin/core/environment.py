# SPDX-License-Identifier: Apache-2.0
"""What this process runs in: installed versions, the commit of a tree, and what must not leave the machine.

The one module that reads environment variables for what is in them. It reports facts; it configures nothing. What
is asked once is remembered for the life of the process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ophamin.core.canonical import content_hash
from ophamin.core.redaction import TextRedactor

__all__ = [
    "GitFacts",
    "Redactor",
    "environment_digest",
    "environment_lock",
    "git_facts",
    "library_version",
    "ophamin_commit",
    "ophamin_version",
    "untracked_files",
]

DISTRIBUTION: Final = "pytest-ophamin"
GIT_SECONDS: Final = 10.0

_HEADER = re.compile(r"^(Name|Version):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# Set inside a hook of git, these would point it at another repository than the one that was asked about.
_GIT_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASS|AUTH|CREDENTIAL|PRIVATE", re.IGNORECASE)
# Locale, terminal, names that are handled as names, the running test, and public facts of a build.
_PLAIN_NAME = re.compile(
    r"LC_\w+|LANG(?:UAGE)?|TZ|TERM\w*|COLORTERM|LS_COLORS|USER(?:NAME)?|LOGNAME|HOST(?:NAME)?|COMPUTERNAME"
    r"|PYTEST_CURRENT_TEST|(?:\w+_)?(?:SHA\d*|COMMIT|REVISION|REF|BRANCH|REPOSITORY|WORKFLOW)(?:_\w+)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[\\/][^\s]*|~\S*|\.\S*|")
_ORIGIN = re.compile(r"https?://[\w.-]+/?")
# fmt: off
_GENERIC = frozenset({
    "admin", "administrator", "app", "build", "builder", "circleci", "codespace", "computer", "default",
    "dev", "docker", "guest", "home", "host", "jenkins", "localhost", "localdomain", "macbook", "nobody",
    "node", "none", "python", "root", "runner", "runneradmin", "test", "ubuntu", "user", "vagrant",
    "vscode", "work",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class GitFacts:
    """The state of one work tree.

    Attributes:
        commit: the full object id of HEAD, or empty where it is not known.
        dirty: whether tracked files differ from it; None where that is not known.
        shallow: whether the history is cut off.
        tree: the object id of that commit's tree, or empty.
    """

    commit: str
    dirty: bool | None
    shallow: bool
    tree: str = ""


class Redactor(TextRedactor):
    """A `TextRedactor` that knows this process."""

    __slots__ = ()

    @classmethod
    def from_process(cls, root: Path | None) -> Redactor:
        """Read what must not leave the machine: home, user, host, and the values of environment variables.

        A value counts when its variable has a name like that of a secret and it has at least 6 characters, or
        when it has at least 12 and is no list of paths, locale, terminal or public fact of the build.

        Args:
            root: the project, written as ``.``; None for none.
        """
        home = _home()
        paths = dict.fromkeys(_spellings(home), "~") | dict.fromkeys(_spellings(root), ".")
        return cls(paths=paths, values=_environment_values(os.environ), names=_machine_names(home))


@cache
def environment_lock() -> Mapping[str, str]:
    """Versions of Python, of the platform, and of every installed distribution.

    Returns:
        ``python``, ``platform``, then distribution name to version, ordered by lower-cased name. Where a
        distribution is installed twice the one that is imported counts, the first on ``sys.path``.

    Example:
        >>> list(environment_lock())[:2]
        ['python', 'platform']
    """
    import platform

    found: dict[str, tuple[str, str]] = {}
    for name, version in _distributions():
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), (name, version))
    lock = {"python": platform.python_version(), "platform": platform.platform()}
    for name, version in sorted(found.values(), key=lambda entry: (entry[0].lower(), entry[0])):
        lock.setdefault(name, version)
    return MappingProxyType(lock)


@cache
def environment_digest() -> str:
    """SHA-256 in hex over the canonical form of `environment_lock`."""
    return content_hash(dict(environment_lock()))


@cache
def library_version(name: str) -> str:
    """The installed version of a distribution, or ``unknown``.

    >>> library_version("no-such-distribution")
    'unknown'
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name) or "unknown"
    except (PackageNotFoundError, ValueError, KeyError):
        return "unknown"


def ophamin_version() -> str:
    """The installed version of ophamin, or ``unknown`` where it runs from a bare source tree."""
    return library_version(DISTRIBUTION)


def git_facts(tree: Path) -> GitFacts:
    """Ask git about the work tree that holds the folder ``tree``, once per process and folder.

    Untracked files do not make it dirty. Where git is missing, takes more than 10 s for an answer, or knows no commit
    there, the commit is empty and ``dirty`` is None; nothing is raised.

    >>> git_facts(Path("/no/such/folder"))
    GitFacts(commit='', dirty=None, shallow=False, tree='')
    """
    try:
        return _git_facts(Path(os.path.realpath(tree)))
    except (OSError, ValueError):  # a path that no system takes
        return GitFacts("", None, shallow=False)


def untracked_files(tree: Path) -> tuple[str, ...] | None:
    """Files and folders that git neither tracks nor ignores, relative to ``tree``; None where git cannot say.

    >>> untracked_files(Path("/no/such/folder")) is None
    True
    """
    told = _git(tree, "ls-files", "--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z")
    return None if told is None else tuple(name for name in told.split("\0") if name)


@cache
def ophamin_commit() -> str:
    """The commit of ophamin's own source, or empty where it does not run from a checkout of its own."""
    checkout = _own_checkout(Path(__file__).resolve().parents[1])
    return git_facts(checkout).commit if checkout else ""


@cache
def _git_facts(tree: Path) -> GitFacts:
    head = (_git(tree, "rev-parse", "HEAD", "HEAD^{tree}", "--is-shallow-repository") or "").split()
    if len(head) != 3 or not all(map(_COMMIT.fullmatch, head[:2])):
        return GitFacts("", None, shallow=False)
    changes = _git(tree, "status", "--porcelain", "--untracked-files=no")
    return GitFacts(head[0], None if changes is None else bool(changes), shallow=head[2] == "true", tree=head[1])


def _git(tree: Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails; it takes no locks, asks no questions and starts no watcher."""
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in _GIT_PLACES}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(tree), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def _own_checkout(package: Path) -> Path | None:
    """The top of the checkout that ``package`` is the source of; None for an installed copy."""
    import tomllib

    top = package.parents[1]
    if not (top / ".git").exists():
        return None
    with suppress(OSError, ValueError):
        project = tomllib.loads((top / "pyproject.toml").read_text("utf-8")).get("project", {})
        return top if project.get("name") == DISTRIBUTION else None
    return None


def _distributions() -> Iterator[tuple[str, str]]:
    """Name and version out of each head of metadata; parsing the whole would take ten times as long."""
    from importlib.metadata import distributions

    for distribution in distributions():
        text = ""
        with suppress(OSError, UnicodeDecodeError):
            text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        head = dict(reversed(_HEADER.findall(text.replace("\r\n", "\n").partition("\n\n")[0])))
        if "Name" in head:
            yield head["Name"], head.get("Version", "unknown")


def _home() -> Path | None:
    with suppress(RuntimeError, OSError):
        return Path.home()
    return None


def _spellings(path: Path | None) -> set[str]:
    """A folder as it may be written: as given, resolved, with forward and with doubled backward slashes."""
    if path is None:
        return set()
    found: set[str] = set()
    for spelled in (path.absolute(), Path(os.path.realpath(path))):
        if spelled != spelled.parent:
            found |= {str(spelled), spelled.as_posix(), str(spelled).replace("\\", "\\\\")}
    return found


def _environment_values(environ: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, raw in sorted(environ.items()):
        value = raw.strip()
        if _SECRET_NAME.search(name):
            # A key of several lines is also recognised by one of them.
            texts = {text for text in (value, *map(str.strip, value.splitlines())) if len(text) >= 6}
        else:
            texts = set() if len(value) < 12 or _is_plain(name, value) else {value}
        for text in texts:
            values.setdefault(text, f"<env:{name}>")
    return values


def _is_plain(name: str, value: str) -> bool:
    if _PLAIN_NAME.fullmatch(name) or _ORIGIN.fullmatch(value):
        return True
    return all(_ABSOLUTE.fullmatch(part) for part in value.split(os.pathsep))


def _machine_names(home: Path | None) -> dict[str, str]:
    import getpass
    import socket

    users, hosts = {home.name if home else ""}, {socket.gethostname()}
    with suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    users |= {os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")}
    hosts |= {os.environ.get(name, "") for name in ("HOSTNAME", "COMPUTERNAME")}
    hosts |= {host.partition(".")[0] for host in hosts}
    names = dict.fromkeys(hosts, "<host>") | dict.fromkeys(users, "<user>")
    return {name: mark for name, mark in names.items() if len(name) >= 3 and name.lower() not in _GENERIC}
