# SPDX-License-Identifier: Apache-2.0
"""P12: what a pillar costs beside the library that computes it, what loading it costs, and the memory of a long run.

Each pillar reads cycles as a trial gives them; beside it the library computes the same statistics from arrays that
stand ready. The two take turns in one process, on one thread; figures are CPU time and medians of paired ratios. Where
no library has the statistic, it is a few lines of numpy, or our own object: the column "against" says which.
``--quick`` takes two sizes of three, fewer rounds and 100,000 cycles for the memory.
"""

import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from array import array
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from measure import paired

from ophamin.core.shapes import CycleResult
from ophamin.measuring.observations import Cycles, Table

HEAVY = ("matplotlib", "mapie", "numpy", "pandas", "prov", "river", "scipy", "sklearn", "statsmodels")
SIZES = (100, 10_000, 1_000_000)
LONGEST = 60.0
"""Seconds that a library may take for one size; a size for which it will take longer is left out."""
ROOMS = "ophamin.measuring.pillars"


@cache
def table_of(n: int) -> Table:
    """A run in columns: an outcome and what it depends on, two experiments, twenty groups, pushes and answers."""
    draw = random.Random(n)
    x = [draw.gauss(0.0, 1.0) for _ in range(n)]
    shift = [draw.gauss(0.0, 0.5) for _ in range(20)]
    columns: dict[str, list[Any]] = {
        "x": x,
        "phi": [draw.gauss(0.0, 1.0) for _ in range(n)],
        "y": [2.0 * one + shift[row % 20] + draw.gauss(0.0, 1.0) for row, one in enumerate(x)],
        "hit": [one + draw.gauss(0.0, 1.0) > 0.0 for one in x],
        "arm": [draw.choice(("base", "head")) for _ in range(n)],
        "layout": [draw.choice(("grid", "list")) for _ in range(n)],
        "topic": [f"topic {row % 20}" for row in range(n)],
        "asked": [draw.uniform(0.5, 1.0) for _ in range(n)],
        "came": [draw.uniform(0.0, 1.0) for _ in range(n)],
        "taken": [draw.random() < 0.8 for _ in range(n)],
    }
    stimuli = [f"{row:016x}" for row in range(n)]
    return Table(n, columns, {}, array("d", [0.001]) * n, array("b", [1]) * n, stimuli)


# -- the libraries, called directly; each gives the timed call, and what it prepares is not timed ------------------


def floats(table: Table, name: str) -> Any:
    import numpy as np

    return np.array(table.columns[name], dtype=float)


def codes(table: Table, name: str) -> Any:
    import numpy as np

    return np.unique(np.array(table.columns[name]), return_inverse=True)[1]


def chart_by_numpy(table: Table) -> Callable[[], object]:
    import numpy as np

    values, cut = floats(table, "phi"), table.n_rows // 2

    def run_of(flags, least, width):
        sums = np.concatenate([[0], np.cumsum(flags)])
        return np.flatnonzero((sums[width:] - sums[:-width] >= least) & flags[width - 1 :]) + width - 1

    def judge(points, center, sigma):
        z = (points - center) / sigma
        sides = [run_of(side > far, *run) for side in (z, -z) for far, run in ((2, (2, 3)), (1, (4, 5)), (0, (8, 8)))]
        return [np.flatnonzero(np.abs(z) > 3.0), *sides]

    def chart():
        reference = values[:cut]
        center, sigma = reference.mean(), np.abs(np.diff(reference)).mean() * math.sqrt(math.pi) / 2.0
        return judge(values[cut:], center, sigma), judge(reference, center, sigma)

    return chart


def ratio_by_scipy(table: Table) -> Callable[[], object]:
    import numpy as np
    from scipy.stats import chisquare

    arms = codes(table, "arm")
    return lambda: chisquare(np.bincount(arms))


def drift_by_river(table: Table) -> Callable[[], object]:
    from river.drift import ADWIN

    values = table.columns["phi"]

    def feed():
        detector, found = ADWIN(), []
        for row, value in enumerate(values):
            detector.update(value)
            if detector.drift_detected:
                found.append(row)
        return found

    return feed


