# SPDX-License-Identifier: Apache-2.0
import json
import random
import re
from datetime import UTC, datetime

import pytest

from qmpt.cli.stress import course_line
from qmpt.cli.stress_windows import StressSettings
from qmpt.cli.stressing import stressed_layer
from qmpt.data.io import load_layers, save_observations
from qmpt.data.models import Observation, Pattern
from qmpt.runs import read_run
from qmpt.viz.reports import report_of, to_markdown
from qmpt.viz.reports_levels import stress_sections
from qmpt.viz.reports_models import read_result
from qmpt.viz.reports_stress import Stress, StressedLayer

START = 1_795_219_200.0  # 2026-11-21
AGENTS = {f"agent-{number:02d}": Pattern(pattern_id=f"agent-{number:02d}", layer_id="fleet") for number in range(12)}


def acts(rate, n=900, seed=0, **payload):
    """Acts of twelve agents, ten seconds apart; `rate` gives the chance of a failure from the share of time gone."""
    draw = random.Random(seed)
    return [
        Observation(
            obs_id=str(number),
            pattern_id=draw.choice(list(AGENTS)),
            timestamp=START + 10.0 * number,
            modality="behavior",
            payload={
                "action": draw.choice("abc"),
                "ok": draw.random() >= rate(number / n),
                "cost": draw.lognormvariate(0.0, 0.5),
                **payload,
            },
        )
        for number in range(n)
    ]


def steady(_):
    return 0.1


def rising(share):
    return 0.1 if share < 2 / 3 else 0.4


def swelling(share):
    """A failure rate that swings ever more widely between one tenth of an hour and the next."""
    return 0.5 + 0.48 * share**2 * random.Random(int(share * 60)).choice([-1.0, 1.0])


def judged(observations, **settings):
    return stressed_layer("fleet", AGENTS, observations, (), StressSettings(**{"resamples": 0, **settings}))


@pytest.fixture
def kept(tmp_path):
    """Keep observations in a file."""

    def keep(observations):
        save_observations(tmp_path / "seen.jsonl", observations)
        return tmp_path / "seen.jsonl"

    return keep


def test_a_fleet_has_a_level_with_its_interval_and_what_it_rests_on_in_80_columns(qmpt, spans, offline):
    result = qmpt("stress", spans, "--layer", "fleet")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    level = next(line for line in lines if line.startswith("stress  "))
    now, low, high = map(float, re.match(r"stress +(\S+)  (\S+) to (\S+)", level).groups())
    assert 0.0 <= low <= now <= high <= 1.0
    assert re.search(r"^stress +error +9.0 % +632 ", result.stdout, re.MULTILINE)
    assert re.search(r"^stress {6}[▁▂▃▄▅▆▇█·]{42}$", result.stdout, re.MULTILINE)
    text = " ".join(result.stdout.split())
    assert "conflict (no commits, no repeated test runs)" in text
    assert "Shifts of the mean of the stress: none." in text
    assert re.search(r"Early warning: no rise \(variance tau -?0\.\d\d, p 0\.\d+; autocorrelation tau", text)
    assert "Exploratory, not diagnostic" in text
    assert "nothing about another layer" in text
    assert "windows without a value: 1 of 42; fewer than 10 of their observations tell anything" in result.stderr


def test_a_planted_rise_is_found_within_two_windows_and_dated(qmpt, kept):
    path = kept(acts(rising))
    found = json.loads(qmpt("stress", path, "--layer", "fleet", "--json").stdout)["layers"][0]
    assert len(found["starts"]) == 60
    assert len(found["changes"]) == 1
    change = found["changes"][0]
    assert abs(change["window"] - 40) <= 2
    assert change["time"] == found["starts"][change["window"]]
    assert change["before"] < 0.6 < 0.75 < change["after"]
    assert found["changes_p"] <= 0.01
    values = found["stress"]["values"]
    assert change["after"] == pytest.approx(sum(values[change["window"] :]) / len(values[change["window"] :]))
    printed = " ".join(qmpt("stress", path, "--layer", "fleet").stdout.split())
    when = datetime.fromtimestamp(change["time"], UTC).strftime("%Y-%m-%d %H:%M")
    assert f"Shifts of the mean of the stress: {when} UTC, from 0.5" in printed


