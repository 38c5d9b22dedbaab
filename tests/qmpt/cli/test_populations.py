# SPDX-License-Identifier: Apache-2.0
import pytest

from qmpt.cli.feature_table import FEWEST_FOR_TOPICS, compute_features
from qmpt.cli.layers import FeaturedLayer
from qmpt.cli.options import Grouping
from qmpt.cli.output import say_table
from qmpt.cli.population_statistics import population_statistics
from qmpt.cli.populations import enough_people, read_population, source_options
from qmpt.cli.self_knowledge import Estimators, _parts, _window_scores
from qmpt.cli.simulating import sparkline
from qmpt.data.io import save_observations, save_patterns
from qmpt.data.models import Observation, Pattern
from qmpt.errors import DataError, InsufficientEvidence, SourceError
from qmpt.metrics.reflexivity import ReflexivityEstimator
from qmpt.metrics.self_operator import SelfOperatorEstimator
from qmpt.runs import file_digests, write_run


def seen(number, pattern="a", when=0.0, modality="text", payload="hello"):
    return Observation(obs_id=str(number), pattern_id=pattern, timestamp=when, modality=modality, payload=payload)


@pytest.fixture
def stored(tmp_path):
    """Keep observations and patterns, and give the folder as ``qmpt ingest`` leaves it."""

    def keep(observations, patterns=()):
        save_observations(tmp_path / "observations.jsonl.gz", observations)
        save_patterns(tmp_path / "patterns.jsonl", {one.pattern_id: one for one in patterns})
        write_run(tmp_path, outputs=file_digests([tmp_path / "observations.jsonl.gz", tmp_path / "patterns.jsonl"]))
        return tmp_path

    return keep


@pytest.mark.parametrize("word", ["pattern", "=who", "pattern=who pattern=whom"])
def test_a_word_that_is_no_option_is_refused(word):
    with pytest.raises(SourceError, match="--set"):
        source_options(word.split(" "))


@pytest.mark.parametrize(
    ("by", "names"),
    [
        (Grouping.OBSERVATION, ["1", "2", "3"]),
        (Grouping.DAY, ["2026-12-31", "2027-01-01"]),
        (Grouping.WEEK, ["2026-W53"]),
        (Grouping.MONTH, ["2026-12", "2027-01"]),
    ],
    ids=str,
)
def test_patterns_can_be_stretches_of_time(stored, by, names):
    day = 1_798_675_200.0  # 2026-12-31
    folder = stored([seen(1, "a", day), seen(2, "b", day + 3600), seen(3, "a", day + 90_000)])
    assert list(read_population(folder, by=by).population.patterns) == names


def people(*names, told=False):
    return [
        Pattern(pattern_id=name, layer_id="L", metadata={"human": True, "pseudonymised": told, "mail": f"{name}@x.org"})
        for name in names
    ]


def test_people_are_renamed_in_patterns_and_observations_alike_and_nothing_else_is_known_of_them(stored):
    folder = stored([seen(1, "eva"), seen(2, "bot")], [*people("eva"), Pattern(pattern_id="bot", layer_id="L")])
    reading = read_population(folder)
    eva, bot = reading.population.patterns
    assert eva.startswith("person-")
    assert bot == "bot"
    assert [one.pattern_id for one in reading.population.observations] == [eva, "bot"]
    assert reading.population.layers["L"].patterns == [eva, "bot"]
    assert reading.population.patterns[eva].metadata == {"human": True, "pseudonymised": True}
    assert reading.people


def test_pseudonyms_differ_between_inputs(stored, tmp_path):
    first = next(iter(read_population(stored([seen(1, "eva")], people("eva"))).population.patterns))
    second = next(iter(read_population(stored([seen(2, "eva")], people("eva"))).population.patterns))
    assert first != second


def test_who_is_pseudonymised_already_keeps_the_name(stored):
    reading = read_population(stored([seen(1, "author-1")], people("author-1", told=True)))
    assert list(reading.population.patterns) == ["author-1"]


