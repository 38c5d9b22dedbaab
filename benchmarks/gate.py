# SPDX-License-Identifier: Apache-2.0
"""P6: one gate over a success rate of 0.9: errors, runs and overhead, against pytest-probability and simpler gates.

Errors and mean runs are computed exactly from each gate's own decision function, and the same streams of answers are
then replayed against all of them, as a check. Overhead is measured in real pytest sessions over the same answers.
``--quick`` takes fewer streams and sessions.
"""

import math
import random
import statistics
import sys
import tempfile
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from measure import child_cpu
from verdicts import naive_pass, rechecked_wilson

from ophamin import rate, scenario
from ophamin.measuring.inference.recursion import Ends, follow
from ophamin.measuring.plan import Plan
from ophamin.measuring.scenarios.functions import declaration_of

try:
    from pytest_probability.plugin import Gate, StatsConfig
except ImportError:
    raise SystemExit("this compares with pytest-probability; install it: pip install -e '.[bench]'") from None

BAR, MDE = 0.90, 0.05
TRUTHS = (0.80, 0.85, 0.88, 0.90, 0.92, 0.95, 0.99)
FIXED = 298  # the fixed sample that tells 0.90 from 0.95 at 5 % and 5 %
CAP = 2 * FIXED
Z_95 = statistics.NormalDist().inv_cdf(0.975)


# -- the gates: each has ``at(truth)`` -> (passed, failed, mean runs), exactly, and ``replay(answers)`` ----------------


class Ours:
    """The plan that ``@scenario(rate("ok") >= 0.90, mde=0.05)`` compiles to."""

    def __init__(self, **settings) -> None:
        plan = plan_of(**settings)
        self._rule, self._bar = plan.rule, plan.bar
        self._ends = follow(self._rule.start(self._bar), BAR)

    def at(self, truth):
        return _of_ends(self._ends, truth)

    def replay(self, answers):
        walk = self._rule.start(self._bar)
        for answer in islice(answers, walk.cap):
            if walk.update(answer):
                break
        return walk.side, walk.n


class Peer:
    """A rate gate of pytest-probability, asked after each run, as its plugin asks it."""

    def __init__(self, runs: int = CAP, *, sequential: bool = True, level: float = 0.95) -> None:
        gate = Gate(rule="rate", stats=StatsConfig(level=level), min_rate=BAR, runs=runs)
        self._gate, self._runs = gate.as_sequential() if sequential else gate, runs
        self._decided = lru_cache(maxsize=None)(self._ask)
        self._ends: list[tuple[int, int, str, int]] = []
        alive = {0: 1}  # passes -> in how many orders they can come without an end before
        for n in range(1, runs + 1):
            step: dict[int, int] = {}
            for passes, orders in alive.items():
                step[passes] = step.get(passes, 0) + orders
                step[passes + 1] = step.get(passes + 1, 0) + orders
            alive = {passes: orders for passes, orders in step.items() if self._decided(passes, n) is None}
            self._ends += [(n, passes, self._decided(passes, n), step[passes]) for passes in step.keys() - alive.keys()]

    def _ask(self, passes: int, n: int) -> str | None:
        return self._gate.decided(passes, n - passes, 0, self._runs - n)

    def at(self, truth):
        up, down = math.log(truth), math.log1p(-truth)
        ends = [(n, said, math.exp(math.log(orders) + k * up + (n - k) * down)) for n, k, said, orders in self._ends]
        passed, failed = (sum(chance for _, said, chance in ends if said == name) for name in ("pass", "fail"))
        return passed, failed, sum(n * chance for n, _, chance in ends)

    def replay(self, answers):
        passes = 0
        for n, answer in enumerate(answers, 1):
            passes += answer
            said = self._decided(passes, n)
            if said is not None:
                return {"pass": "above", "fail": "below"}.get(said), n
        raise AssertionError("the gate left its last run undecided")


class Naive:
    """A point estimate of a fixed number of runs against the bar."""

    def at(self, truth):
        passed = naive_pass(BAR, FIXED, truth)
        return passed, 1.0 - passed, FIXED

    def replay(self, answers):
        return ("above" if sum(islice(answers, FIXED)) >= BAR * FIXED else "below"), FIXED


class Wilson:
    """A 95 % Wilson interval, looked at after every ten runs until it leaves out the bar."""

    def __init__(self) -> None:
        self._ends = follow(rechecked_wilson(BAR, every=10, cap=CAP), BAR)

    def at(self, truth):
        return _of_ends(self._ends, truth)

    def replay(self, answers):
        passes = 0
        for n, answer in enumerate(islice(answers, CAP), 1):
            passes += answer
            if n % 10 == 0 or n == CAP:
                share, spread = passes / n, Z_95 * Z_95 / n
                half = math.sqrt(spread * (share * (1.0 - share) + 0.25 * spread))
                low, high = ((share + 0.5 * spread + side * half) / (1.0 + spread) for side in (-1.0, 1.0))
                if low > BAR or high < BAR:
                    return ("above" if low > BAR else "below"), n
        return None, CAP


