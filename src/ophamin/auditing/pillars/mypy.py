# SPDX-License-Identifier: Apache-2.0
"""The pillar over mypy: listed files only, no configuration out of the tree, and one bad file never hides the others.

A configuration in the tree can name a plugin, which mypy imports and runs, and a Python interpreter, which it
executes; so mypy is given ours, or a trusted one, and works in an empty folder with a link to the tree. The types of
packages come from the environment that runs the audit; what a file imports is followed in silence. Comments that
suppress findings are honoured.

Mypy looks at a program as a whole, and stops for the whole where one file does not parse, cannot be read, or has the
module name of another. A file that does not parse keeps its findings; a namesake is checked in a run of its own; and
wherever a file has to stay out, mypy reads a stand-in in which everything is ``Any``, so that what imports it is
checked as far as it can be. Where mypy dies, the files are halved, without their imports, until the one that it died
of is found.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, final

from ophamin.auditing.base import PillarState
from ophamin.auditing.baseline import CONFIG_DIGEST_KEY
from ophamin.auditing.binaries import tool_environment
from ophamin.auditing.bisect import bisect
from ophamin.auditing.pillars.installed import installed_version
from ophamin.auditing.pillars.mypy_output import MypyOutput, read_output
from ophamin.auditing.pillars.mypy_view import TREE, MypyView
from ophamin.auditing.pillars.source_files import Look, SourceFilePillar
from ophamin.auditing.process import ToolRun
from ophamin.auditing.sessions import ToolSession, ToolStoppedError
from ophamin.core.canonical import content_hash
from ophamin.core.text import visible

__all__ = ["OWN_CONFIG", "MypyPillar"]

OWN_CONFIG: Final = f"""\
[mypy]
python_version = {sys.version_info.major}.{sys.version_info.minor}
allow_redefinition = False
check_untyped_defs = True
disable_bytearray_promotion = True
disable_memoryview_promotion = True
extra_checks = False
implicit_optional = False
implicit_reexport = True
local_partial_types = True
strict_equality = True
strict_optional = True
warn_no_return = True
warn_unused_ignores = False
"""
"""The configuration where no trusted one is given; what versions of mypy disagree on by default is said outright."""

_STAND_IN: Final = "stand_in.py"
_STAND_IN_TEXT: Final = "from typing import Any\ndef __getattr__(name: str) -> Any: ...\n"
_FIXED: Final = (
    "--output=json",
    "--verbose",  # its log names the files that it takes
    "--no-error-summary",
    "--explicit-package-bases",
    "--namespace-packages",
)
_MOST_RUNS: Final = 32
_MOST_PROBES: Final = 48
_DIES: Final = "it ends mypy by a crash"
_UNTRIED: Final = "mypy crashed too often to try it alone"
_UNRUN: Final = f"other files stopped mypy {_MOST_RUNS} times"
_NO_MODULE: Final = "it lies in a package whose name is no identifier"


@final
class MypyPillar(SourceFilePillar):
    """Findings of mypy over Python files.

    In ``extra`` of a finding: ``severity`` (error or note), ``end_line``, ``end_column``. A file that does not parse
    counts as seen, and is named under ``unparsed``.

    Example:
        >>> MypyPillar().name
        'mypy'
    """

    name = "mypy"
    tool_binary = "mypy"
    config_names: ClassVar[tuple[str, ...]] = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")

    def look(self, look: Look, session: ToolSession) -> None:
        """Check the listed files; see `SourceFilePillar.look`."""
        look.version = self._version(session.binary)
        view = MypyView.of(look.listing.root)
        view.link_into(session.cwd)
        (session.cwd / _STAND_IN).write_text(_STAND_IN_TEXT, encoding="utf-8")
        session.environment = tool_environment() | {"MYPYPATH": view.bases}
        configured = _configured(look, session.cwd)
        # For each tree its own: mypy knows a file by its path below the link, its size and its second.
        cache = look.cache_folder("mypy", look.extra[CONFIG_DIGEST_KEY], str(look.listing.root))
        arguments = [*_FIXED, *configured, f"--cache-dir={cache or session.cwd / 'cache'}"]
        _Check(look, session, view, arguments, cache).run()

    def _version(self, binary: Path) -> str:
        """Name and number, without how it was built; asking mypy itself takes as long as a warm run."""
        installed = installed_version(binary, self.tool_binary)
        return f"mypy {installed}" if installed else " ".join(self.tool_version().split()[:2])


def _configured(look: Look, cwd: Path) -> list[str]:
    """The arguments that name the configuration, whose digest goes into the record."""
    if look.config:
        look.extra[CONFIG_DIGEST_KEY] = look.config.digest
        return [f"--config-file={look.config.path}"]
    look.extra[CONFIG_DIGEST_KEY] = content_hash([OWN_CONFIG, _FIXED])
    config = cwd / "mypy.ini"
    config.write_text(OWN_CONFIG, encoding="utf-8")
    return [f"--config-file={config}", f"--python-executable={sys.executable}"]


@dataclass(slots=True)
class _Check:
    """The runs over one tree, until every file has been checked or is known to be in the way.

    ``files`` are still to be checked, ``namesakes`` after them; ``stand_ins`` are paths that mypy must not read;
    ``cache`` is a folder that earlier runs have filled, or None.
    """

    look: Look
    session: ToolSession
    view: MypyView
    arguments: list[str]
    cache: Path | None
    files: list[str] = field(default_factory=list)
    namesakes: list[str] = field(default_factory=list)
    stand_ins: set[str] = field(default_factory=set)

    def run(self) -> None:
        listed = self.look.listing.files
        self.files = [name for name in listed if self.view.has_module(name)]
        self.look.missed |= dict.fromkeys(set(listed).difference(self.files), _NO_MODULE)
        for _ in range(_MOST_RUNS):
            if not self.files:
                self.files, self.namesakes = self.namesakes, []
            if not self.files:
                return
            ran = self.session.run(*self.arguments, "--follow-imports=silent", *self._words(self.files))
            if ran.failure:
                self._find_fatal()
                continue
            output = _understood(ran)
            if output.stopped:
                self._make_way(output, ran)
            else:
                self._keep(output)
        self.look.missed |= dict.fromkeys([*self.files, *self.namesakes], _UNRUN)

    def _keep(self, output: MypyOutput) -> None:
        """Take the findings of a run that came to its end."""
        asked = set(self.files)
        taken = asked.intersection(map(self.view.name, output.modules))
        self._note(output, asked)
        self.look.seen |= taken
        self.look.missed |= dict.fromkeys(asked - taken, "mypy does not say that it took it")
        self.files = []

    def _make_way(self, output: MypyOutput, ran: ToolRun) -> None:
        """Put aside the files that stopped mypy."""
        culprits = {path: reason for path, reason in output.culprits().items() if path.startswith(f"{TREE}/")}
        fresh = culprits.keys() - self.stand_ins
        late = set(map(self.view.name, output.namesakes()))
        if not late and not fresh:
            self._begin_anew(f"mypy {ran.how_it_ended}: {output.complaint}")
            return
        self.stand_ins |= fresh
        put_aside = {self.view.name(path) for path in fresh}.intersection(self.files)
        unparsed = put_aside.intersection(map(self.view.name, output.unparsed()))
        self._note(output, unparsed)
        self.look.unparsed |= unparsed
        self.look.seen |= unparsed
        self.look.missed |= {name: culprits[self.view.path(name)] for name in put_aside - unparsed}
        self.namesakes += [name for name in self.files if name in late - put_aside]
        self.files = [name for name in self.files if name not in late | put_aside]

    def _find_fatal(self) -> None:
        """Find the files that mypy dies of."""

        def survives(part: Sequence[str]) -> bool | None:
            alone = ("--follow-imports=skip", f"--cache-dir={self.session.cwd / 'probes'}")
            return None if self.session.ask(*self.arguments, *alone, *self._words(part)).failure else True

        outcome = bisect(self.files, survives, most_runs=_MOST_PROBES)
        put_aside = {*outcome.fatal, *outcome.untried}
        if not put_aside:
            self._begin_anew("mypy crashes over all files together, and over none alone")
            return
        self.look.missed |= dict.fromkeys(outcome.fatal, _DIES) | dict.fromkeys(outcome.untried, _UNTRIED)
        self.stand_ins |= set(map(self.view.path, put_aside))
        self.files = [name for name in self.files if name not in put_aside]

    def _begin_anew(self, told: str) -> None:
        """Drop the cache, which may be what stops mypy; where there was none, end.

        Raises:
            ToolStoppedError: there was none.
        """
        if self.cache is None:
            raise ToolStoppedError(PillarState.CRASHED, told)
        shutil.rmtree(self.cache, ignore_errors=True)
        self.cache = None

    def _note(self, output: MypyOutput, files: set[str]) -> None:
        root, severities = self.session.cwd / self.view.link, self.look.options.severities
        for message in output.messages:
            name = self.view.name(message.file)
            if name in files:
                self.look.findings.append(message.finding(name, root, severities))

    def _words(self, names: Sequence[str]) -> list[str]:
        """Some files and the stand-ins as arguments, in a file of arguments where they can stand in one."""
        words = [self.view.path(name) for name in names]
        for path in sorted(self.stand_ins.difference(words)):
            words += ["--shadow-file", path, _STAND_IN]
        # Such a file is cut at every line end that Unicode knows: what follows one in a name would be an option.
        if any(len(word.splitlines()) != 1 for word in words):
            return words
        (self.session.cwd / "arguments").write_text("\n".join(words), encoding="utf-8")
        return ["@arguments"]


def _understood(ran: ToolRun) -> MypyOutput:
    try:
        return read_output(ran)
    except (ValueError, TypeError, LookupError, SyntaxError, RecursionError) as error:
        what = visible(f"{type(error).__name__}: {error}")[:200]
        told = f"mypy printed what is not known here ({what}); use a version from 1.11 to 2.4"
        raise ToolStoppedError(PillarState.INVALID_OUTPUT, told) from None
