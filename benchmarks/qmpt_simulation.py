# SPDX-License-Identifier: Apache-2.0
"""P16 and B12: layer steps per second, beside mesa on the same rule; change points and regime changes, beside ruptures.

``python benchmarks/qmpt_simulation.py [rounds]``; goals: one layer >= 100 000 steps/s on plain floats, ensembles >= 5
million layer-steps/s; the Nile's shift within 2 years of 1898. Times are CPU seconds of this process, the median over
rounds. mesa, ruptures and statsmodels are left out, by name, where they are not installed.
"""

import importlib.util
import math
import statistics
import sys
import time

import numpy as np

from qmpt.metrics.layer_changes import change_points, noise_scale
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.dynamics import FLOATS
from qmpt.simulation.ensemble import integrate_together, run_ensemble
from qmpt.simulation.scenarios import baseline, single_anomaly
from qmpt.simulation.steps import advance

NOISE = {"eta_s": 0.02, "eta_p": 0.02, "eta_c": 0.01}
RISING = {"rise": 3.0}


def runner(model="relax_v1", steps=3000, dt=0.1, **params):
    config = SimulationConfig(
        layer_id="L", dt=dt, t_end=steps * dt, model_id=model, params={"potential": RISING, **params}
    )
    made = single_anomaly(config)
    made.schedule  # noqa: B018 - worked out before the clock starts
    return made