def test_a_steady_layer_shows_no_shift_and_no_warning_oftener_than_the_levels_say():
    found = [judged(acts(steady, n=600, seed=seed)) for seed in range(14)]
    assert sum(bool(one.changes) for one in found) <= 3  # of 14 at 5 %; more has a chance of 4 in 1000
    assert sum(one.warning.rises for one in found) <= 3
    assert all(one.changes_p > 0.05 for one in found if not one.changes)


def test_a_candidate_that_shuffled_courses_show_as_well_is_no_shift():
    found = judged(acts(lambda _: 0.02, n=600, seed=3))
    assert 0.05 < found.changes_p < 1.0
    assert found.changes == []


def test_a_shift_after_a_gap_has_the_time_of_its_own_window():
    gone = [one for one in acts(rising) if not START + 1500 <= one.timestamp < START + 3000]
    found = judged(gone, windows=60)
    assert found.stress.values[12:18] == [None] * 6
    assert abs(found.changes[-1].window - 40) <= 2


def test_ever_wider_swings_are_an_early_warning(qmpt, kept):
    observations = acts(swelling, n=1800)
    warning = judged(observations).warning
    assert warning.rises
    variance = warning.trends[0]
    assert variance.tau > 0.5
    assert variance.p_value <= warning.level == 0.025
    assert "Early warning: rises (variance tau 0." in " ".join(qmpt("stress", kept(observations)).stdout.split())


def test_more_failures_in_a_window_are_more_stress_in_it():
    observations = acts(steady)
    worse = [
        one.model_copy(update={"payload": {**one.payload, "ok": False}}) if number >= 880 else one
        for number, one in enumerate(observations)
    ]
    before, after = (judged(one).stress.values for one in (observations, worse))
    assert after[:50] == before[:50]
    assert after[-1] > before[-1]


def test_blocked_acts_are_protection():
    observations = [
        one.model_copy(update={"payload": {**one.payload, "blocked": number % 9 == 0 or number > 800}})
        for number, one in enumerate(acts(steady))
    ]
    found = judged(observations)
    assert min(found.protection.values[-5:]) > 0.6
    assert found.protection.usual[1] < 0.7 < sum(found.protection.values[-5:]) / 5
    assert {mode for mode in found.modes if mode} <= {"stagnation", "transition"}


@pytest.mark.needs("git")
def test_nothing_is_shown_of_fewer_than_five_people_and_windows_with_fewer_are_left_out(
    qmpt, repository, own_repository
):
    refused = qmpt("stress", own_repository)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "1 person acts in it, and nothing is shown of fewer than 5" in refused.stderr
    assert "--by" not in refused.stderr
    assert not re.search(r"20\d\d-", refused.stderr)
    found = qmpt("stress", repository, "--windows", 24)
    assert found.exit_code == 0
    assert "windows hold acts of fewer than 5 people and are left out" in found.stderr
    assert "no ranking of people" in " ".join(found.stdout.split())
    assert not re.search(r"someone\d|Surname|author-", found.output)
    counts = json.loads(qmpt("stress", repository, "--windows", 24, "--json").stdout)["layers"][0]["counts"]
    assert all(count == 0 or count >= 5 for count in counts)
    assert 0 < sum(counts) < 128


@pytest.mark.needs("git")
def test_no_grouping_gives_way_to_what_fewer_than_five_people_did(qmpt, own_repository):
    for by in ("observation", "day", "pattern"):
        result = qmpt("stress", own_repository, "--by", by)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "No such option" in result.stderr


def test_the_time_asked_for_may_not_hold_fewer_than_five_people_either():
    people = {
        name: one.model_copy(update={"metadata": {"human": True, "pseudonymised": True}})
        for name, one in AGENTS.items()
    }
    observations = [
        one if number < 600 else one.model_copy(update={"pattern_id": "agent-00"})
        for number, one in enumerate(acts(steady))
    ]
    asked = {"resamples": 0, "windows": 40}
    assert stressed_layer("fleet", people, observations, (), StressSettings(**asked)).reason == ""
    late = stressed_layer("fleet", people, observations, (), StressSettings(**asked, since=START + 6000.0))
    assert late.reason.startswith("1 person acts in it, and nothing is shown of fewer than 5")
    assert late.proxies == []


