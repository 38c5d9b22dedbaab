# SPDX-License-Identifier: Apache-2.0
"""A trial without pytest: drive the body, conclude, hand back the records. No file is written."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ophamin.core.environment import Redactor
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.trial import Concluded, Situation, Trial
from ophamin.seeing.substrate.base import SubstrateUnderTest, make_substrate
from ophamin.seeing.substrate.function import as_substrate

if TYPE_CHECKING:
    from ophamin.measuring.proof.record import EmpiricalProofRecord
    from ophamin.measuring.script import Script
    from ophamin.seeing.substrate.arms import Arms

__all__ = ["INJECTED", "arms_of", "as_system", "conduct", "conduct_all", "injectable", "run_script"]

INJECTED = ("arms", "claim", "corpus", "rng", "stream", "substrate", "trial")
"""What a scenario's body can ask for by name, with and without pytest."""


def conduct(
    test: Callable[..., Any], substrate: Any = None, *, seed: int = 0, root: Path | None = None
) -> EmpiricalProofRecord:
    """Try a scenario here and now, and return its record.

    Args:
        test: a function under ``@scenario``.
        substrate: the system under test; default: what the scenario declares.
        seed: of the stream's order and of ``rng``.
        root: folder that a corpus path starts from; default: the current one.

    Raises:
        ClaimError: no scenario; several claims (use `conduct_all`); a parameter that is none of the trial's own.

    Example:
        >>> from ophamin import conduct, rate, scenario
        >>> @scenario("heads are not rare", rate("heads") >= 0.2)
        ... def test_coin(trial, rng):
        ...     '''Is the coin usable?'''
        ...     for _ in range(50):
        ...         trial.observe(heads=bool(rng.random() < 0.5))
        >>> conduct(test_coin).verdict.outcome
        'VALIDATED'
    """
    records = conduct_all(test, substrate, seed=seed, root=root)
    if len(records) > 1:
        raise ClaimError(f"{test.__name__} makes {len(records)} claims; use conduct_all() of ophamin.measuring.conduct")
    return records[0]


def conduct_all(
    test: Callable[..., Any], substrate: Any = None, *, seed: int = 0, root: Path | None = None
) -> tuple[EmpiricalProofRecord, ...]:
    """Like `conduct`, for a scenario with several claims: one record each, from one run."""
    declaration = getattr(test, "__ophamin_scenario__", None)
    if declaration is None:
        raise ClaimError(f"{getattr(test, '__name__', test)!r} is no scenario; decorate it with @scenario")
    folder = root or Path.cwd()
    name = f"{test.__module__}.{test.__qualname__}"
    script = declaration.compile(test, name=name, root=folder)
    compares = "arms" in inspect.signature(test).parameters
    arms = arms_of(declaration.substrates, lambda _, named: as_system(named)) if compares else None
    system = as_system(substrate) if substrate is not None else None
    if system is None and arms is None:
        system = _declared_system(declaration.substrates, test.__name__)
    door = "conduct" if len(script.plans) == 1 else "conduct_all"
    given = "" if substrate is None else f"{substrate!r}, " if isinstance(substrate, str) else "SUBSTRATE, "
    imports = f"from ophamin.measuring.conduct import {door}; from {test.__module__} import {test.__name__}"
    command = shlex.join(["python", "-c", f"{imports}; {door}({test.__name__}, {given}seed={seed})"])
    concluded = run_script(script, system, _body(test), command=command, seed=seed, root=folder, arms=arms)
    return tuple(one.record for one in concluded)


def run_script(
    script: Script,
    system: SubstrateUnderTest | None,
    body: Callable[[Trial], Any],
    *,
    command: str,
    seed: int = 0,
    root: Path,
    arms: Mapping[str, SubstrateUnderTest] | None = None,
) -> tuple[Concluded, ...]:
    """Open a trial, let ``body`` drive it, conclude. An error of the body passes through; no record is made then."""
    trial = Trial(script, Situation(command=command, root=root, seed=seed, redact=Redactor.from_process(root).redact))
    trial.open()
    if system is not None:
        trial.attach(system)
    if arms:
        trial.attach_arms(arms)
    body(trial)
    concluded = trial.conclude()
    for one in concluded:
        if one.error is not None:
            raise one.error
    return concluded


def as_system(value: Any) -> SubstrateUnderTest:
    """A system under test from what users have: one already, a spec such as ``mock:seed=3``, or any callable.

    >>> as_system(len).run_cycle("four").raw
    {'value': 4}
    """
    if isinstance(value, str):
        return make_substrate(value)
    if isinstance(value, type) and issubclass(value, SubstrateUnderTest):
        return value()
    return as_substrate(value)


def arms_of(
    declared: Mapping[str, Any], make: Callable[[str, Any], SubstrateUnderTest], *, self_comparison: bool = False
) -> dict[str, SubstrateUnderTest]:
    """The systems of a comparison, each made for its arm alone.

    Args:
        declared: name of the arm -> what was declared for it.
        make: gives the system of an arm.
        self_comparison: all arms are what is declared for ``base``, or for the first arm.

    Raises:
        ClaimError: two arms are one and the same object.
    """
    if self_comparison and declared:
        first = next(iter(declared.values()))
        return {arm: make(arm, declared.get("base", first)) for arm in declared}
    objects: dict[int, str] = {}
    for arm, named in declared.items():
        other = arm if isinstance(named, str) else objects.setdefault(id(named), arm)
        if other != arm:
            raise ClaimError(f"the arms {other!r} and {arm!r} are one and the same object; give two instances of it")
    return {arm: make(arm, named) for arm, named in declared.items()}


def injectable(trial: Trial) -> Mapping[str, Callable[[], Any]]:
    """How each name in `INJECTED` is made; late, since a generator or a stream costs something."""
    claims = trial.script.plans
    return {
        "arms": lambda: _arms_of(trial),
        "claim": lambda: claims[0].claim() if len(claims) == 1 else tuple(plan.claim() for plan in claims),
        "corpus": lambda: trial.script.corpus,
        "rng": lambda: trial.rng,
        "stream": lambda: trial.stream,
        "substrate": lambda: trial.substrate,
        "trial": lambda: trial,
    }


def _arms_of(trial: Trial) -> Arms:
    if trial.arms is None:
        raise ClaimError(
            f"{trial.script.metadata.name} asks for arms and declares none; "
            "write substrates={'base': ..., 'head': ...}"
        )
    return trial.arms


def _body(test: Callable[..., Any]) -> Callable[[Trial], Any]:
    def drive(trial: Trial) -> None:
        makers = injectable(trial)
        wanted = [
            name
            for name, spec in inspect.signature(test).parameters.items()
            if spec.default is spec.empty and spec.kind not in {spec.VAR_POSITIONAL, spec.VAR_KEYWORD}
        ]
        for name in wanted:
            if name not in makers:
                raise ClaimError(
                    f"{test.__name__} asks for {name!r}, which only pytest can give; {nearest_name(name, makers)}"
                )
        outcome = test(**{name: makers[name]() for name in wanted})
        if inspect.isawaitable(outcome):
            from ophamin.seeing.substrate.loop import PrivateLoop

            loop = PrivateLoop()  # a notebook has a loop that runs already
            try:
                loop.run(outcome)
            finally:
                loop.close()

    return drive


def _declared_system(substrates: Mapping[str, Any], name: str) -> SubstrateUnderTest | None:
    if len(substrates) > 1:
        raise ClaimError(f"{name} declares {len(substrates)} substrates; pass one: conduct({name}, substrate)")
    return as_system(next(iter(substrates.values()))) if substrates else None