@pytest.mark.parametrize(("count", "refused"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_layer_of_few_people_is_refused(count, refused):
    members = [*people(*map(str, range(count))), Pattern(pattern_id="bot", layer_id="L")]
    if refused:
        with pytest.raises(InsufficientEvidence, match="fewer than 5"):
            enough_people(members, "L")
    else:
        enough_people(members, "L")


def test_days_are_kept_where_five_people_did_something(stored):
    names = [f"p{n}" for n in range(5)]
    many = [seen(n, name, 0.0) for n, name in enumerate(names)]
    few = [seen(n + 5, name, 86_400.0) for n, name in enumerate(names[:4])]
    reading = read_population(stored([*many, *few], people(*names)), by=Grouping.DAY)
    assert list(reading.population.patterns) == ["1970-01-01"]
    assert "1 of the days hold acts of fewer than 5 people and are left out" in reading.notes


def test_patterns_with_few_observations_are_left_out_and_counted(stored):
    reading = read_population(stored([seen(1, "a"), seen(2, "a"), seen(3, "b")]), least=2)
    assert list(reading.population.patterns) == ["a"]
    assert "1 patterns have fewer than 2 observations and are left out" in reading.notes
    assert reading.population.layers["observations"].patterns == ["a"]


def test_a_source_without_traces_is_refused(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("who,at,ms\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds 0 observations"):
        read_population(path, settings=["pattern=who", "time=at", "numbers=ms"])


def test_every_modality_that_can_be_read_is_read_and_the_others_are_counted():
    observations = [
        *(seen(f"t{n}", f"p{n}", n, "text", {"text": "one two", "numbers": {"files": n}}) for n in range(6)),
        *(seen(f"b{n}", f"p{n}", n, "behavior", {"action": "call"}) for n in range(6)),
        seen("x", "p0", 0, "belief", {"proposition": "x", "probability": 1}),
    ]
    table = compute_features(observations)
    assert {name.partition(":")[0] for name in table.names} == {"text", "behavior", "numeric"}
    assert "numeric:files_median" in table.names
    assert table.ignored == {"belief": 1}
    assert table.rows.shape == (6, len(table.names))


def test_topics_need_a_hundred_patterns():
    def names(patterns):
        words = ["cache", "parser", "index", "queue", "login"]
        said = [seen(n, f"p{n}", n, payload=f"The {words[n % 5]} is {words[n % 3]} now") for n in range(patterns)]
        return compute_features(said).names

    assert not any("topic" in name for name in names(FEWEST_FOR_TOPICS - 1))
    assert any("topic" in name for name in names(FEWEST_FOR_TOPICS))


def test_modalities_that_no_feature_reads_are_named():
    with pytest.raises(DataError, match="modalities belief"):
        compute_features([seen(1, modality="belief", payload={})])


def test_a_population_is_described_in_its_own_units():
    act = {"action": "call", "ok": True, "cost": 2.0}
    patterns = {"a": Pattern(pattern_id="a", layer_id="L", metadata={"stars": 4, "team": "x"})}
    found = population_statistics([seen(n, "a", n, "behavior", act) for n in range(3)], patterns)
    assert found["features"]["success_rate"] == [1.0]
    assert found["features"]["cost_median"] == [2.0]
    assert found["features"]["stars"] == [4.0]
    assert "team" not in found["features"]


def test_what_counts_in_a_window_is_how_far_a_score_lies_above_its_threshold(agents):
    reading = read_population(agents)
    layer = FeaturedLayer("agents", reading.population.patterns, None, reading.population.observations)
    with_ = Estimators({"bootstrap": 0}, ReflexivityEstimator(), SelfOperatorEstimator())
    start, end, part = _parts(layer.observations, 6)[0]
    found = _window_scores(layer, part, start, end, with_)
    assert len(found) == 30
    assert [name for name, window in found.items() if window.anomaly_score >= 0.0] == ["agent-03"]


@pytest.mark.parametrize("windows", [2, 6, 7, 11])
def test_windows_hold_every_observation_once(agents, windows):
    observations = read_population(agents).population.observations
    parts = _parts(observations, windows)
    assert sum(len(part) for *_, part in parts) == len(observations)
    assert [end for _, end, _ in parts[:-1]] == [start for start, _, _ in parts[1:]]


def test_a_single_moment_has_no_windows():
    assert _parts([seen(1, when=5.0), seen(2, when=5.0)], 3) == []


def test_tables_wrap_their_last_column_within_80_columns(capsys):
    say_table(("n", "what"), [("1", "word " * 40), ("12345", "x")], right=(0,))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("    n  what")
    assert lines[1].startswith("    1  word")
    assert lines[2].startswith("       word")


def test_a_constant_series_has_a_sparkline():
    assert sparkline([0.0, 0.0], 0.0, 0.0) == "▁▁"
    assert len(sparkline(list(range(1000)), 0.0, 999.0)) == 56
