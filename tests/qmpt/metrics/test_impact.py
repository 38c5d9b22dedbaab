# SPDX-License-Identifier: Apache-2.0
"""Promises about impact: by graph, by metadata, and by counterfactual."""

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.counterfactual import (
    CounterfactualImpact,
    Estimate,
    capacity_gain,
    compare_trajectories,
    counterfactual_impact,
)
from qmpt.metrics.impact import (
    GRAPH_IMPACTS,
    Impact,
    as_graph,
    graph_distances,
    graph_impact,
    ids_or_numbers,
    metadata_impact,
)


def first(impact, count=1):
    return set(sorted(impact.values, key=impact.values.get)[-count:])


LEADERS = {
    # Zachary 1977: the instructor (0) and the administrator (33); Padgett and Ansell 1993; Knuth 1993. By strength of
    # ties the students of the barricade hold each other up, and the last is for the two other measures.
    "karate": (list(nx.karate_club_graph().edges), {0, 33}, sorted(GRAPH_IMPACTS)),
    "florentine": (nx.florentine_families_graph(), {"Medici"}, sorted(GRAPH_IMPACTS)),
    "miserables": (nx.les_miserables_graph(), {"Valjean"}, ["graph:betweenness", "graph:pagerank"]),
}


@pytest.mark.parametrize(("name", "source"), [(name, source) for name in LEADERS for source in LEADERS[name][2]])
def test_the_known_leaders_have_the_most_impact(name, source):
    graph, leaders, _ = LEADERS[name]
    assert first(graph_impact(graph, source), len(leaders)) == leaders


@pytest.mark.parametrize("source", sorted(GRAPH_IMPACTS))
def test_impact_does_not_depend_on_the_order_of_edges(source):
    edges = list(nx.karate_club_graph().edges)
    one, other = graph_impact(edges, source), graph_impact(edges[::-1], source)
    for node, value in one.values.items():
        assert other.values[node] == pytest.approx(value, rel=1e-4)


MEETINGS = [("a", "b"), *[("b", "c")] * 60, *[("c", "b")] * 39]


@pytest.mark.parametrize("source", sorted(GRAPH_IMPACTS))
@pytest.mark.parametrize(
    ("often", "once"),
    [
        (MEETINGS, [("a", "b", 1), ("b", "c", 99)]),
        (nx.MultiGraph(MEETINGS), [("a", "b", 1), ("b", "c", 99)]),
        (nx.MultiDiGraph([*MEETINGS, ("c", "a")]), nx.DiGraph([("a", "b"), ("b", "c"), ("c", "b"), ("c", "a")])),
    ],
    ids=["edges", "multigraph", "directed multigraph"],
)
def test_an_edge_for_each_interaction_is_as_good_as_their_number(often, once, source):
    if isinstance(once, nx.DiGraph):
        once.add_weighted_edges_from([("b", "c", 60), ("c", "b", 39)])
    found, expected = graph_impact(often, source).values, graph_impact(once, source).values
    assert found == pytest.approx(expected)


def test_who_meets_often_has_more_rank_than_who_met_once():
    ranks = graph_impact(MEETINGS).values
    assert (ranks["a"], ranks["c"]) == pytest.approx((0.054, 0.459), abs=1e-3)


def test_a_multigraph_keeps_its_lonely_nodes_and_a_graph_is_given_back_as_it_is():
    graph = nx.MultiGraph([("a", "b"), ("a", "b")])
    graph.add_node("c", role="guest")
    assert as_graph(graph).nodes["c"] == {"role": "guest"}
    assert as_graph(graph).edges["a", "b"]["weight"] == 2.0
    simple = nx.Graph([("a", "b")])
    assert as_graph(simple) is simple


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8])
def test_numbers_of_numpy_are_weights_and_impacts(kind):
    edges = [("a", "b", kind(3)), ("b", "c", kind(1))]
    assert graph_impact(edges).values == graph_impact([("a", "b", 3), ("b", "c", 1)]).values
    assert Impact("given", {"a": kind(2)}).of(["a"]).tolist() == [2.0]
    assert metadata_impact({"a": {"followers": kind(2)}}, "followers").values == {"a": 2.0}


