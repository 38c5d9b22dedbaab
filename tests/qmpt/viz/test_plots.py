# SPDX-License-Identifier: Apache-2.0
"""The plots, looked at by their parts; what they look like was judged by eye."""

import math

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - after the backend was chosen
import numpy as np  # noqa: E402 - likewise

from qmpt.data.models import Layer, LayerState, Pattern  # noqa: E402 - likewise
from qmpt.errors import DataError  # noqa: E402 - likewise
from qmpt.viz.plots import plot_anomaly_hist, plot_anomaly_vs_reflexivity, plot_layer_trajectory  # noqa: E402
from qmpt.viz.plots_calibration import plot_calibration, reliability_points  # noqa: E402 - likewise
from qmpt.viz.plots_ensemble import plot_ensemble_fan  # noqa: E402 - likewise
from qmpt.viz.plots_population import plot_ranked_scores, plot_terms  # noqa: E402 - likewise
from qmpt.viz.plots_shifts import plot_shifts  # noqa: E402 - likewise
from qmpt.viz.plots_stress import plot_observed_levels  # noqa: E402 - likewise
from qmpt.viz.plots_style import missing_note  # noqa: E402 - likewise


def pattern(name, score, reflexivity=None):
    return Pattern(pattern_id=name, layer_id="L", anomaly_score=score, reflexivity=reflexivity)


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    """Nothing is shown, and figures of one test are gone in the next."""
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a plot was shown"))
    yield
    plt.close("all")


@pytest.fixture
def scored():
    """Twelve patterns: ten with a score, one far out, two without; half of the scored have a reflexivity."""
    found = {f"p{n}": pattern(f"p{n}", n / 10, 0.1 * n if n % 2 else None) for n in range(9)}
    found["far"] = pattern("far", 7.5, 0.9)
    return found | {name: pattern(name, None) for name in ("none", "nothing")}


def states(n=6, gaps=()):
    return [
        LayerState(
            t=t,
            stress=None if t in gaps else 0.2 + 0.1 * t,
            protection=0.8,
            macro_state={"mode": "stagnation" if t < 3 else "upgrade", "capacity": 1.0 + t, "events": []},
        )
        for t in range(n)
    ]


PLOTS = {
    "hist": lambda ax: plot_anomaly_hist({"a": pattern("a", 1.0)}, ax),
    "scatter": lambda ax: plot_anomaly_vs_reflexivity({"a": pattern("a", 1.0, 0.5)}, ax),
    "trajectory": lambda ax: plot_layer_trajectory(Layer(layer_id="L", state_trajectory=states()), ax),
    "ranked": lambda ax: plot_ranked_scores({"a": 1.0}, ax),
    "terms": lambda ax: plot_terms({"a": {"rarity": 1.0}}, ax),
    "calibration": lambda ax: plot_calibration([0.1, 0.9], [False, True], ax),
    "fan": lambda ax: plot_ensemble_fan(np.arange(3), {"baseline": np.ones((4, 3))}, ax),
    "shifts": lambda ax: plot_shifts({"cost": (1.0, 0.5, 1.5)}, ax),
}
EMPTY = {
    "hist": lambda: plot_anomaly_hist({}),
    "scatter": lambda: plot_anomaly_vs_reflexivity({}),
    "trajectory": lambda: plot_layer_trajectory(Layer(layer_id="L")),
    "ranked": lambda: plot_ranked_scores({}),
    "terms": lambda: plot_terms({}),
    "calibration": lambda: plot_calibration([], []),
    "shifts": lambda: plot_shifts({}),
}


def caption(ax):
    """The text under the axes, in one line."""
    return " ".join(max((text.get_text() for text in ax.texts), key=len).split())


@pytest.mark.parametrize("name", PLOTS)
def test_each_plot_draws_on_the_axes_it_is_given_and_gives_them_back(name):
    _, ax = plt.subplots()
    assert PLOTS[name](ax) is ax
    assert PLOTS[name](None) is not ax