def test_a_source_with_few_observations_has_shares_but_no_level_and_says_what_would_help(qmpt, kept):
    text = " ".join(qmpt("stress", kept(acts(steady, n=30))).stdout.split())
    assert re.search(r"stress error +\d+\.\d % 30 - -", text)
    assert "No level, no shift, no early warning, no regime" in text
    assert "take wider windows, lower --fewest, or leave out times that stand apart with --since and --until" in text


def strayed(time, number=280):
    """Acts and one more at a time far from theirs."""
    observations = acts(steady, n=number)
    return [*observations, observations[0].model_copy(update={"obs_id": "stray", "timestamp": time})]


@pytest.mark.parametrize(
    ("time", "option", "when"),
    [
        pytest.param(0.0, "--since", "2026-11-21T00:00:00", id="before"),
        pytest.param(START + 1e8, "--until", "2030-01-21T09:46:40", id="after"),
    ],
)
def test_one_stray_time_is_named_with_the_way_out_which_helps(qmpt, kept, time, option, when):
    path = kept(strayed(time))
    alone = qmpt("stress", path, "--layer", "fleet")
    assert alone.exit_code == 0
    side = "before" if option == "--since" else "after"
    told = f"what lies {side} it, 1 of 281, can be left out with {option} {when}"
    assert "22 of 24 windows hold nothing: the widest gap is from" in alone.stderr
    assert told in alone.stderr
    assert "No level" in alone.stdout
    many = qmpt("stress", path, "--every", "1d")
    assert (many.exit_code, many.stdout) == (2, "")
    assert "the limit is 1000" in many.stderr
    assert told in many.stderr
    words = ("stress", path, "--layer", "fleet", option, when, "--fewest", 5)
    assert "1 of 281 observations lie before --since or from --until on and are left out" in qmpt(*words).stderr
    found = json.loads(qmpt(*words, "--json").stdout)["layers"][0]
    assert sum(found["counts"]) == 280
    assert found["stress"]["values"][-1] is not None


def test_a_wide_gap_in_the_middle_is_named_and_no_half_is_called_a_stray():
    observations = [
        one.model_copy(update={"timestamp": one.timestamp + (1e7 if number >= 450 else 0.0)})
        for number, one in enumerate(acts(steady))
    ]
    told = next(one for one in judged(observations).notes if "hold nothing" in one)
    assert "the widest gap is from 2026-11-21T01:14:50 to" in told
    assert "left out" not in told


def test_what_lies_before_the_first_or_from_the_last_time_on_is_left_out():
    found = judged(acts(steady), since=START + 1000.0, until=START + 8000.0)
    assert sum(found.counts) == 700
    assert found.starts[0] == START + 1000.0
    assert found.notes[0] == "200 of 900 observations lie before --since or from --until on and are left out"
    assert judged(acts(steady), since=START + 1e6).reason.startswith("all 900 observations lie before --since")


def test_a_reference_of_more_than_half_the_course_is_said_and_a_shorter_one_is_not():
    whole, part, half = (judged(acts(steady), windows=count) for count in (24, 40, 48))
    assert (whole.reference, part.reference, half.reference) == ((0, 23), (0, 23), (0, 23))
    assert any("the reference period is the whole course" in one for one in whole.notes)
    assert any("the reference period is the first 24 of 40 windows" in one for one in part.notes)
    assert half.notes == []
    assert judged(acts(steady), windows=30, reference=(START, START + 8000.0)).notes == []


def test_what_a_proxy_is_now_is_its_value_in_the_window_that_the_level_is_shown_of(qmpt, kept):
    observations = [
        one if number < 870 else one.model_copy(update={"payload": {**one.payload, "cost": None}})
        for number, one in enumerate(acts(steady))
    ]
    words = ("stress", kept(observations), "--layer", "fleet", "--windows", 60)
    level = json.loads(qmpt(*words, "--json").stdout)["layers"][0]
    values = {one["name"]: one["values"] for one in level["proxies"]}
    assert values["instability"][-3] is not None
    assert values["instability"][-1] is None
    text = qmpt(*words).stdout
    assert re.search(r"^stress +instability +- +870 +0\.\d\d +- ", text, re.MULTILINE)
    assert re.search(rf"^stress +error .* {100 * values['error'][-1]:.1f} % ", text, re.MULTILINE)


