# SPDX-License-Identifier: Apache-2.0
"""Every plug-in that is registered keeps the promises of its kind; so do the configured forms of each pillar."""

import random
import subprocess
from contextlib import closing, nullcontext

import pytest

from ophamin.checks import check, check_corpus, check_pillar, check_substrate
from ophamin.measuring.pillars.adaptive import msprt, sprt
from ophamin.measuring.pillars.diagnostics import anticipatory, assumptions, inertia, kernel_coupling
from ophamin.measuring.pillars.effects import mea, mixed
from ophamin.measuring.pillars.observability import SampleRatio, control_chart
from ophamin.measuring.pillars.robustness import k_fold
from ophamin.measuring.pillars.synthesis import cumulative
from ophamin.registry import CORPORA, PILLARS, SCENARIOS, SUBSTRATES
from ophamin.seeing.corpus.lookup import get_corpus, list_corpora
from ophamin.seeing.substrate.base import make_substrate
from ophamin.seeing.substrate.function import FunctionSubstrate
from ophamin.seeing.substrate.recording import RecordingSubstrate
from qmpt.bridge import anomaly_share, losses, reflexivity_coverage


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder), *arguments], check=True
    )


# -- pillars ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PILLARS.names())
def test_a_registered_pillar_keeps_its_promises_without_configuration(name):
    check_pillar(PILLARS.get(name)).raise_if_failed()