def wald_by_object(table: Table) -> Callable[[], object]:
    from ophamin.measuring.inference.legacy import GaussianSPRT

    def feed():
        test = GaussianSPRT(0.0, 1e-6, 1.0)
        for value in table.columns["phi"]:
            test.update(value)

    return feed


def mixture_by_object(table: Table) -> Callable[[], object]:
    from ophamin.measuring.inference.legacy import MixtureSPRT

    return lambda: MixtureSPRT(0.0, 1.0).update_many(table.columns["phi"])


def mixed_by_statsmodels(table: Table) -> Callable[[], object]:
    import numpy as np
    from statsmodels.regression.mixed_linear_model import MixedLM

    y, x, groups = floats(table, "y"), floats(table, "x"), codes(table, "topic")
    design = np.column_stack([np.ones(len(x)), x])
    return lambda: MixedLM(y, design, groups).fit(reml=True)


def anova_by_statsmodels(table: Table) -> Callable[[], object]:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    arms = {name: pd.Categorical.from_codes(codes(table, name), [0, 1]) for name in ("arm", "layout")}
    frame = pd.DataFrame({"phi": floats(table, "phi"), **arms})
    formula = "phi ~ arm * layout"  # C(arm) * C(layout) gives the same table in eight times the time
    return lambda: anova_lm(ols(formula, frame).fit(), typ=2)


def pooled_by_statsmodels(table: Table) -> Callable[[], object]:
    import numpy as np
    from statsmodels.stats.meta_analysis import combine_effects

    values, groups = floats(table, "y"), codes(table, "topic")

    def pool():
        n = np.bincount(groups)
        means = np.bincount(groups, weights=values) / n
        squares = np.bincount(groups, weights=(values - means[groups]) ** 2)
        return combine_effects(means, squares / (n - 1) / n, method_re="dl")

    return pool


def folds_by_sklearn(table: Table) -> Callable[[], object]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    features, response = floats(table, "x")[:, None], np.array(table.columns["hit"])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return lambda: cross_val_score(LogisticRegression(max_iter=1000), features, response, cv=folds)