@pytest.mark.parametrize("name", PLOTS)
def test_the_caption_of_each_plot_carries_the_caveat(name):
    assert "Exploratory, not diagnostic" in caption(PLOTS[name](None))


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_population_gives_an_empty_plot(name):
    ax = EMPTY[name]()
    ax.figure.canvas.draw()
    assert "Exploratory, not diagnostic" in caption(ax)


@pytest.mark.parametrize("name", PLOTS)
def test_the_caption_lies_within_the_figure(name):
    ax = PLOTS[name](None)
    ax.figure.canvas.draw()
    box = max(ax.texts, key=lambda text: len(text.get_text())).get_window_extent()
    width, height = ax.figure.canvas.get_width_height()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


def test_the_histogram_counts_every_score_once_and_says_how_many_are_missing(scored):
    ax = plot_anomaly_hist(scored, thresholds=(0.65, 5.0))
    assert sum(bar.get_height() for bar in ax.patches) == 10
    assert "2 of 12 patterns have no anomaly score" in caption(ax)
    assert any("far" in text.get_text() for text in ax.texts)
    lines = {round(float(line.get_xdata()[0]), 2) for line in ax.lines if line.get_linestyle() == "--"}
    assert {0.65, 5.0} <= lines


def test_names_of_thresholds_that_lie_close_together_do_not_meet(scored):
    ax = plot_anomaly_hist(scored, thresholds=(2.0, 2.02))
    ax.figure.canvas.draw()
    one, other = (text.get_window_extent() for text in ax.texts if "≥" in text.get_text())
    assert not one.overlaps(other)


def test_thresholds_that_do_not_exist_are_not_drawn(scored):
    ax = plot_anomaly_hist(scored, thresholds=(math.inf, math.inf))
    ax.figure.canvas.draw()
    assert not [line for line in ax.lines if line.get_linestyle() == "--"]


def test_scores_that_are_all_alike_can_be_drawn():
    ax = plot_anomaly_hist({f"p{n}": pattern(f"p{n}", 1.0) for n in range(20)})
    assert sum(bar.get_height() for bar in ax.patches) == 20


def test_a_score_far_out_does_not_make_thousands_of_bars():
    far = {f"p{n}": pattern(f"p{n}", n / 1000) for n in range(100)} | {"far": pattern("far", 1e9)}
    assert len(plot_anomaly_hist(far).patches) <= 4 * 40


def test_a_pattern_without_reflexivity_is_under_the_line_and_not_at_zero(scored):
    ax = plot_anomaly_vs_reflexivity(scored)
    under = [line for line in ax.lines if line.get_marker() == "|"]
    assert len(under) == 5
    assert all(line.get_ydata()[0] < 0.0 for line in under)
    assert "5 of 10 patterns have a score and no reflexivity" in caption(ax)
    assert "2 of 12 patterns have no anomaly score" in caption(ax)


def test_a_gap_in_a_trajectory_is_a_gap_and_is_counted():
    ax = plot_layer_trajectory(Layer(layer_id="L", state_trajectory=states(6, gaps=(2, 3))))
    stress = next(line for line in ax.lines if line.get_label() == "stress")
    assert [math.isnan(value) for value in stress.get_ydata()] == [False, False, True, True, False, False]
    assert "2 of 6 states have no stress (gaps)" in caption(ax)


def test_capacity_has_an_axis_of_its_own_and_regimes_are_named():
    ax = plot_layer_trajectory(Layer(layer_id="L", state_trajectory=states()))
    assert [each.get_ylabel() for each in ax.figure.axes] == ["stress, protection", "capacity"]
    legend = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"stress", "protection", "capacity (right)", "stagnation", "upgrade"} == legend


