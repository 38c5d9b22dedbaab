# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import random
import re

import pytest

from qmpt.data.io import load_patterns
from qmpt.runs import file_digests, read_run, write_run
from qmpt.viz.reports_models import Scores, read_result

ROW = re.compile(r"^ *(?P<score>-?[\d.]+)  (?P<interval>-?[\d.]+ to -?[\d.]+|-) +(?P<label>\w+\??) +(?P<pattern>\S.*)$")


def scored(text):
    """The rows of the printed table."""
    return [found.groupdict() for found in map(ROW.match, text.splitlines()) if found]


@pytest.mark.needs("git")
def test_a_repository_gives_a_table_in_80_columns_of_who_is_unusual_and_why(qmpt, repository, offline):
    result = qmpt("score", repository, "--top", 3)
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    first = scored(result.stdout)[0]
    low, high = map(float, first["interval"].split(" to "))
    assert low <= float(first["score"]) <= high
    assert first["label"] == "anomaly"
    assert first["pattern"].startswith("author-")
    why = " ".join(result.stdout.split(first["pattern"])[1].splitlines()[1:4])
    assert re.search(r"(rarity|distance) \d+ %: ", why)
    assert re.search(r"(text|numeric):\w+ [+-]\d", why)
    assert "Exploratory, not diagnostic" in result.stdout
    assert "nothing about worth" in " ".join(result.stdout.split())


@pytest.mark.needs("git")
def test_no_name_and_no_address_of_a_person_leaves_the_command(qmpt, repository, tmp_path):
    result = qmpt("score", repository, "--out", tmp_path / "out", "--top", 99)
    assert result.exit_code == 0
    kept = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    for text in (result.output, kept):
        assert not re.search(r"someone\d|Surname|example\.org", text)
    assert "no ranking of people" in " ".join(result.stdout.split())


@pytest.mark.needs("git")
def test_nothing_is_shown_of_fewer_than_five_people_and_the_way_out_is_named(qmpt, own_repository):
    refused = qmpt("score", own_repository)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "1 person" in refused.stderr
    assert "--by observation" in refused.stderr
    by_commit = qmpt("score", own_repository, "--by", "observation", "--resamples", 20)
    assert by_commit.exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{40}", scored(by_commit.stdout)[0]["pattern"])


@pytest.mark.needs("git")
def test_stretches_of_time_with_few_people_are_left_out_and_counted(qmpt, repository, own_repository):
    whole = qmpt("score", repository, "--by", "day", "--resamples", 0)
    assert whole.exit_code == 0
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", row["pattern"]) for row in scored(whole.stdout))
    alone = qmpt("score", own_repository, "--by", "week")
    assert alone.exit_code == 2
    assert "fewer than 5 people" in alone.stderr


def test_agents_are_scored_from_their_spans(qmpt, spans, offline):
    result = qmpt("score", spans, "--layer", "fleet", "--top", 2, "--resamples", 40)
    assert result.exit_code == 0
    assert [row["pattern"] for row in scored(result.stdout)] == ["shop/refunds", "desk/drafts"]
    assert "behavior:success_rate -" in result.stdout
    assert "text:" in result.stdout.split("desk/drafts")[1]


def test_each_layer_is_a_population_of_its_own(qmpt, spans):
    found = json.loads(qmpt("score", spans, "--json", "--resamples", 0).stdout)
    assert {layer["layer_id"]: layer["patterns"][0]["pattern_id"] for layer in found["layers"]} == {
        "shop": "shop/refunds",
        "desk": "desk/drafts",
    }


def test_tests_are_scored_from_junit_xml(qmpt, junit):
    result = qmpt("score", junit, "--top", 1, "--resamples", 20)
    assert result.exit_code == 0
    assert scored(result.stdout)[0]["pattern"] == "shop.pay::test_slow"
    assert "behavior:cost_" in result.stdout


@pytest.mark.parametrize("kind", ["table", "jsonl"])
def test_a_table_is_scored_once_its_columns_are_named(qmpt, request, columns, kind):
    path = request.getfixturevalue(kind)
    result = qmpt("score", path, *columns, "--top", 1, "--resamples", 20)
    assert result.exit_code == 0
    assert scored(result.stdout)[0]["pattern"] == "eva"
    assert "numeric:ms_median +" in result.stdout
    bare = qmpt("score", path)
    assert bare.exit_code == 2
    assert "numbers=" in bare.stderr


