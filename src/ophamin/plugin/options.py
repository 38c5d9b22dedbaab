# SPDX-License-Identifier: Apache-2.0
"""The options: declared to pytest, read once into a value. The command line wins over the ini file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ophamin.measuring.attempts import Mode

__all__ = ["Options", "add_options", "read_options"]

DEFAULT_FOLDER = "proofs/latest"
DEFAULT_LEDGER = ".ophamin/ledger"
GATES = ("refuted", "inconclusive", "none")


@dataclass(frozen=True, slots=True)
class Options:
    """What a session was told.

    Attributes:
        folder: where records are written, absolute.
        seed: of streams and generators.
        first_attempt: number of each item's first attempt; above 1 when a rerun is repeated.
        substrates: specs from ``--substrate``.
        gate: verdicts that fail the session.
        ledger: folder of the ledger of attempts, absolute.
        mode: what is done with what the ledger holds.
        registers: write the collected claims into the lock, and try none.
        reason: why a registered claim changed.
        locked: without a lock the session does not begin.
        key_file: private key that signs the records; None for the one of the environment or the user.
        require_signature: a session without a key is an error.
        plan: print what each claim would cost and promise, and try none.
        against_itself: measure how far runs of the same system differ by noise, and try no claim.
        pilot: with ``plan``, run a few units of each claim to time them.
        audit: file or folder whose source code is audited, absolute; None audits nothing.
        audit_tools: names of the auditors; none for the default ones.
    """

    folder: Path
    seed: int = 0
    first_attempt: int = 1
    substrates: tuple[str, ...] = ()
    gate: frozenset[str] = frozenset({"refuted"})
    ledger: Path = Path(DEFAULT_LEDGER)
    mode: Mode = "continue"
    registers: bool = False
    reason: str = ""
    locked: bool = False
    key_file: Path | None = None
    require_signature: bool = False
    plan: bool = False
    pilot: bool = False
    against_itself: bool = False
    audit: Path | None = None
    audit_tools: tuple[str, ...] = ()

    @property
    def tries(self) -> bool:
        """Whether claims are tried in this session."""
        return not (self.plan or self.registers or self.against_itself)


def add_options(parser: pytest.Parser) -> None:
    """Declare the options and their ini values."""
    group = parser.getgroup("ophamin", "claims about stochastic systems (ophamin)")
    group.addoption(
        "--ophamin", action="store_true", help="try the scenarios, with all other tests; write a record of each claim"
    )
    group.addoption(
        "--substrate",
        action="append",
        metavar="NAME[:key=value,...]",
        help="system under test for scenarios that declare none; repeatable",
    )
    group.addoption("--ophamin-dir", metavar="DIR", help=f"where records are written (default: {DEFAULT_FOLDER})")
    group.addoption(
        "--ophamin-seed", metavar="SEED[.ATTEMPT]", help="seed of sampling orders and of the fixture rng (default: 0)"
    )
    group.addoption(
        "--ophamin-inconclusive",
        choices=("pass", "fail"),
        help="what an INCONCLUSIVE claim does to the session (default: pass, not blocking)",
    )
    group.addoption(
        "--ophamin-gate", metavar="LIST", help="verdicts that fail the session: refuted (default), inconclusive, none"
    )
    group.addoption(
        "--ophamin-plan",
        action="store_true",
        help="print what each claim would cost and promise: sample sizes, probability of each verdict; run nothing",
    )
    group.addoption(
        "--ophamin-pilot",
        action="store_true",
        help="with --ophamin-plan: run a few units of each claim, to tell the cost in seconds",
    )
    group.addoption(
        "--ophamin-aa",
        action="store_true",
        help="run each scenario against itself (40 runs) and store its noise floor under proofs/aa; no verdicts",
    )
    group.addoption(
        "--ophamin-resume",
        action="store_true",
        help="go on with claims that were undecided at their budget, with input not used before",
    )
    group.addoption(
        "--ophamin-fresh", action="store_true", help="begin a new, counted attempt instead of giving stored verdicts"
    )
    group.addoption(
        "--ophamin-register",
        action="store_true",
        help="write the collected claims into ophamin.lock, print what changed, and try none",
    )
    group.addoption("--ophamin-reason", metavar="TEXT", help="with --ophamin-register: why a registered claim changed")
    group.addoption("--ophamin-locked", action="store_true", help="fail where there is no ophamin.lock")
    group.addoption(
        "--ophamin-key-file",
        metavar="FILE",
        help="private key (PEM, Ed25519 or P-256) that signs the records; else OPHAMIN_SIGNING_KEY_FILE or "
        "OPHAMIN_SIGNING_KEY, else a key of your own, made once",
    )
    group.addoption(
        "--ophamin-require-signature", action="store_true", help="fail where there is no key to sign records with"
    )
    group.addoption(
        "--ophamin-audit",
        metavar="PATH",
        help="audit the source code below PATH with ruff, bandit, mypy and pip-audit; one test item for each tool",
    )
    parser.addini("ophamin_enabled", "try scenarios without --ophamin on the command line", type="bool", default=False)
    parser.addini("ophamin_substrate", "systems under test, as --substrate takes them", type="linelist", default=[])
    parser.addini("ophamin_dir", "where records are written", default=DEFAULT_FOLDER)
    parser.addini("ophamin_seed", "seed of sampling orders and of the fixture rng", default="0")
    parser.addini("ophamin_inconclusive", "pass or fail", default="pass")
    parser.addini("ophamin_gate", "verdicts that fail the session", default="refuted")
    parser.addini("ophamin_locked", "fail where there is no ophamin.lock", type="bool", default=False)
    parser.addini("ophamin_key_file", "private key that signs the records", default="")
    parser.addini("ophamin_require_signature", "fail where there is no key", type="bool", default=False)
    parser.addini("ophamin_audit", "file or folder whose source code is audited", default="")
    parser.addini("ophamin_audit_tools", "tools of --ophamin-audit; without, all four", type="args", default=[])
    parser.addini(
        "ophamin_ledger", "where attempts are noted, so that a rerun never starts over", default=DEFAULT_LEDGER
    )


def read_options(config: pytest.Config) -> Options:
    """The options of a session.

    Raises:
        pytest.UsageError: a value that is none of those allowed.
    """
    seed = str(_given(config, "ophamin_seed"))
    numbers = re.fullmatch(r"(\d{1,15})(?:\.([1-9]\d{0,4}))?", seed)
    if numbers is None:
        raise pytest.UsageError(f"--ophamin-seed is a whole number, or SEED.ATTEMPT; got {seed!r}")
    gate = {part.strip() for part in str(_given(config, "ophamin_gate")).split(",") if part.strip()}
    unknown = sorted(gate - set(GATES))
    if unknown or not gate:
        raise pytest.UsageError(
            f"--ophamin-gate takes {', '.join(GATES)}, separated by commas; got {', '.join(unknown) or 'nothing'}"
        )
    inconclusive = str(_given(config, "ophamin_inconclusive"))
    if inconclusive not in {"pass", "fail"}:
        raise pytest.UsageError(f"ophamin_inconclusive is pass or fail, got {inconclusive!r}")
    if inconclusive == "fail":
        gate.add("inconclusive")
    resume, fresh = config.getoption("ophamin_resume"), config.getoption("ophamin_fresh")
    if resume and fresh:
        raise pytest.UsageError("--ophamin-resume goes on, --ophamin-fresh begins anew; give one of them")
    if config.getoption("ophamin_pilot") and not config.getoption("ophamin_plan"):
        raise pytest.UsageError("--ophamin-pilot times units for --ophamin-plan; give both")
    if config.getoption("ophamin_plan") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--ophamin-plan tries nothing, so it needs no workers; leave out -n, or give -n 0")
    if config.getoption("ophamin_register") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--ophamin-register tries nothing, so it needs no workers; leave out -n, or give -n 0")
    if config.getoption("ophamin_reason") and not config.getoption("ophamin_register"):
        raise pytest.UsageError("--ophamin-reason says why a claim changed; give --ophamin-register with it")
    audit = str(config.getoption("ophamin_audit") or config.getini("ophamin_audit"))
    key_file = str(config.getoption("ophamin_key_file") or config.getini("ophamin_key_file"))
    return Options(
        folder=config.rootpath / str(_given(config, "ophamin_dir")),
        seed=int(numbers[1]),
        first_attempt=int(numbers[2] or 1),
        substrates=tuple(config.getoption("substrate") or config.getini("ophamin_substrate")),
        gate=frozenset(gate - {"none"}),
        ledger=config.rootpath / str(config.getini("ophamin_ledger")),
        mode="resume" if resume else "fresh" if fresh else "continue",
        registers=bool(config.getoption("ophamin_register")),
        reason=config.getoption("ophamin_reason") or "",
        locked=bool(config.getoption("ophamin_locked") or config.getini("ophamin_locked")),
        key_file=config.rootpath / key_file if key_file else None,
        require_signature=bool(
            config.getoption("ophamin_require_signature") or config.getini("ophamin_require_signature")
        ),
        plan=bool(config.getoption("ophamin_plan")),
        against_itself=bool(config.getoption("ophamin_aa")),
        pilot=bool(config.getoption("ophamin_pilot")),
        audit=config.rootpath / audit if audit else None,
        audit_tools=tuple(dict.fromkeys(config.getini("ophamin_audit_tools"))),
    )


def _given(config: pytest.Config, name: str) -> Any:
    value = config.getoption(name, None)
    return config.getini(name) if value is None else value