def plan_of(**settings) -> Plan:
    def test_it(trial):
        """Does it answer?"""

    declared = declaration_of(scenario("it answers", rate("ok") >= BAR, mde=MDE, **settings)(test_it))
    return declared.compile(test_it, name="bench.it").plans[0]


def _of_ends(ends: Ends, truth: float):
    there = ends.at(truth)
    return there.above, there.below, there.expected_n


# -- errors and runs --------------------------------------------------------------------------------------------------


def compare(streams: int) -> None:
    gates = {
        f"ophamin, at most {CAP}": Ours(),
        "ophamin, calibrated": Ours(method="sprt", boundaries="calibrated"),
        "ophamin, alpha .01, beta .025": Ours(alpha=0.01, beta=0.025, budget=CAP),  # as careful as p-p at the bar
        f"p-p sequential, at most {CAP}": Peer(),
        "p-p sequential, level 0.90": Peer(level=0.90),
        "p-p sequential, at most 100": Peer(100),
        f"p-p curtail, at most {CAP}": Peer(sequential=False),
        f"naive threshold, {FIXED} runs": Naive(),
        "Wilson, re-checked": Wilson(),
    }
    exact = {name: [gate.at(truth) for truth in TRUTHS] for name, gate in gates.items()}
    print(f"\nP6: is the success rate at least {BAR}?   p-p: pytest-probability {version('pytest-probability')}; exact")
    for what, place, form in (("passed", 0, "8.4f"), ("failed", 1, "8.4f"), ("mean runs", 2, "8.1f")):
        print(f"  {what:<32}" + "".join(f"{truth:8.2f}" for truth in TRUTHS))
        for name, row in exact.items():
            print(f"    {name:<30}" + "".join(format(answer[place], form) for answer in row))
    print(f"  runs of p-p sequential, at most {CAP}, over those of ophamin")
    ours, theirs = next(iter(exact.values())), exact[f"p-p sequential, at most {CAP}"]
    print(" " * 34 + "".join(f"{their[2] / our[2]:8.2f}" for our, their in zip(ours, theirs, strict=True)))
    print("  worst hard flip between two reruns, over truths from .801 to .999")
    for name, gate in gates.items():
        flip = max(2.0 * passed * failed for passed, failed, _ in (gate.at(0.8 + i / 1000) for i in range(1, 200)))
        print(f"    {name:<30}{flip:8.4f}")
    _replay(gates, exact, streams)


def answers_of(truth: float, number: int) -> list[bool]:
    rng = random.Random(f"{truth}:{number}")
    return [rng.random() < truth for _ in range(CAP)]


def _replay(gates, exact, streams: int) -> None:
    gaps, contradicted, fewer = [], 0, 0
    ours, theirs = next(iter(gates)), f"p-p sequential, at most {CAP}"
    for place, truth in enumerate(TRUTHS):
        passed, failed = dict.fromkeys(gates, 0), dict.fromkeys(gates, 0)
        for number in range(streams):
            answers = answers_of(truth, number)
            said = {name: gate.replay(answers) for name, gate in gates.items()}
            for name, (side, _) in said.items():
                passed[name] += side == "above"
                failed[name] += side == "below"
            contradicted += {said[ours][0], said[theirs][0]} == {"above", "below"}
            fewer += said[ours][1] <= said[theirs][1]
        for name in gates:
            for count, chance in zip((passed[name], failed[name]), exact[name][place][:2], strict=True):
                spread = math.sqrt(max(chance * (1.0 - chance), 1.0 / streams) / streams)
                gaps.append((abs(count / streams - chance) / spread, name, truth))
    print(f"  the same {streams} streams at each truth, replayed: farthest from exact, in standard errors, of "
          f"{len(gaps)} shares: {max(gaps)[0]:.1f}")  # fmt: skip
    total = streams * len(TRUTHS)
    print(f"  ophamin and p-p sequential contradict each other on {contradicted} of {total} streams; "
          f"ophamin takes no more runs on {fewer / total:.1%}")  # fmt: skip


# -- what a run costs in a real session -------------------------------------------------------------------------------