def run_of_60_rows():
    draw = random.Random(1)
    rows = range(60)
    return {
        "phi": [round(draw.gauss(0.5, 0.1), 4) for _ in rows],
        "x": [round(draw.gauss(0.0, 1.0), 4) for _ in rows],
        "hit": [draw.random() < 0.7 for _ in rows],
        "arm": ["ab"[row % 2] for row in rows],
        "layout": ["uv"[row // 2 % 2] for row in rows],
        "user": [f"user {row // 2 % 6}" for row in rows],
        "asked": [2.0 for _ in rows],
        "coefficient": [(0.01, 0.05)[row % 2] for row in rows],
        "seed": [row // 2 for row in rows],
        "bad": [row % 2 == 0 for row in rows],
    }


COLUMNS = run_of_60_rows()

CONFIGURED = {
    "A.msprt": [msprt("phi", mu0=0.5, sigma=0.1)],
    "A.sprt": [sprt("hit", p0=0.5, p1=0.9), sprt("phi", mu0=0.5, mu1=0.6, sigma=0.1)],
    "I.cma": [
        cumulative("phi", by="user", method="fixed", hksj=False),
        cumulative("phi", by="user", contrast="arm"),
    ],
    "M.mea": [mea("phi", "arm", "layout")],
    "M.mixed_effects": [mixed("phi ~ arm", groups="user"), mixed("phi ~ x", groups="user")],
    "N.cross_validation": [k_fold("hit ~ x", k=4), k_fold("phi ~ x", estimator="ridge", k=4)],
    "O.spc": [control_chart("phi"), control_chart("phi", "cusum", reference=20), control_chart("phi", "xbar_r", 5)],
    "O.srm": [SampleRatio("arm"), SampleRatio("arm", method="exact"), SampleRatio("arm", method="sequential")],
    "diagnostics.anticipatory": [anticipatory("phi ~ x")],
    "diagnostics.assumptions": [assumptions("phi")],
    "diagnostics.inertia": [inertia(expected="asked", observed="phi", accepted="hit")],
    "diagnostics.kernel_coupling": [kernel_coupling(coefficient="coefficient", repetition="seed", collapsed="bad")],
    "qmpt.anomaly_share": [anomaly_share("phi", "x", reference=40)],
    "qmpt.losses": [losses("phi", "x", by="user")],
    "qmpt.reflexivity_coverage": [reflexivity_coverage(by="user", probability="phi", outcome="bad")],
}
READS_ANY_RUN = {"F.provenance", "O.drift"}
"""Compute without configuration, and are tried so above."""


@pytest.mark.parametrize(
    "pillar",
    [
        pytest.param(pillar, id=f"{name}-{number}")
        for name in CONFIGURED
        if name in PILLARS
        for number, pillar in enumerate(CONFIGURED[name])
    ],
)
def test_a_configured_pillar_computes_and_keeps_its_promises(pillar):
    columns = {name: COLUMNS[name] for name in pillar.columns}
    report = check_pillar(pillar, columns=columns)
    report.raise_if_failed()
    assert {result.name for result in report.results if result.outcome == "skipped"} <= {"condition"}


@pytest.mark.parametrize("detector", ["adwin", "page_hinkley", "kswin", "ddm", "eddm"])
def test_every_detector_of_drift_keeps_the_promises_of_a_pillar(detector):
    pytest.importorskip("river")
    from ophamin.measuring.pillars.observability.drift import drift

    metric = "bad" if detector in {"ddm", "eddm"} else "phi"
    check_pillar(drift(metric, detector), columns={metric: COLUMNS[metric]}).raise_if_failed()


def test_every_pillar_of_this_distribution_is_tried_in_a_form_that_computes():
    ours = {name for name in PILLARS.names() if PILLARS.origin(name) == "pytest-ophamin"}
    assert ours <= {*CONFIGURED, *READS_ANY_RUN}


# -- substrates -------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "answers.py").write_text("def length(text):\n    return len(text)\n", encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "a commit")
    return tmp_path


OPTIONS = {"git": "git:ref=main,target=answers:length,root={folder}"}
FAILING = {"git": 3}


@pytest.mark.needs("git")
@pytest.mark.parametrize("name", SUBSTRATES.names())
def test_a_registered_substrate_keeps_its_promises(name, repository):
    system = make_substrate(OPTIONS.get(name, name).format(folder=repository))
    failing = {"failing": FAILING[name]} if name in FAILING else {}
    with closing(system) if hasattr(system, "close") else nullcontext():
        check_substrate(system, **failing).raise_if_failed()


@pytest.mark.parametrize(
    "system",
    [FunctionSubstrate(len), RecordingSubstrate(FunctionSubstrate(len), lambda *_: None)],
    ids=["function", "recorded"],
)
def test_a_wrapped_function_keeps_the_promises_of_a_system(system):
    report = check_substrate(system, failing=3)
    report.raise_if_failed()
    assert {result.outcome for result in report.results} == {"passed"}


# -- corpora ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    for folder, words in (("given", ["one", "two", "three"]), ("changed", ["one", "two", "four"])):
        place = root / folder
        (place / "docs").mkdir(parents=True)
        (place / "repo").mkdir()
        git(place / "repo", "init", "-q")
        rows = "".join(f'{{"id": "r{number}", "text": "{word}"}}\n' for number, word in enumerate(words))
        (place / "rows.jsonl").write_text(rows, encoding="utf-8")
        lines = "".join(f"r{number},{word}\n" for number, word in enumerate(words))
        (place / "rows.csv").write_text(f"id,text\n{lines}", encoding="utf-8")
        (place / "rows.txt").write_text("\n".join(words), encoding="utf-8")
        for word in words:
            (place / "docs" / f"{word}.md").write_text(word, encoding="utf-8")
            git(place / "repo", "commit", "-q", "--allow-empty", "-m", word)
    return root


SOURCES = {
    "jsonl": "jsonl:rows.jsonl",
    "csv": "csv:rows.csv",
    "lines": "lines:rows.txt",
    "folder": "folder:docs",
    "git": "git:repo",
    "qmpt-patterns": "qmpt-patterns:repo,kind=git",
}


@pytest.mark.needs("git")
@pytest.mark.parametrize("name", list_corpora())
def test_a_registered_corpus_keeps_its_promises(name, sources):
    given, changed, missing = (
        get_corpus(SOURCES.get(name, name), sources / folder) for folder in ("given", "changed", "nowhere")
    )
    others = {"changed": changed, "missing": missing} if name in SOURCES else {}
    report = check_corpus(given, **others)
    report.raise_if_failed()
    skipped = {result.name for result in report.results if result.outcome == "skipped"}
    assert skipped == (set() if name in SOURCES else {"changed content", "missing"})


def test_every_corpus_that_needs_a_source_has_one_here():
    assert {name for name, factory in CORPORA.items() if getattr(factory, "needs_root", False)} <= set(SOURCES)


# -- scenarios --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS.names())
def test_a_registered_scenario_keeps_its_promises(name):
    check("scenario", SCENARIOS.get(name)).raise_if_failed()