def test_people_in_a_table_are_shown_under_pseudonyms(qmpt, table, columns, tmp_path):
    words = ("score", table, *columns, "--people", "--resamples", 0, "--out", tmp_path / "out")
    result = qmpt(*words)
    assert result.exit_code == 0
    assert scored(result.stdout)[0]["pattern"].startswith("person-")
    assert "16 people were given pseudonyms" in result.stderr
    kept = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert not re.search(r"\beva\b|caller\d", result.output + kept)
    assert qmpt(*words).stdout == result.stdout


def test_what_is_kept_is_what_is_printed_and_says_how_it_was_made(qmpt, spans, tmp_path):
    out = tmp_path / "out"
    result = qmpt("score", spans, "--layer", "fleet", "--seed", 7, "--resamples", 20, "--out", out, "--json")
    kept = read_result(out / "scores.json", Scores)
    assert json.loads(result.stdout) == kept.model_dump(mode="json")
    by_name = {one.pattern_id: one for one in kept.layers[0].patterns}
    patterns = load_patterns(out / "patterns.jsonl")
    assert patterns["shop/refunds"].anomaly_score == by_name["shop/refunds"].score
    assert patterns["shop/refunds"].metrics_version == {
        "density_model_version": kept.layers[0].versions["density_model_version"]
    }
    run = read_run(out)
    assert run["seeds"] == {"anomaly": 7}
    assert run["config"]["anomaly"]["bootstrap"] == 20
    assert run["config"]["source"]["kind"] == "otel"
    assert run["inputs"]["agent_spans.jsonl"].startswith("sha256:")
    assert run["counts"] == {"patterns": 12, "scored": 12}
    assert any("impact has no source" in told for told in run["warnings"])