def test_rows_of_a_table_speak_through_flags_and_a_cost(qmpt, tmp_path):
    draw = random.Random(4)
    lines = ["who,at,failed,cost,error"]
    lines += [f"c{n % 8},{START + n},x,{draw.random()},{int(draw.random() < 0.2)}" for n in range(600)]
    path = tmp_path / "calls.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = ("--set", "pattern=who", "--set", "time=at", "--set", "numbers=cost,error")
    found = json.loads(qmpt("stress", path, *words, "--json").stdout)["layers"][0]
    used = {one["name"] for one in found["proxies"] if one["used"]}
    assert used == {"error", "instability"}
    assert all(value is not None for value in found["stress"]["values"])
    assert found["protection"]["reason"] == "no proxy of it is seen"


def test_windows_of_a_width_begin_at_full_hours_and_a_reference_period_is_kept(qmpt, kept):
    path = kept(acts(rising, n=3000))
    words = ("--every", "10min", "--reference", "2026-11-21 01:00..2026-11-21T05:00", "--json")
    found = json.loads(qmpt("stress", path, *words).stdout)["layers"][0]
    assert found["width"] == 600.0
    assert found["starts"][0] == START
    first, last = found["reference"]
    assert (found["starts"][first], found["starts"][last] + 600.0) == (START + 3600.0, START + 5 * 3600.0)
    assert found["changes"]
    assert "windows of 1 hour, 2026-11-21 00:00 to" in qmpt("stress", path, "--every", "1h").stdout