def checks_by_libraries(table: Table) -> Callable[[], object]:
    from scipy.stats import normaltest, shapiro
    from statsmodels.stats.diagnostic import normal_ad
    from statsmodels.tsa.stattools import acf, adfuller, kpss

    from ophamin.measuring.pillars.diagnostics.series import LARGEST_SHAPIRO, LARGEST_UNIT_ROOT

    values, size = floats(table, "phi"), -(-table.n_rows // LARGEST_UNIT_ROOT)
    blocks = values[: len(values) - len(values) % size].reshape(-1, size).mean(axis=1)
    normality = shapiro if len(values) <= LARGEST_SHAPIRO else normal_ad

    def check():
        acf(values, nlags=10, qstat=True, fft=True)
        return normality(values), normaltest(values), adfuller(blocks, autolag="AIC"), kpss(blocks, nlags="auto")

    return check


def interval_by_mapie(table: Table) -> Callable[[], object]:
    import numpy as np
    from mapie.regression import SplitConformalRegressor
    from sklearn.linear_model import LinearRegression

    features, outcomes, cut = floats(table, "x")[:, None], floats(table, "y"), table.n_rows // 2
    order = np.random.default_rng(0).permutation(cut)
    held, fitted = order[: round(0.4 * cut)], order[round(0.4 * cut) :]

    def anticipate():
        model = SplitConformalRegressor(LinearRegression(), confidence_level=0.9, prefit=False)
        model.fit(features[fitted], outcomes[fitted]).conformalize(features[held], outcomes[held])
        ends = model.predict_interval(features[cut:])[1]
        return np.mean((outcomes[cut:] < ends[:, 0, 0]) | (outcomes[cut:] > ends[:, 1, 0]))

    return anticipate


def inertia_by_numpy(table: Table) -> Callable[[], object]:
    import numpy as np

    from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson, unit_mean_interval

    asked, came, taken = (floats(table, name) for name in ("asked", "came", "taken"))

    def measure():
        inert = 1.0 - np.clip(came, 0.0, asked) / asked
        rejected = len(taken) - int(taken.sum())
        return inert.mean(), unit_mean_interval(inert.tolist(), 0.95), clopper_pearson(rejected, len(taken), 0.95)

    return measure


def graph_by_hash(table: Table) -> Callable[[], object]:
    from ophamin.core.canonical import content_hash
    from ophamin.measuring.pillars.provenance import run_graph

    graph = run_graph(Cycles(table))
    if find_spec("prov") is None:
        return lambda: content_hash(graph)
    from prov.model import ProvDocument

    text = json.dumps(graph)
    return lambda: (content_hash(graph), ProvDocument.deserialize(content=text, format="json").get_records())


class Case(NamedTuple):
    """A pillar: the module that holds it, the function there and its arguments, and what is timed beside it."""

    module: str
    maker: str
    given: tuple[Any, ...]
    settings: dict[str, Any]
    against: str
    direct: Callable[[Table], Callable[[], object]]
    library: str

    def pillar(self) -> Any:
        made = getattr(import_module(f"{ROOMS}.{self.module}"), self.maker)
        return made(*self.given, **self.settings) if self.maker != "PILLAR" else made


TAKEN = {"expected": "asked", "observed": "came", "accepted": "taken"}
CASES = {
    "O.spc": Case("observability.spc", "control_chart", ("phi",), {}, "numpy, four rules by hand", chart_by_numpy,
                  "import numpy"),
    "O.srm": Case("observability.srm", "srm", ("arm",), {"base": 1, "head": 1}, "bincount, scipy chisquare",
                  ratio_by_scipy, "from scipy.stats import chisquare"),
    "O.drift": Case("observability.drift", "drift", ("phi",), {}, "river ADWIN", drift_by_river,
                    "from river.drift import ADWIN"),
    "A.sprt": Case("adaptive.wald", "sprt", ("phi",), {"mu0": 0.0, "mu1": 1e-6, "sigma": 1.0}, "our GaussianSPRT",
                   wald_by_object, "pass"),
    "A.msprt": Case("adaptive.mixture", "msprt", ("phi",), {"mu0": 0.0, "sigma": 1.0}, "our MixtureSPRT",
                    mixture_by_object, "pass"),
    "M.mixed_effects": Case("effects.mixed", "mixed", ("y ~ x", "topic"), {}, "statsmodels MixedLM",
                            mixed_by_statsmodels, "from statsmodels.regression.mixed_linear_model import MixedLM"),
    "M.mea": Case("effects.mea", "mea", ("phi", "arm", "layout"), {}, "statsmodels ols, anova_lm", anova_by_statsmodels,
                  "import statsmodels.formula.api, statsmodels.stats.anova"),
    "I.cma": Case("synthesis.cumulative", "cumulative", ("y", "topic"), {"method": "dl"},
                  "bincount, combine_effects", pooled_by_statsmodels, "import statsmodels.stats.meta_analysis"),
    "N.cross_validation": Case("robustness.cross_validation", "k_fold", ("hit ~ x",), {}, "cross_val_score, 5 folds",
                               folds_by_sklearn, "import sklearn.linear_model, sklearn.model_selection"),
    "diagnostics.assumptions": Case("diagnostics.entitlement", "assumptions", ("phi",), {}, "the six library tests",
                                    checks_by_libraries, "import statsmodels.stats.diagnostic"),
    "diagnostics.anticipatory": Case("diagnostics.anticipation", "anticipatory", ("y ~ x",), {}, "mapie, split",
                                     interval_by_mapie, "import mapie.regression"),
    "diagnostics.inertia": Case("diagnostics.responsiveness", "inertia", (), TAKEN, "numpy, our two intervals",
                                inertia_by_numpy, "import numpy"),
    "F.provenance": Case("provenance", "PILLAR", (), {}, "hash (and prov) of a ready graph", graph_by_hash,
                         "import prov.model" if find_spec("prov") else "pass"),
}  # fmt: skip


# -- time ---------------------------------------------------------------------------------------------------------


def cpu(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def read(cycles: Cycles, names: tuple[str, ...]) -> None:
    """What every pillar does first: the complete rows, and numbers of those columns that hold some."""
    from ophamin.measuring.pillars.base import complete_rows, numbers

    columns, _ = complete_rows(cycles, names)
    for name, values in columns.items():
        if not isinstance(values[0], str):
            numbers(values, name)


def rounds_for(seconds: float, quick: bool) -> int:
    """Rounds that fit into 10 s of CPU: 21 at most, 3 at least, and 1 where a single one takes longer than that."""
    return 1 if seconds > 10.0 else max(3, min(5 if quick else 21, int(10.0 / seconds)))


def times(sizes: tuple[int, ...], quick: bool, wanted: list[str]) -> None:
    print("\nP12: a pillar beside its library   (goal: x <= 1.1 beyond a small constant)")
    print("  CPU ms, medians; 'reading' is the shared way from cycles to lists of numbers, part of 'pillar'")
    print(f"  {'pillar':<25}{'rows':>9}{'library':>11}{'pillar':>11}{'x':>9}{'added':>10}{'reading':>10}  against")
    for name in wanted:
        case, last = CASES[name], 0.0
        for n in sizes:
            if last * n > LONGEST:
                print(f"  {name:<25}{n:>9}   left out: the library would take about {last * n:.0f} s")
                continue
            last = one_size(name, case, n, quick) / n


def one_size(name: str, case: Case, n: int, quick: bool) -> float:
    """Print one line; seconds of the library."""
    cycles = Cycles(table_of(n))
    pillar, library = case.pillar(), case.direct(cycles.table)
    warnings.simplefilter("ignore")  # after the imports: a library may ask on import that its warnings be shown
    row = pillar.compute(cycles, [])
    if row.cross_check == "skipped" and row.statistic_value is None:
        raise SystemExit(f"{name} computed nothing of {n} rows: {row.detail}")
    first = cpu(library) + cpu(lambda: pillar.compute(cycles, []))
    told: dict[str, list[float]] = {"library": [], "pillar": [], "reading": []}
    for _ in range(rounds_for(first, quick)):
        told["library"].append(cpu(library))
        told["pillar"].append(cpu(lambda: pillar.compute(cycles, [])))
        told["reading"].append(cpu(lambda: read(cycles, pillar.columns)) if pillar.columns else 0.0)
    ratio = statistics.median(mine / other for mine, other in zip(told["pillar"], told["library"], strict=True))
    added = statistics.median(mine - other for mine, other in zip(told["pillar"], told["library"], strict=True))
    library_ms, pillar_ms, reading = (statistics.median(values) * 1e3 for values in told.values())
    print(
        f"  {name:<25}{n:>9}{library_ms:>11.2f}{pillar_ms:>11.2f}{ratio:>9.2f}{added * 1e3:>+10.2f}{reading:>10.2f}"
        f"  {case.against if n == SIZES[0] else ''}",
        flush=True,
    )
    return library_ms / 1e3


# -- imports ------------------------------------------------------------------------------------------------------


def first(name: str) -> None:
    """The first row of evidence of a process, from 100 cycles."""
    row = CASES[name].pillar().compute(Cycles(table_of(100)), [])
    assert row.statistic_value is not None, row.detail


def loaded_by(statement: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*(set({HEAVY}) & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return set(told.stdout.split())


def imports(quick: bool, wanted: list[str]) -> None:
    modules = {name: f"import {ROOMS}.{CASES[name].module}" for name in wanted}
    for statement in ("import ophamin", "from ophamin import scenario, rate", *modules.values()):
        heavy = loaded_by(statement)
        assert not heavy, f"{statement!r} loads {', '.join(sorted(heavy))}"
    print(f"\nP12: imports load none of {', '.join(HEAVY)}: ophamin, and each of {len(modules)} pillar modules")
    here = Path(__file__).parent
    plain = {"": "pass", "import ophamin": "import ophamin", "import pillars (this script)": "import pillars"}
    told = paired({key: _python(code) for key, code in plain.items()}, here, rounds=3 if quick else 11)
    base = statistics.median(told[""])
    for key in list(plain)[1:]:
        print(f"  {key:<30}{(statistics.median(told[key]) - base) * 1e3:+9.0f} ms CPU over python -c pass")
    print(f"  {'CPU ms over python -c pass':<27}{'module':>8}{'library':>9}{'first row':>11}  loads for the first row")
    for name, statement in modules.items():
        code = f"import pillars; pillars.first({name!r})"
        variants = {"": "pass", "module": statement, "library": CASES[name].library, "first row": code}
        told = paired({key: _python(one) for key, one in variants.items()}, here, rounds=1 if quick else 5)
        base = statistics.median(told.pop(""))
        module, library, row = ((statistics.median(values) - base) * 1e3 for values in told.values())
        print(f"  {name:<27}{module:>8.0f}{library:>9.0f}{row:>11.0f}  {' '.join(sorted(loaded_by(code)))}", flush=True)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# -- memory -------------------------------------------------------------------------------------------------------


def memory(quick: bool) -> None:
    cycles = 100_000 if quick else 1_000_000
    print(f"\nP12: peak resident memory of {cycles:,} cycles of one trial, MB over the same trial of 100 cycles")
    print("    (goal: <= 150 for 1,000,000 with one pillar that reads them)")
    for way in ("observe", "substrate"):
        command = [sys.executable, __file__, "--memory", way, str(cycles)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        print(f"  {way:<10} " + "   ".join(f"{stage} {value:6.0f}" for stage, value in told.items()))


def memory_of(way: str, cycles: int) -> dict[str, float]:
    """Peak of this process after each stage, over the peak after a short trial that has loaded everything."""
    run_trial(way, 100, lambda stage: None)
    base = peak()
    told: dict[str, float] = {}
    run_trial(way, cycles, lambda stage: told.setdefault(stage, peak() - base))
    return told


def peak() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def run_trial(way: str, cycles: int, reached: Callable[[str], object]) -> None:
    from ophamin import rate, scenario
    from ophamin.measuring.pillars.observability.spc import control_chart
    from ophamin.measuring.scenarios.functions import declaration_of
    from ophamin.measuring.trial import Situation, Trial
    from ophamin.seeing.substrate.base import SubstrateUnderTest

    class Answering(SubstrateUnderTest):
        name = "answering"

        def git_commit(self):
            return "bench"

        def reset(self):
            pass

        def run_cycle(self, stimulus, params=None):
            return CycleResult(0, True, {"phi": draw.random(), "ok": True})

    def test_it(trial):
        """Does it hold?"""

    draw = random.Random(0)
    pillar = control_chart("phi", rules=("shewhart",))
    declared = declaration_of(scenario("it holds", rate("ok") >= 0.5, pillars=[pillar])(test_it))
    trial = Trial(declared.compile(test_it, name="bench.it"), Situation("bench", Path.cwd()))
    trial.open()
    if way == "substrate":
        trial.attach(Answering())
        run = trial.substrate.run_cycle
        for number in range(cycles):
            run(f"stimulus {number}")
    else:
        for _ in range(cycles):
            trial.observe(phi=draw.random(), ok=True)
    len(trial.ledger.kept or ())
    reached("rows")
    assert pillar.compute(trial.cycles, []).statistic_value is not None
    reached("rows and pillar")
    assert len(trial.conclude()[0].record.evidence) == 2
    reached("concluded, record and file made")


def main() -> None:
    if "--memory" in sys.argv:
        way, cycles = sys.argv[sys.argv.index("--memory") + 1 :][:2]
        print(json.dumps(memory_of(way, int(cycles))))
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read when numpy is loaded, which is later; CPU time of idle threads counts otherwise
    quick = "--quick" in sys.argv
    wanted = [name for name in sys.argv[1:] if name in CASES] or list(CASES)
    imports(quick, wanted)
    memory(quick)
    times(SIZES[:2] if quick else SIZES, quick, wanted)


if __name__ == "__main__":
    main()