def test_ranked_scores_come_highest_first_and_intervals_where_there_are_any():
    ax = plot_ranked_scores(
        {"low": 1.0, "high": 3.0, "none": None}, intervals={"high": (2.0, 5.0)}, labels={"high": "rare"}
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["high", "low"]
    assert any(list(line.get_xdata()) == [2.0, 5.0] for line in ax.lines)
    assert "1 of 3 patterns has no anomaly score" in caption(ax)
    assert "(1 without)" in caption(ax)


def test_terms_add_up_to_the_diamond_and_negative_parts_go_to_the_left():
    ax = plot_terms({"a": {"rarity": 2.0, "distance": -0.5, "impact": 1.0}})
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert max(max(span) for span in spans) == 3.0
    assert min(min(span) for span in spans) == -0.5
    assert any(line.get_marker() == "D" and line.get_xdata()[0] == 2.5 for line in ax.lines)
    assert "no source" not in caption(ax)
    assert "Impact has no source" in caption(plot_terms({"a": {"rarity": 2.0}}))


def test_reliability_is_the_share_that_happened_with_a_wilson_interval():
    # 8 of 10: Wilson 95 % is 0.490 to 0.943 (Brown, Cai, DasGupta, Statistical Science 16 (2001), formula 4)
    (mean, share, low, high, n), *others = reliability_points([0.75] * 10, [True] * 8 + [False] * 2)
    assert (mean, share, n, others) == (0.75, 0.8, 10, [])
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert reliability_points([1.0], [True])[0][4] == 1


def test_forecasts_without_an_outcome_are_counted():
    ax = plot_calibration([0.1, None, 0.9], [False, True, None])
    assert "2 of 3 forecasts have no probability or no outcome yet" in caption(ax)


@pytest.mark.parametrize(
    ("probabilities", "outcomes"), [([0.5], []), ([1.5], [True]), ([-0.1], [False])], ids=["lengths", "high", "low"]
)
def test_forecasts_that_are_none_are_refused(probabilities, outcomes):
    with pytest.raises(DataError):
        plot_calibration(probabilities, outcomes)


def test_a_fan_leaves_missing_values_out_and_says_so():
    runs = np.ones((4, 3))
    runs[0, 1] = math.nan
    ax = plot_ensemble_fan(np.arange(3), {"a": runs, "b": 2 * np.ones((5, 3))})
    assert "1 of 27 values are missing" in caption(ax)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"a (4 runs)", "b (5 runs)"}


@pytest.mark.parametrize(
    "runs",
    [{}, {"a": np.ones((4, 2))}, {"a": np.ones(3)}, {"a": np.ones((0, 3))}],
    ids=["none", "short", "flat", "empty"],
)
def test_a_fan_of_another_shape_is_refused(runs):
    with pytest.raises(DataError):
        plot_ensemble_fan(np.arange(3), runs)


def test_foreign_names_are_no_formulas_and_no_controls():
    name = "$\\frac{1$ \x1b[2J" + "x" * 80
    ax = plot_ranked_scores({name: 1.0, "b": 2.0})
    ax.figure.canvas.draw()
    shown = ax.get_yticklabels()[1].get_text()
    assert "\x1b" not in shown
    assert len(shown) < 45
    plot_anomaly_hist({name: pattern("p", 1.0)}).figure.canvas.draw()
    plot_anomaly_vs_reflexivity({name: pattern("p", 1.0, 0.5)}).figure.canvas.draw()
    plot_layer_trajectory(Layer(layer_id=name)).figure.canvas.draw()


def test_nothing_missing_is_nothing_said():
    assert missing_note(0, 5, "an anomaly score") == ""
    assert missing_note(1, 5, "an anomaly score") == "1 of 5 patterns has no anomaly score and is not drawn."


def test_observed_levels_have_gaps_a_reference_and_shifts():
    levels = {"stress": ([0.2, None, 0.9], [(0.1, 0.3), None, (0.8, 1.0)])}
    ax = plot_observed_levels([0.0, 3600.0, 7200.0], levels, reference=(0.0, 3600.0), changes=[7200.0])
    assert "1 of 3 windows have no stress" in caption(ax)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"reference", "stress", "shift"}
    ax.figure.canvas.draw()