HEAD = "import random\n\nimport pytest\n{imports}\n\ndef answers(case):\n"
DRAWN = "    rng = random.Random(f'{truth}:{{case}}')\n    while True:\n        yield rng.random() < {truth}\n\n\n"
NINE_OF_TEN = "    while True:\n        yield from [True] * 9 + [False]\n\n\n"
CASES = 'streams = [answers(case) for case in range({cases})]\n\n\n@pytest.mark.parametrize("case", range({cases}))\n'
OURS = (
    '@scenario("it answers", rate("ok") >= 0.9, mde=0.05, budget={cap})\n'
    "def test_gate(trial, case):\n"
    '    """Does it answer?"""\n'
    "    while not trial.decided:\n"
    "        trial.observe(ok=next(streams[case]))\n"
)
THEIRS = "@pytest.mark.probability(min_rate=0.9, runs={cap})\ndef bench_gate(case):\n    assert next(streams[case])\n"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # what else is installed would add its own hooks to each of their items
SESSIONS = {
    "plain pytest, one test": [*PYTEST, "test_plain.py"],
    "ophamin": [*PYTEST, "-p", "ophamin.plugin.entry", "--ophamin", "--ophamin-gate=none", "test_gate.py"],
    "p-p sequential": [
        *PYTEST, "-p", "pytest_probability.plugin", "--prob-stop=sequential", "--prob-undecided=pass", "bench_gate.py",
    ],
}  # fmt: skip


def write_gates(folder: Path, answers: str, *, truth: float = BAR, cap: int = CAP, cases: int = 1) -> Path:
    """One gate for each case, written for both plugins as their manuals write it, over the same answers."""
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_plain.py").write_text("def test_plain():\n    assert True\n", encoding="utf-8")
    ours, theirs = ("test_gate.py", "from ophamin import rate, scenario\n", OURS), ("bench_gate.py", "", THEIRS)
    for name, imports, gate in (ours, theirs):
        text = (HEAD + answers + CASES + gate).format(imports=imports, truth=truth, cases=cases, cap=cap)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def sessions(rounds: int) -> None:
    print("\nP6: real sessions on the same answers, each plugin alone; CPU and wall time, medians of sessions in turn")
    print("  truth, gates      session                   runs   CPU ms   wall ms   added to plain   added per run")
    with tempfile.TemporaryDirectory() as name:
        for truth, cases in ((0.90, 1), (0.95, 1), (0.99, 1), (0.95, 20)):
            folder = write_gates(Path(name) / f"{truth}-{cases}", DRAWN, truth=truth, cases=cases)
            streams = [answers_of(truth, case) for case in range(cases)]
            used = {
                gate: sum(rule.replay(answers)[1] for answers in streams)
                for gate, rule in (("ophamin", Ours()), ("p-p sequential", Peer()))
            }
            times = _timed(dict.fromkeys(SESSIONS, folder), rounds)
            _print_sessions(f"{truth:.2f}, {cases}", times, used)
        _each_further_run(Path(name), rounds)


def _timed(folders: dict[str, Path], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds of each session, in turn, one warm-up round not counted."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
    for turn in range(rounds + 1):
        for name, folder in folders.items():
            taken = child_cpu(SESSIONS[name], folder, ALONE)
            if turn:
                times[name].append(taken)
    return times


def _print_sessions(title: str, times, used) -> None:
    plain = times["plain pytest, one test"]
    for name, taken in times.items():
        cpu, wall = (statistics.median(one[at] for one in taken) * 1e3 for at in (0, 1))
        line = f"  {title:<18}{name:<24}{used.get(name, 1):>6}{cpu:9.0f}{wall:10.0f}"
        if name in used:
            added = statistics.median(mine[0] - base[0] for mine, base in zip(taken, plain, strict=True)) * 1e3
            line += f"{added:14.0f} ms{added / used[name] * 1e3:13.0f} us"
        print(line)


def _each_further_run(folder: Path, rounds: int) -> None:
    """Nine of ten answers are right, so that neither gate decides: what a longer trial adds, by its runs."""
    costs = {}
    for name, few, many in (("ophamin", 500, 20_000), ("p-p sequential", 200, 2_000)):
        times, used = {}, {}
        for cap in (few, many):
            gates = write_gates(folder / f"{name}-{cap}", NINE_OF_TEN, cap=cap)
            times[cap] = [cpu for cpu, _ in _timed({name: gates}, rounds)[name]]
            used[cap] = cap if name == "ophamin" else Peer(cap).replay(([True] * 9 + [False]) * (cap // 10))[1]
        costs[name] = (statistics.median(times[many]) - statistics.median(times[few])) / (used[many] - used[few])
        print(f"  each further run of one gate, {used[few]} to {used[many]}, {name}: {costs[name] * 1e6:.1f} us CPU")
    print(f"  p-p over ophamin: x {costs['p-p sequential'] / costs['ophamin']:.0f}   (goal: >= 20)")


def main() -> None:
    quick = "--quick" in sys.argv
    compare(streams=100 if quick else 4000)
    sessions(rounds=1 if quick else 5)


if __name__ == "__main__":
    main()
