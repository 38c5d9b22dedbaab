"""Claims about the instruments themselves: is what we measure with to be trusted?"""

import rfc8785

from ophamin import rate, scenario
from ophamin.core.canonical import canonical_bytes


def draw_document(rng, depth=0):
    """A random document of the kinds on which both canonical forms must agree: no floats, ASCII keys and texts."""
    kind = rng.integers(0, 7 if depth < 3 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return bool(rng.integers(0, 2))
    if kind == 2:
        return int(rng.integers(-(2**53) + 1, 2**53))
    if kind in {3, 4}:
        return "".join(chr(rng.integers(32, 127)) for _ in range(rng.integers(0, 12)))
    if kind == 5:
        return [draw_document(rng, depth + 1) for _ in range(rng.integers(0, 5))]
    return {f"key_{rng.integers(0, 50)}": draw_document(rng, depth + 1) for _ in range(rng.integers(0, 5))}


@scenario(
    "our canonical JSON and an independent RFC 8785 implementation give the same bytes",
    rate("differs") <= 0.01,
    tier="measurement_machinery",
    family="canonical-form",
)
def test_canonical_form_agrees_with_rfc_8785(trial, rng):
    """Do content ids rest on our own reading of JSON?

    On documents without floats the two forms are the same by specification, so any difference is a fault of one of
    the two programs.

    If refuted: ids of records cannot be recomputed by others.
    """
    for _ in range(500):
        document = draw_document(rng)
        trial.observe(differs=canonical_bytes(document) != rfc8785.dumps(document))


@scenario(
    "our exact bounds of a rate and those of scipy are the same to nine digits",
    rate("differs") <= 0.01,
    tier="measurement_machinery",
    family="inference",
    budget=400,
)
def test_exact_bounds_agree_with_scipy(trial, rng):
    """Do verdicts about rates rest on our own incomplete beta function?

    If refuted: no verdict about a rate can be trusted until one of the two programs is mended.
    """
    from scipy.stats import beta

    from ophamin.measuring.inference import Bar, BinomialRate

    while not trial.decided:
        n = int(rng.integers(1, 3000))
        successes = int(rng.integers(0, n + 1))
        level = float(rng.choice([0.001, 0.01, 0.05, 0.2]))
        values = [1] * successes + [0] * (n - successes)
        decision = BinomialRate().decide(values, Bar(">=", 0.5, alpha=level, beta=level))
        low = beta.ppf(level, successes, n - successes + 1) if successes else 0.0
        high = beta.isf(level, successes + 1, n - successes) if successes < n else 1.0
        trial.observe(differs=abs(decision.low - low) > 1e-9 or abs(decision.high - high) > 1e-9)


@scenario(
    "a second implementation confirms every sample ratio test",
    rate("unconfirmed") <= 0.02,
    tier="measurement_machinery",
    family="pillars",
    budget=300,
)
def test_sample_ratio_tests_are_confirmed(trial, rng):
    """Is "cross-check passed" earned, on counts that nobody chose?

    If refuted: the word in our records means nothing.
    """
    from ophamin.core.shapes import CycleResult
    from ophamin.measuring.pillars.observability.srm import srm

    while not trial.decided:
        share = float(rng.uniform(0.3, 0.7))
        arms = rng.choice(["base", "head"], size=int(rng.integers(20, 200)), p=[share, 1 - share])
        row = srm("arm", base=0.5, head=0.5).compute(
            [CycleResult(n, True, {"arm": str(a)}) for n, a in enumerate(arms)], []
        )
        trial.observe(unconfirmed=row.cross_check != "passed")


@scenario(
    "a stable system sets off a control chart at most in one run out of five",
    rate("alarmed") <= 0.2,
    tier="measurement_machinery",
    family="pillars",
    budget=300,
)
def test_a_control_chart_keeps_quiet(trial, rng):
    """Can a chart stand beside a claim without crying wolf?

    Individuals against limits from 100 earlier ones, 20 points judged by the three-sigma limits alone: about 5 % of
    runs are expected to signal, and some more for limits that are themselves estimated.

    If refuted: control limits are narrower than they say.
    """
    from ophamin.measuring.pillars.observability.spc import IndividualsChart

    while not trial.decided:
        values = rng.normal(10.0, 2.0, 120)
        chart = IndividualsChart(rules=("shewhart",)).fit(values[:100])
        trial.observe(alarmed=bool(chart.check(values[100:]).violations))
