# SPDX-License-Identifier: Apache-2.0
"""``@scenario``: a claim, declared on the test function that tries it.

The decorator only attaches a `Declaration`; the function itself stays as it is, so that its signature, its marks
and an editor's view of it are untouched. Imports nothing beyond the standard library until a scenario is run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.metrics.estimators import Estimator, Expectation
from ophamin.measuring.scenarios.texts import plain_parameter, read_docstring
from ophamin.measuring.tier import Tier

if TYPE_CHECKING:
    from ophamin.measuring.plan import Metadata, Plan
    from ophamin.measuring.proof.record import Claim
    from ophamin.measuring.script import Script
    from ophamin.measuring.settings import Settings
    from ophamin.seeing.corpus.base import Corpus

__all__ = ["ATTRIBUTE", "Declaration", "claim", "declaration_of", "scenario"]

ATTRIBUTE = "__ophamin_scenario__"
"""The attribute that makes a function a scenario; the plugin looks for nothing else."""

Test = TypeVar("Test", bound=Callable[..., Any])
Statement = str | Callable[..., str]
Bound = Expectation | tuple[Expectation, ...] | Callable[..., Expectation | tuple[Expectation, ...]]

_SETTINGS = frozenset(
    (
        "alpha",
        "batch",
        "beta",
        "boundaries",
        "budget",
        "census",
        "design",
        "error_budget",
        "errors",
        "load",
        "margin",
        "max_seconds",
        "mde",
        "method",
        "min_samples",
        "multiplicity",
        "order",
        "power",
        "unit",
    )
)


def scenario(
    statement: Statement,
    *expectations: Bound,
    tier: str = "scientific",
    family: str = "",
    name: str = "",
    corpus: Any = None,
    substrate: Any = None,
    substrates: Sequence[Any] | Mapping[str, Any] | None = None,
    pillars: Sequence[Any] = (),
    conditions: Sequence[Any] = (),
    bounds: tuple[float, float] | None = None,
    model: str | None = None,
    **settings: Any,
) -> Callable[[Test], Test]:
    """Make a test function the trial of a claim.

    Args:
        statement: the claim as a sentence; or a function of the test's parameters that gives it.
        expectations: what must hold, such as ``rate("blocked") <= 0.10``; or functions of the parameters. Several
            give one record each, from one run.
        tier: scientific, engineering, philosophical, empirical_deep or measurement_machinery.
        family: the theme; default: the module's name.
        name: default: the path of the test in dots.
        corpus: what feeds the stream: a name, ``kind:path``, or a `Corpus`.
        substrate: the system under test: a registered name, a fixture's name, any callable, or a `SubstrateUnderTest`.
        substrates: several of them; the test runs once for each.
        pillars: statistical methods that read the finished run and add evidence.
        conditions: pillars of which each must hold; where one fails or cannot be told, the verdict is INCONCLUSIVE.
        bounds: smallest and largest value of the metric of ``mean``, where the estimator does not say.
        model: ``"gaussian"``, where the estimator does not say.
        settings: ``alpha beta method mde design margin budget batch boundaries min_samples unit errors error_budget
            max_seconds order load census multiplicity``, see `ophamin.measuring.settings.Settings`; ``power`` is
            1 - beta.

    Raises:
        ClaimError: the claim cannot be tried as declared; the message says what to write instead.

    Example:
        >>> from ophamin import rate, scenario
        >>> @scenario("at most one answer in ten is wrong", rate("wrong") <= 0.10)
        ... def test_answers(trial):
        ...     '''Are the answers good enough?'''
        ...     for answer in range(40):
        ...         trial.observe(wrong=False)
        >>> from ophamin import conduct
        >>> conduct(test_answers).verdict.outcome
        'VALIDATED'
    """
    unknown = sorted(set(settings) - _SETTINGS)
    if unknown:
        raise ClaimError(f"@scenario does not take {unknown[0]!r}; {nearest_name(unknown[0], _SETTINGS)}")
    _check_words(statement, expectations)
    if "power" in settings:
        settings["beta"] = _beta_of(settings.pop("power"), settings)
    declaration = Declaration(
        statement=statement,
        expectations=expectations,
        tier=Tier.parse(tier).value,
        family=family,
        name=name,
        corpus=corpus,
        substrates=_named_substrates(substrate, substrates),
        pillars=tuple(pillars),
        conditions=tuple(conditions),
        bounds=bounds,
        model=model,
        settings=settings,
    )

    def attach(function: Test) -> Test:
        if hasattr(function, "hypothesis"):
            raise ClaimError(
                f"{function.__name__}: @given cannot feed a scenario, since its examples adapt to what fails and are "
                "no sample; draw inputs from a corpus or from the fixture rng"
            )
        goal, _, _, _ = read_docstring(function)
        if not goal:
            raise ClaimError(f"{function.__name__}: a scenario's docstring says its goal in the first line; write one")
        setattr(function, ATTRIBUTE, declaration)
        return function

    return attach


def _beta_of(power: Any, settings: Mapping[str, Any]) -> float:
    if "beta" in settings:
        raise ClaimError("give beta= or power=, not both; power is 1 - beta")
    if isinstance(power, bool) or not isinstance(power, (int, float)) or not 0.5 <= power < 1:
        raise ClaimError(f"power is 1 - beta, from 0.5 up to but not 1; got {power!r}; 0.95 is usual")
    return round(1.0 - power, 12)


def declaration_of(function: Any) -> Declaration:
    """The declaration on a scenario.

    Raises:
        ClaimError: the function is no scenario.
    """
    declaration = getattr(function, ATTRIBUTE, None)
    if declaration is None:
        raise ClaimError(f"{getattr(function, '__name__', function)!r} is no scenario; decorate it with @scenario")
    return declaration  # type: ignore[no-any-return]  # the attribute is ours alone


def claim(
    statement: str, expectation: Expectation, *, h0: str = "", h1: str = "", operationalization: str = ""
) -> Claim:
    """The frozen claim in the form of the record, without a test.

    >>> from ophamin import claim, rate
    >>> claim("few are blocked", rate("blocked") <= 0.1).h0
    'rate(blocked) > 0.1'
    """
    from ophamin.measuring.proof.record import Claim, Threshold

    estimator = expectation.estimator
    comparator: Any = expectation.comparator  # Threshold refuses what is none
    return Claim(
        statement,
        operationalization or estimator.meaning,
        Threshold(estimator.label, comparator, expectation.value, estimator.units),
        h0 or expectation.opposite,
        h1 or str(expectation),
    )


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``@scenario`` was told; compiled to plans when the test's parameters are known."""

    statement: Statement
    expectations: tuple[Bound, ...]
    tier: str = Tier.SCIENTIFIC.value
    family: str = ""
    name: str = ""
    corpus: Any = None
    substrates: Mapping[str, Any] = field(default_factory=dict)
    pillars: tuple[Any, ...] = ()
    conditions: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None
    model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def compile(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
        root: Path | None = None,
        redact: Callable[[str], str] = str,
    ) -> Script:
        """Resolve the declaration to a script.

        Args:
            function: the test.
            name: path of the scenario in dots; default: module and function.
            parameters: the test's own parameters, for claims that depend on them.
            root: folder that a corpus path starts from.
            redact: removes from a parameter what must not enter a record.

        Raises:
            ClaimError: no honest plan exists.
            ValueError: unknown corpus or pillar; the nearest name is suggested.
        """
        from ophamin.measuring.pillars.base import pillar_text, resolve_conditions, resolve_pillars
        from ophamin.measuring.script import Script
        from ophamin.measuring.settings import Settings

        values = dict(parameters or {})
        metadata = self._metadata(function, name)
        settings = Settings(**self.settings)
        corpus = self._corpus(root)
        if settings.census and corpus is None:
            raise ClaimError(f"{metadata.name}: census=True is a claim about a corpus; declare corpus=")
        pillars, conditions = resolve_pillars(self.pillars), resolve_conditions(self.conditions)
        bounds = self._bounds(values)
        told = self.statement if isinstance(self.statement, str) else _with_parameters(self.statement, values)
        _check_words(told, tuple(bounds))
        shown = {key: plain_parameter(value, redact) for key, value in sorted(values.items())}
        selection = None if corpus is None else plain_parameter(corpus.selection(), redact)
        plans = tuple(
            replace(
                self._plan(bound, redact(told), metadata, settings, selection, shown, function),
                pillars=tuple(map(pillar_text, pillars)),
                conditions=tuple(map(pillar_text, conditions)),
            )
            for bound in bounds
        )
        for plan in plans:
            plan.require_sound()  # what could not be decided honestly is refused here, before anything runs
        return Script(plans=plans, corpus=corpus, pillars=pillars, conditions=conditions)

    def _bounds(self, values: Mapping[str, Any]) -> list[Expectation]:
        bounds: list[Expectation] = []
        for expectation in self.expectations:
            resolved = _with_parameters(expectation, values) if callable(expectation) else expectation
            bounds.extend(resolved if isinstance(resolved, tuple) else (resolved,))
        return bounds

    def _metadata(self, function: Callable[..., Any], name: str) -> Metadata:
        from ophamin.measuring.plan import Metadata

        goal, explanation, method, if_refuted = read_docstring(function)
        module = function.__module__.rpartition(".")[2]
        return Metadata(
            name=self.name or name or f"{function.__module__}.{function.__qualname__}",
            tier=self.tier,
            family=self.family or module.removeprefix("test_"),
            goal=goal,
            explanation=explanation,
            method=method,
            if_refuted=if_refuted,
        )

    def _corpus(self, root: Path | None) -> Corpus | None:
        if self.corpus is None:
            return None
        from ophamin.seeing.corpus.base import as_corpus
        from ophamin.seeing.corpus.lookup import get_corpus

        return get_corpus(self.corpus, root=root) if isinstance(self.corpus, str) else as_corpus(self.corpus)

    def _plan(
        self,
        bound: Expectation,
        statement: str,
        metadata: Metadata,
        settings: Settings,
        selection: Mapping[str, Any] | None,
        parameters: Mapping[str, Any],
        function: Callable[..., Any],
    ) -> Plan:
        from ophamin.core.source import source_digest
        from ophamin.measuring.plan import Plan

        estimator = bound.estimator
        return Plan(
            metadata=metadata,
            statement=statement,
            metric=estimator.metric,
            statistic=estimator.label,
            kind=estimator.kind,
            comparator=bound.comparator,
            value=bound.value,
            operationalization=estimator.meaning,
            h0=bound.opposite,
            h1=str(bound),
            units=estimator.units,
            options=self._options(estimator),
            settings=settings,
            sequential=_is_sequential(estimator, settings, function),
            corpus=selection,
            parameters=parameters,
            source_digest=source_digest(function),
        )

    def _options(self, estimator: Estimator) -> dict[str, Any]:
        """What the estimator needs besides its metric, by kind."""
        if estimator.kind == "mean":
            bounds = estimator.bounds or self.bounds
            return {
                "bounds": None if bounds is None else (float(bounds[0]), float(bounds[1])),
                "model": estimator.model or self.model,
                "sigma": estimator.sigma,
            }
        wanted = {
            "quantile": ("q",),
            "observed": ("deterministic",),
            "difference": ("bounds", "arms", "by"),
            "count_rate": ("exposure",),
            "rank_correlation": ("other",),
        }
        return {name: getattr(estimator, name) for name in wanted.get(estimator.kind, ())}