def test_an_edge_without_weight_adds_nothing_to_a_rank():
    with_, without = ([("a", "b", 2), ("b", "c", 1), *more] for more in ([("a", "c", 0)], []))
    assert graph_impact(with_).values == pytest.approx(graph_impact(without).values)


def test_the_distance_in_the_graph_counts_steps_to_the_nearest_centre():
    path = [(i, i + 1) for i in range(5)]  # two centres, 2 and 3
    assert graph_distances(path) == {0: 2.0, 1: 1.0, 2: 0.0, 3: 0.0, 4: 1.0, 5: 2.0}


def test_what_cannot_be_reached_lies_one_step_farther_than_what_can():
    assert graph_distances([("a", "b"), ("b", "c"), ("x", "y")])["x"] == 2.0


def test_directions_do_not_matter_to_the_distance():
    assert graph_distances(nx.DiGraph([("a", "b"), ("c", "b")])) == {"a": 1.0, "b": 0.0, "c": 1.0}


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.Graph(), "0 nodes"),
        ([("a",)], "neither a networkx graph"),
        (3, "neither a networkx graph"),
        ([("a", "b", -1.0)], "weight -1.0"),
        ([("a", "b", float("nan"))], "weight nan"),
        ([("a", "b", "much")], "weight 'much'"),
        ([("a", "b", True)], "weight True"),
        ([("a", "b", -1.0), ("a", "b", 2.0)], "weight -1.0"),
        (nx.MultiGraph([("a", "b", {"weight": None}), ("a", "b")]), "weight None"),
        ([("a", "b", 1e300)] * 2, r"weight 2e\+300; give a number in \[0, 1e\+300\]"),
        ([(["a"], "b")], r"\['a'\]-'b' must join two pattern ids"),
        ([(None, "b")], "None-'b' must join two pattern ids"),
    ],
    ids=[
        "empty",
        "half an edge",
        "a number",
        "negative",
        "nan",
        "text",
        "truth value",
        "made up for",
        "none",
        "too much",
        "list",
        "nobody",
    ],
)
def test_a_graph_that_cannot_be_used_is_refused(graph, message):
    with pytest.raises(DataError, match=message):
        graph_impact(graph)


def test_a_centrality_that_does_not_exist_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'graph:pagerank'"):
        graph_impact([("a", "b")], "graph:pagerang")


def test_a_centrality_that_is_not_found_says_what_to_use(monkeypatch):
    monkeypatch.setattr("qmpt.metrics.impact._STEPS", 2)
    with pytest.raises(DataError, match=r"34 nodes was not found within 2 steps.*use 'graph:pagerank'"):
        graph_impact(nx.karate_club_graph(), "graph:eigenvector")


def test_katz_exists_for_graphs_without_cycles_and_without_edges():
    chain = nx.DiGraph([(0, 1), (1, 2)])
    values = graph_impact(chain, "graph:katz").values
    assert values[2] > values[1] > values[0]
    lonely = nx.empty_graph(3)
    assert len(set(graph_impact(lonely, "graph:katz").values.values())) == 1


def test_metadata_gives_impact_where_each_pattern_has_a_number():
    found = metadata_impact({"a": {"followers": 10}, "b": {"followers": 3.5}}, "followers")
    assert found.source == "metadata:followers"
    assert found.of(["b", "a"]).tolist() == [3.5, 10.0]
    for value in (None, "3", True, float("nan")):
        with pytest.raises(DataError, match="'followers' of 'b'"):
            metadata_impact({"a": {"followers": 1}, "b": {"followers": value}}, "followers")


def test_a_pattern_without_impact_is_an_error_and_not_a_zero():
    with pytest.raises(DataError, match=r"1 of 2 patterns have no impact from given, such as 'b'"):
        Impact("given", {"a": 1.0}).of(["a", "b"])
    for value in (float("nan"), float("inf"), None, "3"):
        with pytest.raises(DataError, match=f"impact of 'a' is {value!r}; give a finite number"):
            Impact("given", {"a": value})
    with pytest.raises(DataError, match="impact is list; give a dictionary"):
        Impact("given", [1.0])


