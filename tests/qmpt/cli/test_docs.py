# SPDX-License-Identifier: Apache-2.0
"""Every command of docs/qmpt.md works, and prints what stands under it there."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "qmpt.md"


def examples():
    """Each command with the lines under it, in order."""
    blocks = re.findall(r"```console\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    found = []
    for line in (line for block in blocks for line in block.splitlines()):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def words_of(text):
    """The words without the numbers, which may differ by the version of a library."""
    return set(re.findall(r"[A-Za-z_/]{3,}", text))


@pytest.mark.needs("git")
def test_every_command_shown_works_and_prints_what_is_shown(
    qmpt, spans, junit, table, agents, own_repository, tmp_path, monkeypatch
):
    folder = tmp_path / "here"
    shutil.copytree(own_repository, folder)
    shutil.copy(spans, folder / "spans.jsonl")
    shutil.copy(junit / "run1.xml", folder / "junit.xml")
    shutil.copy(table, folder / "calls.csv")
    shutil.copy(agents, folder / "observations.jsonl")
    monkeypatch.chdir(folder)
    shown = examples()
    assert len(shown) >= 16
    for command, lines in shown:
        program, *words = shlex.split(command)
        assert program == "qmpt"
        result = qmpt(*words)
        assert result.exit_code == 0, (command, result.output)
        missing = words_of(" ".join(lines)) - words_of(result.stdout)
        assert not missing, (command, missing)


@pytest.fixture(scope="module")
def documented():
    """Command -> the top-level keys of its JSON that the table names."""
    rows = re.findall(r"^\| (`[a-z]+`(?:, `[a-z]+`)*) \| (`[^|]*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        command: set(re.findall(r"`(\w+)`", keys.partition(":")[0]))
        for commands, keys in rows
        for command in re.findall(r"`(\w+)`", commands)
    }


@pytest.mark.parametrize(
    "command",
    [
        *("ingest", "features", "score", "reflexivity", "self", "simulate", "compare", "stress", "history"),
        *("report", "validate"),
    ],
)
def test_the_json_of_each_command_has_the_keys_of_the_docs(qmpt, spans, documented, tmp_path, command):
    qmpt("history", "--runs", 100, "--out", tmp_path / "kept")
    words = {
        "ingest": (spans, "--out", tmp_path / "in"),
        "simulate": ("--steps", 5),
        "compare": (spans, spans, "--layer", "fleet"),
        "history": ("--runs", 100),
        "report": (tmp_path / "kept", "--out", tmp_path / "r.md"),
    }.get(command, (spans,))
    assert json.loads(qmpt(command, *words, "--json").stdout).keys() == {"format", *documented[command]}


def acting(agent, number):
    return {
        "obs_id": f"{agent}-{number}", "pattern_id": agent, "timestamp": number, "modality": "prediction",
        "payload": {"p": 0.9 if number % 4 else 0.1, "outcome": bool(number % 4)}, "tags": [],
    }  # fmt: skip


@pytest.mark.parametrize(("betas", "known"), [((0.6, 0.4), False), ((0.4, 0.6), True)], ids=["default", "acts count"])
def test_forecasts_alone_give_a_reflexivity_only_where_acts_weigh_more(qmpt, tmp_path, betas, known):
    seen, config = tmp_path / "seen.jsonl", tmp_path / "my.yaml"
    seen.write_text("".join(f"{json.dumps(acting('a', n))}\n" for n in range(60)), encoding="utf-8")
    config.write_text("metrics: {{reflexivity: {{beta_text: {}, beta_dyn: {}}}}}".format(*betas), encoding="utf-8")
    found = json.loads(qmpt("reflexivity", seen, "--config", config, "--json").stdout)["patterns"][0]
    assert found["coverage"] == pytest.approx(betas[1])
    assert (found["value"] is not None) is known


def test_every_subcommand_is_in_the_docs_or_named_there():
    text = DOCS.read_text(encoding="utf-8")
    for name in (
        "ingest",
        "features",
        "score",
        "reflexivity",
        "self",
        "simulate",
        "compare",
        "stress",
        "history",
        "report",
        "validate",
    ):
        assert f"qmpt {name}" in text


def test_the_help_gives_the_exit_codes_of_the_docs(qmpt):
    help_text = " ".join(qmpt("--help").stdout.split())
    assert "0 done, 1 something was found or is not valid, 2 the input or the command cannot be used" in help_text