def _is_sequential(estimator: Estimator, settings: Settings, function: Callable[..., Any]) -> bool:
    """Whether a claim is looked at while its units come: a sequential method by name, or by what was declared."""
    if settings.method != "auto":
        return settings.method != "exact"
    if settings.census or estimator.kind == "observed":
        return False
    asked = settings.mde is not None or settings.budget is not None or settings.design == "acceptance"
    return asked or "stream" in inspect.signature(function).parameters


def _check_words(statement: Any, expectations: tuple[Any, ...]) -> None:
    if not callable(statement) and (not isinstance(statement, str) or not statement.strip()):
        raise ClaimError(
            f"a scenario begins with its claim as a sentence, got {statement!r}; "
            "write @scenario('...', rate('x') <= 0.1)"
        )
    if not expectations:
        raise ClaimError(
            f"the claim {statement!r} has no bound that could fail; add one, such as rate('blocked') <= 0.10"
        )
    for expectation in expectations:
        if isinstance(expectation, Estimator):
            raise ClaimError(f"{expectation.label} alone is no claim; compare it, such as {expectation.label} <= 0.10")
        several = isinstance(expectation, tuple) and all(isinstance(part, Expectation) for part in expectation)
        if not (isinstance(expectation, Expectation) or several or callable(expectation)):
            raise ClaimError(
                f"{expectation!r} is no expectation; write one, such as mean('phi', bounds=(0, 1)) >= 0.55"
            )


def _named_substrates(substrate: Any, substrates: Sequence[Any] | Mapping[str, Any] | None) -> dict[str, Any]:
    """Stable names for the systems under test: the key, the name, or what the callable is called."""
    if substrate is not None and substrates is not None:
        raise ClaimError("give substrate= or substrates=, not both; substrates= runs the test once for each")
    if isinstance(substrates, Mapping):
        return dict(substrates)
    given = [substrate] if substrate is not None else list(substrates or ())
    named: dict[str, Any] = {}
    for one in given:
        own_name = getattr(one, "name", None) or getattr(one, "__name__", type(one).__name__)
        label = one if isinstance(one, str) else str(own_name)
        if label in named:
            raise ClaimError(f"two substrates are called {label!r}; give them names: substrates={{'a': ..., 'b': ...}}")
        named[label] = one
    return named


def _with_parameters(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    wanted = list(inspect.signature(function).parameters)
    missing = [name for name in wanted if name not in values]
    if missing:
        raise ClaimError(
            f"a claim asks for {missing[0]!r}, which is no parameter of the test; {nearest_name(missing[0], values)}"
        )
    return function(**{name: values[name] for name in wanted})