def test_the_same_command_gives_the_same_bytes(qmpt, spans, tmp_path):
    for name in ("one", "two"):
        assert qmpt("score", spans, "--resamples", 20, "--out", tmp_path / name).exit_code == 0
    for file in ("scores.json", "patterns.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_terms_add_up_to_the_score_and_patterns_come_highest_first(qmpt, spans):
    for layer in json.loads(qmpt("score", spans, "--resamples", 0, "--json").stdout)["layers"]:
        scores = [one["score"] for one in layer["patterns"]]
        assert scores == sorted(scores, reverse=True)
        for one in layer["patterns"]:
            assert sum(one["terms"].values()) == pytest.approx(one["score"])


def test_a_finding_ends_with_1_where_it_was_asked_for(qmpt, spans):
    words = ("score", spans, "--resamples", 0)
    assert qmpt(*words).exit_code == 0
    found = qmpt(*words, "--fail-on", "anomaly")
    assert found.exit_code == 1
    assert "2 patterns are anomalies" in found.stderr


def test_kept_features_give_the_same_scores_as_the_traces(qmpt, spans, tmp_path):
    assert qmpt("features", spans, "--out", tmp_path / "rows").exit_code == 0
    direct = json.loads(qmpt("score", spans, "--resamples", 0, "--json").stdout)
    kept = json.loads(qmpt("score", tmp_path / "rows", "--resamples", 0, "--json").stdout)
    for one, other in zip(direct["layers"], kept["layers"], strict=True):
        assert [(each["pattern_id"], each["score"]) for each in one["patterns"]] == [
            (each["pattern_id"], pytest.approx(each["score"])) for each in other["patterns"]
        ]


def test_an_ingested_folder_is_read_like_its_source(qmpt, spans, tmp_path):
    assert qmpt("ingest", spans, "--out", tmp_path / "in").exit_code == 0
    direct, again = (
        json.loads(qmpt("score", path, "--resamples", 0, "--json").stdout) for path in (spans, tmp_path / "in")
    )
    assert [layer["patterns"] for layer in direct["layers"]] == [layer["patterns"] for layer in again["layers"]]


def test_the_configuration_is_honoured(qmpt, spans, tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text(
        "features: {spec_id: behavior_v1}\nmetrics: {anomaly: {density_model: gmm_v1, w2: 0.0, bootstrap: 0}}\n",
        encoding="utf-8",
    )
    layer = json.loads(qmpt("score", spans, "--layer", "fleet", "--config", config, "--json").stdout)["layers"][0]
    assert layer["versions"]["feature_spec_version"].startswith("behavior_v1@")
    assert layer["versions"]["density_model_version"].startswith("gmm_v1@")
    assert layer["patterns"][0]["terms"]["distance"] == 0.0
    assert layer["patterns"][0]["interval"] is None


def test_impact_comes_from_the_graph_of_interactions(qmpt, agents, tmp_path):
    from qmpt.data.io import load_observations, save_observations
    from qmpt.data.models import Observation

    hub = [
        Observation(obs_id=f"e{n}", pattern_id=f"agent-{n:02d}", timestamp=n, modality="interaction",
                    payload={"peer": "agent-09", "weight": 2})
        for n in range(30) if n != 9
    ]  # fmt: skip
    path, config = tmp_path / "graph.jsonl", tmp_path / "graph.yaml"
    save_observations(path, [*load_observations(agents), *hub])
    config.write_text("metrics: {anomaly: {impact: 'graph:pagerank', bootstrap: 0}}\n", encoding="utf-8")
    layer = json.loads(qmpt("score", path, "--config", config, "--json").stdout)["layers"][0]
    impact = {one["pattern_id"]: one["terms"]["impact"] for one in layer["patterns"]}
    assert max(impact, key=impact.get) == "agent-09"
    refused = qmpt("score", agents, "--config", config)
    assert refused.exit_code == 2
    assert "interaction" in refused.stderr


def test_interactions_add_up_and_one_of_weight_zero_is_none(qmpt, agents, tmp_path):
    from qmpt.data.io import load_observations, save_observations
    from qmpt.data.models import Observation

    def impact(name, meetings):
        path, config = tmp_path / f"{name}.jsonl", tmp_path / "graph.yaml"
        met = [
            Observation(obs_id=f"e{n}", pattern_id=one, timestamp=n, modality="interaction", payload=payload)
            for n, (one, payload) in enumerate(meetings)
        ]
        save_observations(path, [*load_observations(agents), *met])
        config.write_text("metrics: {anomaly: {impact: 'graph:pagerank', bootstrap: 0}}\n", encoding="utf-8")
        layer = json.loads(qmpt("score", path, "--config", config, "--json").stdout)["layers"][0]
        return {one["pattern_id"]: one["terms"]["impact"] for one in layer["patterns"]}

    first, *others = [f"agent-{n:02d}" for n in range(30)]
    once = [(one, {"peer": first, "weight": place + 1}) for place, one in enumerate(others)]
    often = [(one, {"peer": first}) for place, one in enumerate(others) for _ in range(place + 1)]
    zero = [(others[0], {"peer": others[1], "weight": 0})]
    assert impact("often", often + zero) == pytest.approx(impact("once", once))


def test_names_that_a_terminal_would_act_on_are_shown_as_text(qmpt, tmp_path):
    rows = [
        f'{{"who": "a{n}\\u001b[2J\\u202e", "at": {t}, "ms": {n * t % 7 + n}}}' for n in range(8) for t in range(1, 9)
    ]
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    result = qmpt("score", path, "--set", "pattern=who", "--set", "time=at", "--set", "numbers=ms", "--resamples", 0)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    assert r"\x1b[2J\u202e" in result.stdout


def test_a_bot_is_marked(qmpt, tmp_path, spans):
    from qmpt.data.io import load_patterns, save_patterns

    qmpt("features", spans, "--out", tmp_path / "rows", "--layer", "fleet")
    patterns = load_patterns(tmp_path / "rows" / "patterns.jsonl")
    patterns["shop/refunds"] = patterns["shop/refunds"].model_copy(update={"metadata": {"bot": True}})
    save_patterns(tmp_path / "rows" / "patterns.jsonl", patterns)
    kept = [tmp_path / "rows" / name for name in ("patterns.jsonl", "features.json")]
    write_run(tmp_path / "rows", outputs=file_digests(kept))
    assert "shop/refunds (bot)" in qmpt("score", tmp_path / "rows", "--resamples", 0).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["nowhere"], "nowhere does not exist", id="missing"),
        pytest.param(["{spans}", "--kind", "otl"], "did you mean 'otel'?", id="kind"),
        pytest.param(["{spans}", "--set", "layr=x"], "did you mean 'layer'?", id="source option"),
        pytest.param(["{spans}", "--set", "layer"], "has no value", id="word"),
        pytest.param(["{spans}", "--config", "metric_default"], "did you mean 'metrics_default'?", id="sample"),
        pytest.param(["{spans}", "--config", "features_text"], "sentence-transformers", id="encoder that is not here"),
        pytest.param(["{spans}", "--least", "9999"], "no pattern is left", id="least"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_one_line_that_helps(qmpt, spans, words, said):
    result = qmpt("score", *(word.format(spans=spans) for word in words))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_columns_keep_their_names_in_what_was_ingested(qmpt, table, columns, tmp_path):
    assert qmpt("ingest", table, *columns, "--out", tmp_path / "in").exit_code == 0
    direct, kept = (
        qmpt("score", *words, "--layer", "L", "--resamples", 0) for words in ((table, *columns), (tmp_path / "in",))
    )
    assert "numeric:ms_median +" in kept.stdout
    assert kept.stdout == direct.stdout


def test_a_layer_without_scores_leaves_the_others_theirs(qmpt, tmp_path):
    rows = [(f"{layer}{n}", layer, 7 if layer == "b" else n * t) for layer in "ab" for n in range(8) for t in range(3)]
    path = tmp_path / "calls.csv"
    path.write_text("who,team,at,ms\n" + "".join(f"{w},{team},1,{ms}\n" for w, team, ms in rows), encoding="utf-8")
    words = ("--set", "pattern=who", "--set", "time=at", "--set", "numbers=ms", "--set", "layer_column=team")
    result = qmpt("score", path, *words, "--resamples", 0)
    assert result.exit_code == 0
    assert "b: 8 patterns, no scores: none of the" in result.stdout
    assert "a: 8 patterns, " in result.stdout


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.xml"])
def test_an_empty_file_is_called_empty_whatever_was_set(qmpt, tmp_path, name):
    (tmp_path / name).touch()
    for words in ((), ("--set", "pattern=who", "--set", "text=said")):
        refused = qmpt("score", tmp_path / name, *words)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"{name} is empty" in refused.stderr


def test_too_few_patterns_are_refused_with_the_number_that_is_needed(qmpt, tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("who,at,ms\na,1,2\nb,2,3\n", encoding="utf-8")
    result = qmpt("score", path, "--set", "pattern=who", "--set", "time=at", "--set", "numbers=ms")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "5 are the fewest" in result.stderr


@pytest.mark.needs("git")
def test_authors_of_a_repository_have_impact_by_whose_files_they_change(qmpt, repository, tmp_path):
    config = tmp_path / "impact.yaml"
    config.write_text('metrics: {anomaly: {impact: "graph:pagerank"}}\n', encoding="utf-8")
    words = ("score", repository, "--config", config, "--resamples", 0, "--json")
    found = json.loads(qmpt(*words, "--set", "cochange=true").stdout)["layers"][0]
    assert all("impact" in one["terms"] for one in found["patterns"])
    assert len({one["terms"]["impact"] for one in found["patterns"]}) > 1
    refused = qmpt(*words)
    assert refused.exit_code == 2
    assert "no observation of modality 'interaction'" in refused.stderr


def interactions(tmp_path):
    """Eight people who act and meet, one of them somebody that never acts."""
    draw = random.Random(0)
    people = ["anna", "bo", "cleo", "dan", "evelina", "finn", "gus", "hanna"]
    rows = [
        {"obs_id": f"a{n}", "pattern_id": draw.choice(people), "timestamp": 50_000 * n, "modality": "behavior",
         "payload": {"action": draw.choice("xyz"), "ok": True}}
        for n in range(300)
    ]  # fmt: skip
    rows += [
        {"obs_id": f"i{n}", "pattern_id": draw.choice(people), "timestamp": 50_000 * n, "modality": "interaction",
         "payload": {"peer": draw.choice([*people, "ivan"])}}
        for n in range(300)
    ]  # fmt: skip
    path = tmp_path / "met.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_those_whom_people_meet_have_pseudonyms_too_and_stay_the_same_people(qmpt, tmp_path):
    path, config = interactions(tmp_path), tmp_path / "impact.yaml"
    config.write_text('metrics: {anomaly: {impact: "graph:pagerank"}}\n', encoding="utf-8")
    words = ("score", path, "--kind", "observations", "--config", config, "--resamples", 0, "--json")
    plain, hidden = (qmpt(*words, *more) for more in ((), ("--people",)))
    assert "anna" in plain.stdout
    scores = [
        [round(one["score"], 6) for one in json.loads(found.stdout)["layers"][0]["patterns"]]
        for found in (plain, hidden)
    ]
    assert scores[0] == scores[1]
    assert qmpt("ingest", path, "--kind", "observations", "--people", "--out", tmp_path / "in").exit_code == 0
    kept = gzip.decompress((tmp_path / "in" / "observations.jsonl.gz").read_bytes()).decode()
    assert not [name for name in ("anna", "evelina", "ivan") if name in hidden.stdout + kept]


@pytest.mark.parametrize("by", ["observation", "week"])
def test_interactions_are_no_members_of_other_groups(qmpt, tmp_path, by):
    found = qmpt("score", interactions(tmp_path), "--kind", "observations", "--by", by, "--resamples", 0, "--top", 400)
    assert f"300 interactions are not between {by}s and are left out" in " ".join(found.stderr.split())
    assert not re.search(r"\bi\d", found.stdout)
