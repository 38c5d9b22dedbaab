# SPDX-License-Identifier: Apache-2.0
"""All that pytest loads everywhere: the options, and without ``--ophamin`` the deselection of scenarios.

Standard library only. On ``--ophamin`` the other rooms of the plugin are imported and registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

SCENARIO = "__ophamin_scenario__"
DESELECTED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    from ophamin.plugin.options import add_options

    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from ophamin.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario: the trial of a claim; set by @scenario, runs only with --ophamin")
    config.addinivalue_line("markers", "audit: one tool over source code; set on the items of --ophamin-audit")
    if not enabled(config):
        if config.getoption("ophamin_audit", None):
            raise pytest.UsageError("--ophamin-audit leaves a record like every claim; give --ophamin with it")
        return
    from ophamin.plugin import collection, docket, fixtures, terminal, verdicts
    from ophamin.plugin.options import read_options

    options = read_options(config)
    clerk = docket.Docket(config, options)
    config.pluginmanager.register(clerk, docket.NAME)
    for room in (collection.Collection(clerk), fixtures):
        config.pluginmanager.register(room)
    if options.plan:
        from ophamin.plugin.forecast import Forecasts

        config.pluginmanager.register(Forecasts(clerk, pilot=options.pilot))
    elif options.registers:
        from ophamin.plugin.registration import Registering

        config.pluginmanager.register(Registering(clerk, options.reason))
    elif options.against_itself:
        from ophamin.plugin.self_runs import SelfRuns

        config.pluginmanager.register(SelfRuns(clerk))
    else:
        from ophamin.plugin.heads import Heads

        config.pluginmanager.register(Heads(clerk))
        if options.audit is not None:
            from ophamin.plugin.audits import Auditing

            if not options.audit.exists():
                raise pytest.UsageError(f"--ophamin-audit: nothing is at {options.audit}; give a file or a folder")
            config.pluginmanager.register(Auditing(clerk, clerk.audits, options.audit))
        config.pluginmanager.register(terminal.Summary(clerk))
    config.pluginmanager.register(verdicts.Verdicts(clerk, tries=options.tries))
    if config.pluginmanager.hasplugin("xdist"):
        from ophamin.plugin.workers import Workers

        config.pluginmanager.register(Workers(clerk))
    clerk.call_register_hooks()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if enabled(config):
        return
    scenarios = [item for item in items if hasattr(getattr(item, "function", None), SCENARIO)]
    if scenarios:
        config.stash[DESELECTED] = len(scenarios)
        gone = set(scenarios)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=scenarios)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    count = config.stash.get(DESELECTED, 0)
    if count:
        terminalreporter.write_line(
            f"ophamin: {count} scenario{'s' * (count != 1)} deselected, add --ophamin to try them"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    count = getattr(node, "workeroutput", {}).get("ophamin_deselected", 0)
    node.config.stash[DESELECTED] = max(count, node.config.stash.get(DESELECTED, 0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None and DESELECTED in session.config.stash:
        output["ophamin_deselected"] = session.config.stash[DESELECTED]


def enabled(config: pytest.Config) -> bool:
    """Whether scenarios run in this session."""
    return bool(config.getoption("ophamin", False) or config.getini("ophamin_enabled"))