def test_what_is_kept_can_be_read_back_and_is_the_same_again(qmpt, spans, tmp_path):
    words = ("stress", spans, "--layer", "fleet", "--seed", 3)
    for name in ("one", "two"):
        assert qmpt(*words, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "one" / "stress.json").read_bytes() == (tmp_path / "two" / "stress.json").read_bytes()
    kept = read_result(tmp_path / "one" / "stress.json", Stress)
    assert kept.model_dump(mode="json") == json.loads(qmpt(*words, "--json").stdout)
    states = load_layers(tmp_path / "one" / "layers.jsonl")["fleet"].state_trajectory
    assert [state.stress for state in states] == kept.layers[0].stress.values
    run = read_run(tmp_path / "one")
    assert run["seeds"] == {"bootstrap and surrogates": 3}
    assert run["counts"] == {"layers": 1, "windows": 42}
    empty, reference = run["warnings"]
    assert empty == "fleet: windows without a value: 1 of 42; fewer than 10 of their observations tell anything"
    assert reference.startswith("fleet: the reference period is the first 25 of 42 windows, for the first half holds")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"n": 1}, "1 observation; a course needs several times", id="one observation"),
        pytest.param({"n": 50, "together": True}, "all 50 observations have one time", id="one time"),
        pytest.param({"n": 50, "payload": "hi"}, "nothing in the traces tells stress or protection", id="no proxy"),
        pytest.param({"n": 50, "words": ("--every", "1w")}, "1 window; a course needs at least 2", id="one week"),
    ],
)
def test_what_has_no_course_is_refused_with_its_reason(qmpt, kept, tmp_path, change, said):
    observations = acts(steady, n=change["n"])
    if "together" in change:
        observations = [one.model_copy(update={"timestamp": START}) for one in observations]
    if "payload" in change:
        observations = [one.model_copy(update={"payload": change["payload"]}) for one in observations]
    result = qmpt("stress", kept(observations), *change.get("words", ()), "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not (tmp_path / "out" / "stress.json").exists()


@pytest.mark.parametrize(
    ("observations", "settings", "said"),
    [
        pytest.param(acts(steady), {"windows": 19}, "19 whole windows lie in the reference period", id="few windows"),
        pytest.param(acts(steady, n=100), {}, "no proxy has enough values that vary", id="sparse"),
        pytest.param(acts(lambda _: 0.0, action="a", cost=1.0), {}, "no proxy has enough values", id="constant"),
        pytest.param(acts(steady), {"reference": (0.0, 9.0)}, "0 whole windows lie in the reference", id="elsewhere"),
    ],
)
def test_what_has_no_level_keeps_its_series_and_says_why(observations, settings, said):
    found = judged(observations, **settings)
    assert said in found.stress.reason
    assert said in found.protection.reason
    assert found.stress.last() is None
    assert (found.changes, found.warning.rises, found.modes) == ([], None, [])
    assert found.changes_reason == found.warning.reason == "there is no level of stress"
    assert any(one.rests_on for one in found.proxies)
    assert all(one.used is False and one.reason for one in found.proxies)


def test_too_few_windows_for_a_warning_are_its_reason():
    found = judged(acts(steady), windows=30)
    assert found.stress.last() == 29
    assert (found.warning.rises, found.warning.trends) == (None, [])
    assert found.warning.reason == "30 values; 40 are the fewest for an early warning"


def test_few_empty_windows_are_filled_in_for_the_warning_and_many_are_not():
    observations = acts(steady)
    few = [one for one in observations if not START + 300 <= one.timestamp < START + 600]
    many = [one for one in observations if not START + 300 <= one.timestamp < START + 3000]
    assert judged(few, windows=60).warning.filled == 2
    found = judged(many, windows=60)
    assert found.stress.values[5:15] == [None] * 10
    assert "at most one in ten may be filled" in found.warning.reason


def test_a_stress_of_instability_alone_is_not_searched_for_shifts():
    observations = [one.model_copy(update={"payload": {"cost": one.payload["cost"]}}) for one in acts(steady, n=900)]
    found = judged(observations, windows=60)
    assert [one.name for one in found.proxies if one.used] == ["instability"]
    assert found.stress.last() == 59
    assert found.changes_reason == found.warning.reason == "no rate of stress has a scale"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--windows", 9, "--every", "1h"), "give one of them", id="both"),
        pytest.param(("--windows", 1), "'--windows'", id="one window"),
        pytest.param(("--since", "soon"), "write it as --since 2026-11-01 or", id="no since"),
        pytest.param(("--until", "20261121"), "write it as --until 2026-11-01 or", id="no until"),
        pytest.param(
            ("--since", "2026-11-08", "--until", "2026-11-08"), "give the earlier time as --since", id="never"
        ),
        pytest.param(("--every", "soon"), "write it as 30min, 1h, 1d or 1w", id="no time"),
        pytest.param(("--every", "1s"), "the limit is 1000", id="too narrow"),
        pytest.param(("--reference", "2026-11-01"), "write it as --reference 2026-11-01..2026-11-08", id="one date"),
        pytest.param(("--reference", "a..b"), "write it as --reference", id="no dates"),
        pytest.param(("--reference", "2026-11-08..2026-11-01"), "ends before it begins", id="backwards"),
        pytest.param(("--resamples", 5), "resamples is 5; give at least 20", id="resamples"),
    ],
)
def test_words_that_cannot_be_honoured_are_refused(qmpt, kept, words, said):
    result = qmpt("stress", kept(acts(steady)), *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_table_without_times_is_refused(qmpt, table):
    result = qmpt("stress", table, "--set", "pattern=who", "--set", "numbers=ms", "--set", "time=when")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "when" in result.stderr


def test_a_course_keeps_its_gaps_and_its_height():
    assert course_line([0.0, None, 0.5, 1.0]) == "▁·▅█"
    assert course_line([None, 1.0, None, None], width=2) == "█·"


def test_names_that_a_terminal_would_act_on_are_made_visible(qmpt, kept):
    result = qmpt("stress", kept(acts(steady)), "--layer", "a\x1b[2Kb")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "a\\x1b[2Kb" in result.stdout


def test_a_report_shows_the_course_and_what_it_rests_on_and_the_folder_is_valid(qmpt, spans, tmp_path):
    kept, page = tmp_path / "strained", tmp_path / "r.html"
    assert qmpt("stress", spans, "--layer", "fleet", "--out", kept).exit_code == 0
    assert qmpt("report", kept, "--out", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "Stress of agent_spans.jsonl, layer fleet" in text
    assert "beside its own reference period" in text
    assert text.count("<svg") == 1
    assert "suppression" in text
    assert "Early warning: no rise" in text
    assert "Shifts of the mean of the stress: none." in qmpt("report", kept).stdout
    assert "1 in stress.json" in qmpt("validate", kept).stdout


def test_a_layer_without_a_course_is_reported_with_the_reason(qmpt, spans, tmp_path):
    found = Stress(source="a", layers=[StressedLayer(layer_id="L", patterns=1, observations=2, reason="too short")])
    text = to_markdown(report_of("r", stress_sections(found)))
    assert "No course: too short." in text