def test_ids_must_be_as_many_as_rows_and_different():
    for ids in (["a"], ["a", "a"]):
        with pytest.raises(DataError, match="for 2 rows"):
            ids_or_numbers(ids, 2)


# -- counterfactuals ---------------------------------------------------------------------------------------------------


def runs(seed=0, pairs=32, times=20):
    return np.random.default_rng(seed).normal([0.4, 0.6, 2.0], [0.1, 0.1, 0.5], size=(pairs, times, 3))


def test_a_pattern_that_changes_nothing_has_no_impact():
    found = compare_trajectories(runs(), runs())
    assert found.trajectory_difference == Estimate(0.0, 0.0, 0.0)
    assert found.norm_difference.sign == 0
    assert set(found.capacity_change) == {0.0}


def test_a_known_shift_is_measured_in_reference_standard_deviations():
    without = runs()
    moved = without.copy()
    moved[..., 0] += 2.0 * without[..., 0].std()
    found = compare_trajectories(moved, without)
    assert found.trajectory_difference.mean == pytest.approx(2.0)
    assert found.trajectory_difference.low == pytest.approx(found.trajectory_difference.high)
    assert found.norm_difference.mean < found.trajectory_difference.mean


def test_the_difference_of_norms_is_negative_where_a_pattern_calms_the_layer():
    without = runs()
    center = without.mean(axis=(0, 1))
    found = compare_trajectories(center + 0.5 * (without - center), without)
    assert found.norm_difference.sign == -1
    assert found.trajectory_difference.sign == 1


def test_a_quantity_that_does_not_vary_keeps_its_own_unit():
    still = np.full((32, 5, 3), 0.5)
    moved = still.copy()
    moved[..., 2] += 3.0
    assert compare_trajectories(moved, still).trajectory_difference.mean == pytest.approx(3.0)


def test_pairs_that_end_in_other_modes_are_counted():
    modes = (["collapse"] * 3 + ["stable"] * 29, ["stable"] * 32)
    assert compare_trajectories(runs(), runs(), modes=modes).modes_changed == 3
    assert compare_trajectories(runs(), runs()).modes_changed is None


def test_the_interval_covers_the_mean_at_its_level():
    draw, inside = np.random.default_rng(1), 0
    for trial in range(60):
        without = runs(trial, times=4)
        moved = without.copy()
        moved[..., 2] += draw.normal(0.5, 0.5, size=(32, 1))
        found = compare_trajectories(moved, without, n_resamples=200, seed=trial)
        truth = np.abs(draw.normal(0.5, 0.5, size=20_000)).mean() / without[..., 2].std()
        inside += found.trajectory_difference.low <= truth <= found.trajectory_difference.high
    assert inside >= 50  # 57 expected


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((runs(pairs=31), runs(pairs=31)), InsufficientEvidence, "31 pairs"),
        ((runs(), runs(times=3)), DataError, "equal length"),
        ((runs()[..., :2], runs()), DataError, r"\(pairs, times, 3\)"),
        ((runs() * np.nan, runs()), DataError, "not finite"),
    ],
    ids=["pairs", "lengths", "quantities", "nan"],
)
def test_runs_that_cannot_be_compared_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        compare_trajectories(*given)


def test_the_bound_on_capacity_is_the_one_sided_student_interval():
    values = np.random.default_rng(0).normal(0.3, 1.0, size=40)
    peer = stats.ttest_1samp(values, 0.0, alternative="greater").confidence_interval(0.95).low
    assert capacity_gain(values) == pytest.approx(peer)
    with pytest.raises(InsufficientEvidence, match="31 pairs"):
        capacity_gain(values[:31])
    with pytest.raises(DataError, match="not finite"):
        capacity_gain([np.nan] * 32)
    with pytest.raises(ConfigError, match=r"level is 0\.5"):
        capacity_gain(values, 0.5)


def test_counterfactual_impact_is_signed_only_when_asked():
    found = {"a": CounterfactualImpact(Estimate(-1.0, -2.0, 0.0), Estimate(2.0, 1.0, 3.0), (), 32, None)}
    assert counterfactual_impact(found).values == {"a": 2.0}
    assert counterfactual_impact(found, signed=True).values == {"a": -1.0}
    assert counterfactual_impact(found, signed=True).source == "counterfactual:signed"