def rate(action, work, rounds):
    """Units of work per CPU second."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    return work / statistics.median(times)


def scalar(rounds):
    print("\none layer, 30 000 steps   (goal: >= 100 000 steps/s on plain floats)")
    for model in ("relax_v1", "replicator_v1", "linear_v1"):
        for name, noise in (("no noise", {}), ("noise", NOISE)):
            made = runner(model, 30_000, 0.01, **noise)
            plain = rate(made.integrate, 30_000, rounds)
            states = rate(made.run, 30_000, rounds)
            print(
                f"  {model:<14} {name:<9} plain floats {plain:10,.0f}/s   with LayerState and regimes {states:10,.0f}/s"
            )


def ensembles(rounds):
    print("\nensembles, 3 000 steps, every 10th state kept   (goal: >= 5 million layer-steps/s)")
    for name, noise in (("no noise", {}), ("noise", NOISE)):
        for runs in (100, 1000, 5000):
            made = runner(**noise)

            def together(made=made, runs=runs):
                integrate_together(made, runs, made.settings, keep_every=10)

            found = rate(together, runs * 3000, rounds)
            print(f"  relax_v1 {name:<9} {runs:5d} layers  {found / 1e6:8.2f} million layer-steps/s")


def beside_mesa(rounds):
    print("\nthe same rule in mesa: 1000 agents that each hold one layer, 300 steps, no noise")
    if importlib.util.find_spec("mesa") is None:
        print("  mesa is not installed: left out")
        return
    import mesa

    made, agents, steps = runner(steps=300), 1000, 300
    model, settings, forcing = made.config.model(), made.settings, made.schedule.forcing

    class LayerAgent(mesa.Agent):
        def __init__(self, owner):
            super().__init__(owner)
            self.state = made.first_state()

        def step(self):
            force = forcing[self.model.index]
            rates = model.rates(self.state, force, settings, FLOATS)
            self.state = advance(rates, self.state, force, settings, 0.1, None, FLOATS)

    class LayerWorld(mesa.Model):
        def __init__(self):
            super().__init__(rng=0)
            self.index = 0
            for _ in range(agents):
                LayerAgent(self)

        def step(self):
            self.agents.do("step")
            self.index += 1

    ends = []

    def in_mesa():
        world = LayerWorld()
        for _ in range(steps):
            world.step()
        ends.append(next(iter(world.agents)).state)

    theirs = rate(in_mesa, agents * steps, rounds)
    ours = rate(lambda: integrate_together(made, agents, settings, keep_every=10), agents * steps, rounds)
    assert math.isclose(ends[-1].capacity, made.integrate()[0][-1].capacity, rel_tol=1e-12)
    print(f"  mesa {mesa.__version__:<9} {theirs:12,.0f} layer-steps/s   (it runs our step on plain floats)")
    print(f"  run_ensemble   {ours:12,.0f} layer-steps/s   x {ours / theirs:.1f}")


def nile():
    print("\nthe shift of the Nile   (goal: within 2 years of 1898)")
    if importlib.util.find_spec("statsmodels") is None:
        print("  statsmodels is not installed: left out")
        return
    from statsmodels.datasets import nile as data

    table = data.load_pandas().data
    years = [int(year) for year in table["year"]]
    found = change_points(table["volume"])
    print(f"  change_points    after {found.at(years)}")
    if importlib.util.find_spec("ruptures") is not None:
        import ruptures

        series = table["volume"].to_numpy() / found.noise
        ends = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(series).predict(pen=found.penalty)
        print(f"  ruptures {ruptures.__version__:<7} after {[years[end - 1] for end in ends[:-1]]}")


def shifts_of_stress(draws=200):
    """False alarms and delays, at one value per 20 units of time; slow noise breaks the assumption of independence."""
    print(f"\nshifts of stress on {draws} noisy layers at rest, to which an anomaly of strength 0.6 comes at t = 500")
    for name, noise in (("noise of stress", {"eta_s": 0.02}), ("slow noise of capacity too", NOISE)):
        print(f"  {name}")
        _shifts(draws, noise)


def _shifts(draws, noise):
    rest = {"stress": 0.09, "protection": 0.8, "capacity": 1.234, "novelty": 0.05}
    config = SimulationConfig(layer_id="L", dt=0.5, t_end=1000.0, params={"potential": 1.25, "start": rest, **noise})
    shocked = run_ensemble(single_anomaly(config, t_on=500.0), draws, keep_every=40).stress
    calm = run_ensemble(baseline(config), draws, keep_every=40).stress
    penalty = 3.0 * math.log(calm.shape[1])
    methods = {"change_points": lambda series: change_points(series, penalty=penalty).first}
    if importlib.util.find_spec("ruptures") is not None:
        import ruptures

        def pelt(series):
            search = ruptures.Pelt(model="l2", min_size=2, jump=1)
            return search.fit(series / noise_scale(series)).predict(pen=penalty)[:-1]

        methods[f"ruptures {ruptures.__version__}"] = pelt
    for name, method in methods.items():
        false = sum(bool(method(run)) for run in calm)
        near = [[20.0 * start - 500.0 for start in method(run)] for run in shocked]
        found = [min(away, key=abs) for away in near if away]
        print(
            f"    {name:<16} false alarms {false / draws:6.1%}, found {len(found) / draws:6.1%}, "
            f"nearest shift {statistics.median(found):+.0f} (5-95%: {np.quantile(found, 0.05):+.0f} to "
            f"{np.quantile(found, 0.95):+.0f})"
        )


def regime_changes(draws=200):
    """When noisy layers enter the regimes of the reference runs, beside the same layers without noise."""
    print(f"\nentry to regimes on {draws} layers with noise, beside the run without")
    cases = {
        "at rest": ({"potential": 1.25}, {"strength": 0.0}),
        "constructive": ({"potential": RISING}, {"sign": 1.0}),
        "destructive": ({"potential": RISING}, {"sign": -1.0}),
    }
    for name, (params, anomaly) in cases.items():
        config = SimulationConfig(layer_id="L", dt=0.5, t_end=300.0, params=params)
        exact = integrate_together(single_anomaly(config, **anomaly), 1, config.settings()).modes[0]
        noisy = run_ensemble(single_anomaly(config.with_params(**NOISE), **anomaly), draws).modes
        for mode in ("transition", "upgrade", "collapse"):
            entries = [0.5 * run.index(mode) for run in noisy if mode in run]
            wanted = f"{0.5 * exact.index(mode):5.1f}" if mode in exact else "never"
            spread = (
                f"median {statistics.median(entries):5.1f}, 5-95%: {np.quantile(entries, 0.05):.1f} to "
                f"{np.quantile(entries, 0.95):.1f}"
                if entries
                else ""
            )
            print(f"  {name:<13} {mode:<11} without noise {wanted}   with noise {len(entries) / draws:6.1%}  {spread}")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"numpy {np.__version__}, Python {sys.version.split()[0]}, {rounds} rounds, CPU time")
    scalar(rounds)
    ensembles(rounds)
    beside_mesa(rounds)
    nile()
    shifts_of_stress()
    regime_changes()


if __name__ == "__main__":
    main()
