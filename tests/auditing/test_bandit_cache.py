# SPDX-License-Identifier: Apache-2.0
"""The cache of bandit's reports: it saves the run, and nothing that was put into it is believed."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from ophamin.auditing.base import AuditOptions, PillarState
from ophamin.auditing.pillars import bandit, bandit_cache
from ophamin.auditing.pillars.bandit import BanditPillar
from ophamin.auditing.pillars.bandit_cache import BanditCache, cache_key_file, entry_key
from ophamin.auditing.pillars.bandit_output import FileReport, Issue
from ophamin.auditing.sessions import ToolSession
from ophamin.auditing.severities import SeverityTable

SHELL = "import subprocess as s\ndef f(c): s.call(c, shell=True)\n"
ISSUE = Issue(
    rule="B602", name="shell", severity="HIGH", confidence="HIGH", message="shell é \ud800", line=2, column=1, cwe=78
)
posix_only = pytest.mark.skipif(os.name != "posix", reason="there are no modes here")


@pytest.fixture
def cache(tmp_path):
    return BanditCache(tmp_path / "cache", "/tree", tmp_path / "state" / "key")


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """Audit a tree of two files with a cache; gives the result and the names that bandit was started over."""
    if not BanditPillar.is_available():
        pytest.skip("needs bandit")
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.py").write_text(SHELL)
    (root / "b.py").write_text("x = 1\n")
    started = []
    really = ToolSession.run

    def counted(session, *arguments):
        started.extend(sorted(path.rpartition("/")[2] for path in arguments[arguments.index("--") + 1 :]))
        return really(session, *arguments)

    monkeypatch.setattr(ToolSession, "run", counted)

    def run(key="key", target=root, **options):
        started.clear()
        result = BanditPillar(cache_key_file=tmp_path / "state" / key).run(
            target, options=AuditOptions(cache_dir=tmp_path / "cache", **options)
        )
        return result, list(started)

    run.root, run.packs = root, lambda: sorted((tmp_path / "cache" / "bandit").glob("*.pack"))
    return run


def outcome(result):
    return [finding.wire() for finding in result.findings], result.coverage, result.state, result.extra["suppressed"]


# With the real bandit


def test_a_second_run_starts_nothing_and_says_the_same(audited):
    cold, first = audited()
    warm, second = audited()
    assert (first, second) == (["a.py", "b.py"], [])
    assert outcome(warm) == outcome(cold)
    assert (warm.extra["from_cache"], warm.exit_code, warm.state) == (2, None, PillarState.FINDINGS)


def test_only_a_changed_file_is_looked_at_again(audited):
    audited()
    (audited.root / "b.py").write_text(SHELL)
    changed, started = audited()
    assert started == ["b.py"]
    assert {finding.path for finding in changed.findings} == {"a.py", "b.py"}
    assert audited()[1] == []


def test_a_renamed_file_is_looked_at_again(audited):
    audited()
    (audited.root / "a.py").rename(audited.root / "c.py")
    assert audited()[1] == ["c.py"]


def test_a_file_with_a_problem_is_never_kept(audited):
    (audited.root / "b.py").write_text("def broken(:\n")
    audited()
    again, started = audited()
    assert started == ["b.py"]
    assert (again.state, again.coverage.missed) == (PillarState.PARTIAL, ["b.py"])


def test_another_version_or_configuration_looks_at_everything_again(audited, monkeypatch, tmp_path):
    audited()
    (tmp_path / "bandit.yaml").write_text("skips: [B602]\n")
    lax, started = audited(config_dir=tmp_path)
    assert started == ["a.py", "b.py"]
    assert "B602" not in {finding.rule_id for finding in lax.findings}
    monkeypatch.setattr(bandit, "installed_version", lambda binary, name: "99.0")
    assert audited(config_dir=tmp_path)[1] == ["a.py", "b.py"]
    monkeypatch.setattr(bandit, "plugins", lambda *groups: [["bandit.plugins", "more", "x:y", "more", "1.0"]])
    assert audited(config_dir=tmp_path)[1] == ["a.py", "b.py"]


def test_a_bandit_of_another_environment_is_not_remembered(audited, monkeypatch):
    monkeypatch.setattr(bandit, "installed_version", lambda binary, name: "")
    audited()
    assert audited()[1] == ["a.py", "b.py"]
    assert audited.packs() == []


def test_overridden_severities_take_effect_on_kept_reports(audited):
    audited()
    table = SeverityTable.with_overrides({"bandit": {"B602": "info"}})
    result, started = audited(severities=table)
    assert started == []
    assert {finding.severity.value for finding in result.findings if finding.rule_id == "B602"} == {"info"}


def test_a_poisoned_pack_is_computed_anew(audited):
    cold, _ = audited()
    (pack,) = audited.packs()
    seal, _, body = pack.read_bytes().partition(b"\n")
    entries = json.loads(body)
    for entry in entries.values():
        entry["issues"] = []
    pack.write_bytes(seal + b"\n" + json.dumps(entries, sort_keys=True, separators=(",", ":")).encode())
    again, started = audited()
    assert started == ["a.py", "b.py"]
    assert outcome(again) == outcome(cold)


def test_a_pack_under_another_key_is_computed_anew(audited):
    audited(key="of another machine")
    assert audited()[1] == ["a.py", "b.py"]


def test_a_pack_of_another_tree_is_computed_anew(audited, tmp_path):
    audited()
    (first,) = audited.packs()
    other = tmp_path / "other"
    shutil.copytree(audited.root, other)
    audited(target=other)
    (second,) = set(audited.packs()) - {first}
    shutil.copyfile(first, second)
    assert audited(target=other)[1] == ["a.py", "b.py"]


def test_a_file_that_changes_during_the_run_is_not_kept(audited, monkeypatch):
    really = ToolSession.run

    def changing(session, *arguments):
        ran = really(session, *arguments)
        (audited.root / "a.py").write_text("x = 2\n")
        return ran

    monkeypatch.setattr(ToolSession, "run", changing)
    audited()
    (audited.root / "a.py").write_text(SHELL)
    monkeypatch.setattr(ToolSession, "run", really)
    result, _ = audited()
    assert result.extra["from_cache"] == 1


def test_a_file_of_which_bandit_dies_takes_nothing_from_what_is_known(audited):
    audited()
    (audited.root / "bad.py").write_text('password = "\\ud800"\n')
    result, started = audited()
    assert started == ["bad.py"]
    assert (result.state, result.coverage.missed) == (PillarState.PARTIAL, ["bad.py"])
    assert "B602" in {finding.rule_id for finding in result.findings}


# The pack itself


def test_reports_come_back_as_they_were(cache):
    reports = {"k": FileReport(issues=(ISSUE,), suppressed=3), "l": FileReport()}
    cache.store(reports)
    assert cache.load() == reports


def test_a_pack_replaces_the_one_before(cache):
    cache.store({"k": FileReport()})
    cache.store({"l": FileReport()})
    assert cache.load().keys() == {"l"}
    assert len(list(cache.folder.iterdir())) == 1


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"0" * 64 + b"\n{}", b"\xff" * 100], ids=range(5))
def test_what_is_no_pack_is_nothing(cache, data):
    cache.store({"k": FileReport()})
    (pack,) = cache.folder.iterdir()
    pack.write_bytes(data)
    assert cache.load() == {}


@posix_only
def test_a_link_or_a_pipe_in_the_place_of_the_pack_is_nothing(cache, tmp_path):
    cache.store({"k": FileReport()})
    (pack,) = cache.folder.iterdir()
    pack.rename(tmp_path / "real")
    pack.symlink_to(tmp_path / "real")
    assert cache.load() == {}
    pack.unlink()
    os.mkfifo(pack)
    assert cache.load() == {}


def test_a_pack_that_is_too_large_is_neither_written_nor_read(cache, monkeypatch):
    reports = {"k": FileReport(issues=(ISSUE,))}
    cache.store(reports)
    monkeypatch.setattr(bandit_cache, "MAX_PACK_BYTES", 100)
    assert cache.load() == {}
    cache.store({})
    cache.store(reports)
    assert cache.load() == {}


def test_only_so_many_trees_are_remembered(cache, tmp_path):
    for index in range(bandit_cache.MAX_PACKS + 3):
        each = BanditCache(cache.folder, f"/tree/{index}", cache.key_file)
        each.store({"k": FileReport()})
        for pack in cache.folder.iterdir():  # older than every later one, whatever the clock of the disk tells apart
            os.utime(pack, ns=(pack.stat().st_atime_ns, pack.stat().st_mtime_ns - 10**9))
    assert len(list(cache.folder.iterdir())) == bandit_cache.MAX_PACKS
    assert BanditCache(cache.folder, "/tree/0", cache.key_file).load() == {}
    assert each.load().keys() == {"k"}


@posix_only
def test_the_key_is_the_users_alone_and_lies_outside_the_cache(cache):
    cache.store({"k": FileReport()})
    assert cache.key_file.stat().st_mode & 0o777 == 0o600
    assert cache.folder not in cache.key_file.parents
    assert len(cache.key_file.read_bytes()) == 32


@posix_only
def test_a_key_that_others_can_read_seals_nothing(cache):
    cache.store({"k": FileReport()})
    cache.key_file.chmod(0o644)
    assert cache.load() == {}


@pytest.mark.parametrize("data", [b"", b"short"], ids=["empty", "short"])
def test_a_broken_key_seals_nothing_and_is_left_alone(cache, data):
    cache.key_file.parent.mkdir()
    cache.key_file.write_bytes(data)
    cache.key_file.chmod(0o600)
    cache.store({"k": FileReport()})
    assert cache.load() == {}
    assert cache.key_file.read_bytes() == data


def test_where_nothing_can_be_written_nothing_is_wrong(tmp_path):
    (tmp_path / "file").write_text("")
    for folder, key in (("file", "key"), ("cache", "file/key")):
        cache = BanditCache(tmp_path / folder, "/tree", tmp_path / key)
        cache.store({"k": FileReport()})
        assert cache.load() == {}


def test_the_usual_key_lies_with_the_state_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: tmp_path)
    assert cache_key_file() == tmp_path / "audit-cache.key"


def test_every_part_of_an_entry_key_counts():
    keys = {entry_key(*parts) for parts in [("t", "p", "d"), ("u", "p", "d"), ("t", "q", "d"), ("t", "p", "e")]}
    assert len(keys) == 4
