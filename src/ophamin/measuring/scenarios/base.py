# SPDX-License-Identifier: Apache-2.0
"""The class form of a scenario: a corpus, a target, a claim and a score of one's own.

It shares the engine with the decorated function. ``as_test`` makes a test of a class, so that pytest collects it.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ophamin.core.canonical import content_hash
from ophamin.core.plugins import DuplicatePluginError, Registry
from ophamin.core.signing import DEFAULT_SIGN_KEY
from ophamin.core.source import source_digest
from ophamin.errors import ClaimError, OphaminError
from ophamin.measuring.conduct import as_system, run_script
from ophamin.measuring.plan import Metadata, Plan
from ophamin.measuring.scenarios.functions import ATTRIBUTE
from ophamin.measuring.scenarios.texts import plain_parameter
from ophamin.measuring.script import ScenarioScore, Script
from ophamin.measuring.settings import Settings
from ophamin.measuring.tier import Tier
from ophamin.protocols import ScenarioProtocol

if TYPE_CHECKING:
    from ophamin.core.shapes import CorpusRecord, CycleResult
    from ophamin.measuring.proof.record import Claim, EmpiricalProofRecord
    from ophamin.measuring.trial import Trial
    from ophamin.seeing.contract import ScenarioFieldContract
    from ophamin.seeing.corpus.base import Corpus
    from ophamin.seeing.substrate.base import SubstrateUnderTest

__all__ = [
    "SCENARIOS",
    "DuplicateScenarioNameError",
    "Scenario",
    "ScenarioMetadataMissingError",
    "ScenarioNameNotOverriddenError",
    "ScenarioScore",
    "Tier",
    "as_test",
]

SENTINEL = "scenario"
_METHODS = ("build_claim", "drive", "score", "select_records")

SCENARIOS: Registry[Any] = Registry(
    "scenario", ScenarioProtocol, "ophamin.scenarios", key=lambda cls: cls.name, accepts_classes=True
)


class ScenarioNameNotOverriddenError(OphaminError, RuntimeError):
    """A scenario class kept the name of its base."""


class ScenarioMetadataMissingError(OphaminError, RuntimeError):
    """A scenario class leaves out tier, family, goal or explanation."""

    def __init__(self, cls: type, missing: Sequence[str]) -> None:
        super().__init__(
            f"{cls.__qualname__} declares no {', no '.join(missing)}; set them as class attributes, or register=False"
        )
        self.cls = cls
        self.missing = tuple(missing)


class DuplicateScenarioNameError(OphaminError, RuntimeError):
    """Two scenario classes have one name."""

    def __init__(self, name: str, existing: type, incoming: type) -> None:
        super().__init__(
            f"the scenario name {name!r} is taken by {existing.__module__}.{existing.__qualname__}; "
            f"give {incoming.__module__}.{incoming.__qualname__} another"
        )
        self.name = name
        self.existing = existing
        self.incoming = incoming


class Scenario(ABC):
    """Binds a corpus, a target and a claim declared before the run; gives a signed record.

    A subclass sets the class attributes and writes `build_claim` and `score`; it is registered when it is defined,
    unless it says ``register=False``.

    Attributes:
        name: unique among all scenarios.
        tier: what kind of claim it makes.
        family: the theme it belongs to.
        goal: the question, in one line.
        explanation: why it is asked, and how.
        method: how it is answered, where that is not plain.
        falsification_consequence: what follows from a refutation.
        runner_path: a script that runs it, for the reproduction command.
        corpus_name: name or ``kind:path`` of the corpus; empty for none.
        target: which part of the system is addressed.
        n_cycles: most records that are used.
    """

    name: ClassVar[str] = SENTINEL
    tier: ClassVar[Tier]
    family: ClassVar[str] = ""
    goal: ClassVar[str] = ""
    explanation: ClassVar[str] = ""
    method: ClassVar[str] = ""
    falsification_consequence: ClassVar[str] = ""
    runner_path: ClassVar[str] = ""
    corpus_name: str = ""
    target: str = "entity"
    n_cycles: int = 1000

    def __init_subclass__(cls, register: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not register:
            return
        if cls.name == SENTINEL:
            raise ScenarioNameNotOverriddenError(
                f"{cls.__qualname__} keeps the name {SENTINEL!r}; set a name of its own, or register=False"
            )
        missing = [label for label in ("tier", "family", "goal", "explanation") if not getattr(cls, label, None)]
        if missing:
            raise ScenarioMetadataMissingError(cls, missing)
        _register(cls)

    @abstractmethod
    def build_claim(self) -> Claim:
        """The falsifiable claim, fixed before the run."""

    @abstractmethod
    def score(self, cycle_results: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> ScenarioScore:
        """Read a finished run into an observed value with its interval, and evidence."""

    def field_contract(self) -> ScenarioFieldContract | None:
        """The raw fields this scenario depends on; None asks nothing."""
        return None

    def analysis_plan(self) -> str:
        """How the run will be read, in words."""
        return (
            f"Feed up to {self.n_cycles} records of {self.corpus_name or 'no corpus'} to the target {self.target!r}, "
            f"score them by {type(self).__qualname__}.score, and hold the interval against the threshold."
        )

    def select_records(self, corpus: Corpus) -> Iterable[CorpusRecord]:
        """Which records are used, in which order; default: all, as they come."""
        return corpus.records()

    def run(
        self,
        substrate: SubstrateUnderTest | None,
        *,
        data_root: str | Path | None = None,
        sign_key: bytes = DEFAULT_SIGN_KEY,
    ) -> EmpiricalProofRecord:
        """Run to the end and return the sealed record.

        Args:
            substrate: the system under test; None where `drive` needs none.
            data_root: folder that the corpus path starts from; default: the current one.
            sign_key: for the HMAC seal; the default is printed in this source and proves nothing, which is warned of;
                an empty one leaves the record unsealed.
        """
        if sign_key == DEFAULT_SIGN_KEY:
            warnings.warn(
                "sealed with the public default key, which anyone can use; pass sign_key= for a seal that counts",
                stacklevel=2,
            )
        root = Path(data_root) if data_root is not None else Path.cwd()
        system = None if substrate is None else as_system(substrate)
        record = run_script(self.script(root), system, self.drive, command=self._command(), root=root)[0].record
        return record.sign(sign_key) if sign_key else record

    def drive(self, trial: Trial) -> None:
        """Feed the selected records to the system under test, as one batch."""
        corpus = trial.script.corpus
        if corpus is None:
            raise ClaimError(f"the scenario {self.name!r} names no corpus; set corpus_name, or write your own drive()")
        selected = list(islice(self.select_records(corpus), self.n_cycles))
        if not selected:
            raise ClaimError(
                f"the scenario {self.name!r} selected no record of {corpus.name!r}; widen select_records()"
            )
        trial.stream.take(selected)
        trial.substrate.run_batch([record.text for record in selected])

    def script(self, root: Path | None = None, arguments: Mapping[str, Any] | None = None) -> Script:
        """This scenario as the engine knows it; ``arguments`` are those it was constructed with."""
        from ophamin.seeing.corpus.lookup import get_corpus

        claim = self.build_claim()
        corpus = get_corpus(self.corpus_name, root=root) if self.corpus_name else None
        plan = Plan(
            metadata=Metadata(
                self.name,
                Tier(self.tier).value,
                self.family,
                self.goal,
                self.explanation,
                self.method,
                self.falsification_consequence,
            ),
            statement=claim.statement,
            metric=claim.threshold.metric,
            statistic=claim.threshold.metric,
            kind="observed",
            comparator=claim.threshold.comparator,
            value=claim.threshold.value,
            operationalization=claim.operationalization,
            h0=claim.h0,
            h1=claim.h1,
            units=claim.threshold.units,
            settings=Settings(order="file"),
            corpus=None if corpus is None else corpus.selection(),
            parameters={"target": self.target, "n_cycles": self.n_cycles, **(arguments or {})},
            source_digest=content_hash([source_digest(getattr(type(self), name)) for name in _METHODS]),
            analysis=self.analysis_plan(),
        )
        return Script(plans=(plan,), corpus=corpus, score=self.score, contract=self.field_contract())

    def _command(self) -> str:
        if self.runner_path:
            return f"python {self.runner_path}"
        cls = type(self)
        return f"python -c 'from {cls.__module__} import {cls.__qualname__}; {cls.__qualname__}().run(SUBSTRATE)'"


def as_test(cls: type[Scenario], **arguments: Any) -> Callable[..., None]:
    """Make a test of a scenario class.

    Write ``test_immune = as_test(ImmuneSiege)`` in a test module; pytest collects it like any other test.

    Args:
        cls: the class.
        arguments: for its constructor.
    """
    instance = cls(**arguments)

    def test(trial: Trial, substrate: Any) -> None:
        instance.drive(trial)

    test.__doc__ = f"{cls.goal}\n\n{cls.explanation}"
    test.__name__ = test.__qualname__ = f"test_{cls.name.replace('-', '_')}"
    test.place_as = cls  # type: ignore[attr-defined]  # pytest then names the class's file and line, not this one's
    setattr(test, ATTRIBUTE, _ClassDeclaration(instance, arguments))
    return test


class _ClassDeclaration:
    """Stands where a decorated function has its `Declaration`."""

    substrates: ClassVar[dict[str, Any]] = {}
    pillars: tuple[Any, ...] = ()

    def __init__(self, instance: Scenario, arguments: Mapping[str, Any]) -> None:
        self.instance = instance
        self.arguments = {name: plain_parameter(value) for name, value in sorted(arguments.items())}

    def compile(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        parameters: Any = None,
        root: Path | None = None,
        redact: Callable[[str], str] = str,
    ) -> Script:
        """The class's own script; a class has no parameters and brings its name."""
        return self.instance.script(root, self.arguments)


def _register(cls: type[Scenario]) -> None:
    try:  # an entry point of that name is not looked at: it may be what imports this class
        SCENARIOS.register(cls)
    except DuplicatePluginError as error:
        existing: Any = error.existing
        if (existing.__module__, existing.__qualname__) != (cls.__module__, cls.__qualname__):
            raise DuplicateScenarioNameError(cls.name, existing, cls) from None
        SCENARIOS.unregister(cls.name)  # the module was loaded again: the newer class takes the place
        SCENARIOS.register(cls)
