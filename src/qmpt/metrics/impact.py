# SPDX-License-Identifier: Apache-2.0
"""How much a pattern matters to its layer: by its place in a graph, by a number of one's own, or by a counterfactual.

Impact is never guessed. Without a source the term is 0 for all, and the source reads ``none``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.data.values import LARGEST
from qmpt.errors import ConfigError, DataError, nearest_name
from qmpt.metrics.evidence import number_or_none

__all__ = ["GRAPH_IMPACTS", "Impact", "as_graph", "graph_distances", "graph_impact", "metadata_impact"]

Array = NDArray[np.float64]

_KATZ_SHARE: Final = 0.85
_STEPS: Final = 1000


@dataclass(frozen=True, slots=True)
class Impact:
    """An impact value per pattern, and where it comes from.

    Attributes:
        source: ``graph:pagerank``, ``metadata:followers``, ``counterfactual``, ``given``, ...
        values: pattern id -> finite number of Python or numpy, in any unit; larger is more.

    Raises:
        DataError: the values are no mapping, or one is no finite number.

    Example:
        >>> Impact("given", {"a": 1.0, "b": 0.5}).of(["b", "a"]).tolist()
        [0.5, 1.0]
    """

    source: str
    values: Mapping[Hashable, float]

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise DataError(f"impact is {type(self.values).__name__}; give a dictionary pattern id -> number")
        for key, value in self.values.items():
            if number_or_none(value) is None:
                raise DataError(
                    f"the impact of {key!r} is {value!r:.40}; give a finite number, or leave impact out for all"
                )

    def of(self, ids: Sequence[Hashable]) -> Array:
        """Values in the order of ``ids``, shape (n,).

        Raises:
            DataError: where an id has none.
        """
        missing = [one for one in ids if one not in self.values]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(ids)} patterns have no impact from {self.source}, such as {missing[0]!r}; "
                "give ids=, a value for each, or set impact to 'none'"
            )
        return np.array([float(self.values[one]) for one in ids])


def as_graph(graph: Any) -> Any:
    """A networkx graph with one edge, and so one weight, between any two nodes.

    Edges ``(a, b)`` or ``(a, b, weight)`` make a new undirected graph. What joins the same two nodes again adds its
    weight, so that one edge for each interaction gives the same graph as one edge that weighs as much as all. Parallel
    edges of a multigraph are summed in the same way, with their directions. Any other networkx graph is given back as
    it is. An edge without a weight weighs 1.

    Raises:
        DataError: neither a graph nor edges, a weight that is negative or no finite number, or no node.

    Example:
        >>> as_graph([("a", "b"), ("b", "c", 2.0), ("c", "b")]).edges(data="weight")
        EdgeDataView([('a', 'b', 1.0), ('b', 'c', 3.0)])
    """
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        try:
            edges = [(edge[0], edge[1], edge[2] if len(edge) > 2 else 1.0) for edge in graph]
        except (TypeError, IndexError, KeyError):
            raise DataError("the graph is neither a networkx graph nor edges (a, b) or (a, b, weight)") from None
        graph = _with_summed_edges(nx.Graph(), edges)
    elif graph.is_multigraph():
        simple = nx.DiGraph() if graph.is_directed() else nx.Graph()
        simple.add_nodes_from(graph.nodes(data=True))
        graph = _with_summed_edges(simple, graph.edges(data="weight", default=1.0))
    if graph.number_of_nodes() == 0:
        raise DataError("the graph has 0 nodes; give one node per pattern, or set impact to 'none'")
    for a, b, weight in graph.edges(data="weight", default=1.0):
        _edge_weight(a, b, weight)
    return graph


def _with_summed_edges(graph: Any, edges: Iterable[tuple[Any, Any, Any]]) -> Any:
    for a, b, given in edges:
        weight = _edge_weight(a, b, given)
        try:
            weight += graph.get_edge_data(a, b, {}).get("weight", 0.0)
            graph.add_edge(a, b, weight=weight)
        except (TypeError, ValueError):  # networkx takes neither None nor what has no hash
            raise DataError(f"the edge {a!r}-{b!r} must join two pattern ids, such as texts or numbers") from None
    return graph


def _edge_weight(a: Any, b: Any, weight: Any) -> float:
    number = number_or_none(weight)
    if number is None or number < 0.0:
        raise DataError(
            f"the edge {a!r}-{b!r} has the weight {weight!r:.40}; give a number in [0, {LARGEST:g}], or none for 1"
        )
    return number


def _pagerank(graph: Any) -> dict[Any, float]:
    import networkx as nx

    ranks: dict[Any, float] = nx.pagerank(graph)
    return ranks


def _betweenness(graph: Any) -> dict[Any, float]:
    import networkx as nx

    shares: dict[Any, float] = nx.betweenness_centrality(graph)
    return shares


def _katz(graph: Any) -> dict[Any, float]:
    import networkx as nx

    largest = float(np.abs(np.linalg.eigvals(nx.to_numpy_array(graph))).max())
    alpha = _KATZ_SHARE / largest if largest > 1e-6 else _KATZ_SHARE
    found: dict[Any, float] = nx.katz_centrality_numpy(graph, alpha=alpha, weight="weight")
    return {node: float(value) for node, value in found.items()}


def _eigenvector(graph: Any) -> dict[Any, float]:
    import networkx as nx

    try:
        found: dict[Any, float] = nx.eigenvector_centrality(graph, max_iter=_STEPS, weight="weight")
    except nx.PowerIterationFailedConvergence:
        raise DataError(
            f"eigenvector centrality of {graph.number_of_nodes()} nodes was not found within {_STEPS} steps, as in "
            "graphs without cycles; use 'graph:pagerank' or 'graph:katz'"
        ) from None
    return found


GRAPH_IMPACTS: Final[dict[str, Callable[[Any], dict[Any, float]]]] = {
    "graph:pagerank": _pagerank,
    "graph:betweenness": _betweenness,
    "graph:katz": _katz,
    "graph:eigenvector": _eigenvector,
}
"""Centralities by name, as networkx computes them. PageRank, Katz and eigenvector read the edge attribute ``weight`` as
strength; betweenness counts steps, over edges of any weight. Katz attenuates by 0.85 over the largest eigenvalue, so
that it always exists."""


def graph_impact(graph: Any, source: str = "graph:pagerank") -> Impact:
    """Impact by centrality in a graph of who interacts with whom.

    Args:
        graph: a networkx graph, or edges as in `as_graph`; nodes are pattern ids.
        source: a name of `GRAPH_IMPACTS`.

    Raises:
        ConfigError: an unknown name.
        DataError: an unusable graph, or a centrality that does not exist for it.

    Example:
        >>> star = graph_impact([("hub", "a"), ("hub", "b"), ("hub", "c")], "graph:betweenness")
        >>> max(star.values, key=star.values.get)
        'hub'
    """
    measure = GRAPH_IMPACTS.get(source)
    if measure is None:
        raise ConfigError(f"impact is {source!r}; {nearest_name(source, GRAPH_IMPACTS)}")
    return Impact(source, measure(as_graph(graph)))


def graph_distances(graph: Any) -> dict[Any, float]:
    """Steps from each node to the nearest centre of the graph's largest component.

    The centre is the set of nodes whose farthest node is nearest. A node that cannot be reached lies one step farther
    than the farthest that can. Directions are ignored.

    Raises:
        DataError: an unusable graph.

    Example:
        >>> graph_distances([("a", "b"), ("b", "c")])
        {'a': 1.0, 'b': 0.0, 'c': 1.0}
    """
    import networkx as nx

    whole = as_graph(graph).to_undirected()
    part = whole.subgraph(max(nx.connected_components(whole), key=len))
    steps = nx.multi_source_dijkstra_path_length(part, set(nx.center(part)), weight=None)
    beyond = max(steps.values()) + 1.0
    return {node: float(steps.get(node, beyond)) for node in whole.nodes}


def metadata_impact(metadata: Mapping[Hashable, Mapping[str, Any]], key: str) -> Impact:
    """Impact read from a number that the patterns carry with them, such as ``followers``.

    Args:
        metadata: pattern id -> its metadata.
        key: which entry holds the number.

    Raises:
        DataError: where a pattern lacks it, or it is no finite number.

    Example:
        >>> metadata_impact({"a": {"followers": 10}, "b": {"followers": 3}}, "followers").values
        {'a': 10.0, 'b': 3.0}
    """
    values: dict[Hashable, float] = {}
    for one, entries in metadata.items():
        number = number_or_none(entries.get(key))
        if number is None:
            raise DataError(
                f"the metadata {key!r} of {one!r} is {entries.get(key)!r:.40}; give each pattern a finite number there"
            )
        values[one] = number
    return Impact(f"metadata:{key}", values)


def ids_or_numbers(ids: Iterable[Hashable] | None, n: int) -> list[Hashable]:
    """The ids of n rows, or 0 to n - 1.

    Raises:
        DataError: another number of ids, or the same twice.

    Example:
        >>> ids_or_numbers(None, 2)
        [0, 1]
    """
    if ids is None:
        return list(range(n))
    named = list(ids)
    if len(named) != n or len(set(named)) != n:
        raise DataError(
            f"{len(named)} ids ({len(set(named))} different) for {n} rows; give one id of its own to each row"
        )
    return named
