# SPDX-License-Identifier: Apache-2.0
"""Finds scenarios, compiles them before anything runs, and gives each its systems under test."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from ophamin.errors import ClaimError, OphaminError
from ophamin.measuring.registration import Collected
from ophamin.measuring.scenarios.functions import ATTRIBUTE
from ophamin.plugin import fixtures
from ophamin.plugin.docket import RUN, declaration_on

if TYPE_CHECKING:
    from ophamin.measuring.floor import Floor
    from ophamin.measuring.plan import Plan
    from ophamin.measuring.script import Script
    from ophamin.plugin.docket import Docket

__all__ = ["SCRIPT", "Collection", "compile_script", "parameters_of"]

SCRIPT = pytest.StashKey["Script"]()


class Collection:
    """Hooks of collection."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._named: dict[str, str] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        declaration = getattr(metafunc.function, ATTRIBUTE, None)
        if declaration is None or not _is_asked_for(metafunc, "substrate"):
            return
        if systems := self._systems(declaration):
            metafunc.parametrize("substrate", list(systems.values()), ids=list(systems), indirect=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        made = yield
        for item in made if isinstance(made, list) else ():
            if isinstance(item, pytest.Function) and declaration_on(item) is not None:
                try:
                    item.stash[SCRIPT] = compile_script(item, self._docket)
                    self._claim_name(item)
                except OphaminError as error:
                    raise pytest.Collector.CollectError(f"{item.nodeid}: {type(error).__name__}: {error}") from error
        return made

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if any(SCRIPT in item.stash for item in items):
            self._docket.registration.deselect()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.config.getoption("collectonly", False):
            return
        scenarios = [item for item in session.items if SCRIPT in item.stash]
        self._docket.registration.collect((item.nodeid, self._collected(item)) for item in scenarios)

    def _collected(self, item: Any) -> tuple[Collected, ...]:
        """The claims of an item, each on the system that the item tries."""
        script = item.stash[SCRIPT]
        name = self.substrate_of(item)
        digest = _pinned_digest(script.corpus)
        return tuple(Collected(plan, name, digest) for plan in script.plans)

    def substrate_of(self, item: Any) -> str:
        """Name of the system that an item tries; empty for none."""
        callspec = getattr(item, "callspec", None)
        if callspec is None or "substrate" not in callspec.params:
            return ""
        value = callspec.params["substrate"]
        return next((name for name, one in self._systems(declaration_on(item)).items() if one is value), "")

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if declaration_on(item) is not None:
            item.add_marker("scenario")

    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """Run an async body; a plugin made for that has done so, or has put a plain function in its place."""
        if declaration_on(pyfuncitem) is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        import asyncio

        names = pyfuncitem._fixtureinfo.argnames  # the names pytest itself passes; there is no public way
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True

    def _systems(self, declaration: Any) -> dict[str, Any]:
        """Name -> system: what the scenario declares, narrowed or supplied by ``--substrate``."""
        declared: dict[str, Any] = dict(declaration.substrates)
        given = {spec: spec for spec in self._docket.options.substrates}
        if not declared:
            return given
        narrowed = {spec: declared.get(spec, spec) for spec in given if spec.partition(":")[0] in declared}
        return narrowed or declared

    def _claim_name(self, item: pytest.Function) -> None:
        name, test = item.stash[SCRIPT].metadata.name, _without_parameters(item)
        first = self._named.setdefault(name, test)
        if first != test:
            raise ClaimError(f"the scenario name {name!r} is taken by {first}; give one of the two another name=")


def _pinned_digest(corpus: Any) -> str | None:
    """Content digest of a corpus that does not grow; empty for a living one, None where it cannot be had."""
    if corpus is None or not getattr(corpus, "pinned", True):
        return ""
    try:
        return str(corpus.content_hash())
    except OphaminError:
        return None


def compile_script(item: Any, docket: Docket) -> Script:
    """The script of an item with its own parameters, named by its path below the root in dots.

    Raises:
        OphaminError: the claim cannot be tried as declared, or names something unknown.
    """
    path, *parts = _without_parameters(item).split("::")
    name = ".".join([*path.removesuffix(".py").split("/"), *parts])
    script: Script = declaration_on(item).compile(
        item.function, name=name, parameters=parameters_of(item), root=docket.root, redact=docket.redact
    )
    for plan in script.plans:
        _require_above_noise(plan, docket.floor_of(plan))
    return script


def _require_above_noise(plan: Plan, floor: Floor | None) -> None:
    if floor is None or plan.kind != "difference":
        return
    from ophamin.measuring.floor import refuse_below

    if reason := refuse_below(floor, is_difference=True, bar=plan.value, mde=plan.settings.mde):
        raise ClaimError(reason)


def parameters_of(item: pytest.Item) -> dict[str, Any]:
    """The test's own parameters; the system under test is none of them."""
    callspec = getattr(item, "callspec", None)
    own = {"substrate", RUN}
    return {} if callspec is None else {name: value for name, value in callspec.params.items() if name not in own}


def _without_parameters(item: Any) -> str:
    path, _, rest = str(item.nodeid).partition("::")
    return f"{path}::{rest.partition('[')[0]}"


def _is_asked_for(metafunc: pytest.Metafunc, name: str) -> bool:
    """Whether the test asks for this fixture of the plugin; a project's own of that name goes its own way."""
    definitions = metafunc._arg2fixturedefs.get(name, ())  # there is no public way to see which one wins
    return bool(definitions) and definitions[-1].func.__module__ == fixtures.__name__
