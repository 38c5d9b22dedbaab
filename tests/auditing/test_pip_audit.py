# SPDX-License-Identifier: Apache-2.0
"""pip-audit: no failure of a service, of a file or of the tool is ever "no vulnerabilities"."""

from __future__ import annotations

import json
import os

import pytest
from tests.auditing.osv_server import advisory, serve_osv

from ophamin.auditing.base import AuditOptions, PillarState
from ophamin.auditing.pillars.pip_audit import OSV_URL_VARIABLE, PipAuditPillar
from ophamin.auditing.pillars.pip_audit_output import PipAuditOutputError, read_output
from ophamin.auditing.severities import SeverityTable

PINS = "jinja2==3.1.2\nrequests==2.31.0\n"
CVSS = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}]  # 6.1
GHSA = advisory("GHSA-h5c8-rqwp-cp95", "jinja2", aliases=["CVE-2024-22195"], severity=CVSS)
FIXED = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}]
PYSEC = advisory("PYSEC-2024-1", "jinja2", aliases=["CVE-2024-22195"])
PYSEC["affected"][0]["ranges"] = FIXED


@pytest.fixture
def osv():
    with serve_osv() as server:
        server.answers["jinja2"] = {"vulns": [GHSA, PYSEC]}
        yield server


@pytest.fixture
def audit(tmp_path, osv):
    """Audit a tree of some files against the server, with the real pip-audit."""
    if not PipAuditPillar.is_available():
        pytest.skip("needs pip-audit")

    def run(text=PINS, *, name="requirements.txt", target="", **options):
        root = tmp_path / "tree"
        root.mkdir(exist_ok=True)
        (root / name).write_text(text)
        return PipAuditPillar(osv_url=osv.url).run(root / target, options=AuditOptions(**options))

    return run


# What pip-audit prints


def test_real_output_is_read_whole(sample):
    found = read_output(sample("pip_audit.json").encode())
    assert found["requests"] == []
    (one,) = found["jinja2"]
    assert one.id == "PYSEC-2024-1"
    assert one.names == {"PYSEC-2024-1", "CVE-2024-22195", "GHSA-h5c8-rqwp-cp95"}
    assert (one.fixed_in, one.summary) == (("3.1.3",), "Jinja xmlattr filter")


def test_a_skipped_package_is_no_package_without_vulnerabilities(sample):
    found = read_output(sample("pip_audit_skipped.json").encode())
    assert found.keys() == {"jinja2", "requests"}
    assert all(isinstance(reason, str) and "not found on PyPI" in reason for reason in found.values())


@pytest.mark.parametrize(
    "output",
    [b"", b"[]", b"{}", b"null", b"Traceback", b"[" * 100_000]
    + [
        json.dumps({"dependencies": [entry]}).encode()
        for entry in (
            {"name": "six"},
            {"name": 1, "vulns": []},
            {"name": "six", "vulns": [{"id": "A"}]},
            {"name": "six", "vulns": [{"id": None, "fix_versions": []}]},
            {"name": "six", "skip_reason": None},
            [],
        )
    ],
    ids=range(12),
)
def test_output_of_another_form_is_refused(output):
    with pytest.raises(PipAuditOutputError, match=r"printed what is not known here .*; use a version from"):
        read_output(output)


def test_names_of_one_vulnerability_are_united_also_through_a_third():
    vulns = [
        {"id": "A", "fix_versions": ["2"], "aliases": ["x"]},
        {"id": "B", "fix_versions": ["2", "3"], "aliases": ["y"]},
        {"id": "C", "fix_versions": [], "aliases": []},
        {"id": "D", "fix_versions": ["4"], "aliases": ["x", "y"]},
    ]
    found = read_output(json.dumps({"dependencies": [{"name": "six", "version": "1", "vulns": vulns}]}).encode())["six"]
    assert [(one.id, sorted(one.names), one.fixed_in) for one in found] == [
        ("C", ["C"], ()),
        ("A", ["A", "B", "D", "x", "y"], ("2", "3", "4")),
    ]


# The real pip-audit


def test_a_vulnerability_is_one_finding_at_the_line_of_its_pin(audit, osv):
    result = audit("requests==2.31.0\n\nJinja2==3.1.2 --hash=sha256:" + "0" * 64 + "\n")
    assert (result.state, result.coverage.listed, result.coverage.seen) == (PillarState.FINDINGS, 2, 2)
    (finding,) = result.findings
    assert (finding.rule_id, finding.path, finding.line) == ("PYSEC-2024-1", "requirements.txt", 3)
    assert finding.severity.value == "medium"
    assert finding.message == "jinja2 3.1.2 has a known vulnerability: a fault in jinja2 (fixed in 3.1.3)"
    assert finding.extra == {
        "package": "jinja2",
        "version": "3.1.2",
        "aliases": ["CVE-2024-22195", "GHSA-h5c8-rqwp-cp95"],
        "fixed_in": ["3.1.3"],
        "cvss": 6.1,
    }
    assert result.tool_version.startswith("pip-audit ")
    assert sorted(query["package"]["name"] for query in osv.queries) == ["jinja2", "requests"]


def test_without_vulnerabilities_it_is_ok(audit):
    result = audit("requests==2.31.0\n")
    assert (result.state, result.finding_count, result.coverage.seen) == (PillarState.OK, 0, 1)


def test_a_vulnerability_of_unknown_severity_is_high_and_can_be_overridden(audit, osv):
    osv.answers["jinja2"] = {"vulns": [PYSEC]}
    assert audit().severity_histogram == {"high": 1}
    table = SeverityTable.with_overrides({"pip-audit": {"PYSEC-2024-1": "low"}})
    assert audit(severities=table).severity_histogram == {"low": 1}


def test_a_lock_file_is_audited_without_its_project(audit, tmp_path):
    ran = tmp_path / "ran"
    text = 'lock-version = "1.0"\n[[packages]]\nname = "jinja2"\nversion = "3.1.2"\n'
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "setup.py").write_text(f"open({str(ran)!r}, 'w')\n")
    (tmp_path / "tree" / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'setup'\n")
    result = audit(text, name="pylock.toml")
    assert (result.state, result.findings[0].path, result.findings[0].line) == (PillarState.FINDINGS, "pylock.toml", 3)
    assert not ran.exists()


def test_pins_for_other_machines_are_audited_too(audit):
    result = audit("requests==2.31.0\njinja2==3.1.2 ; sys_platform == 'nowhere'\n")
    assert [finding.extra["package"] for finding in result.findings] == ["jinja2"]
    assert result.coverage.seen == 2


def test_two_versions_of_one_package_are_both_audited(audit, osv):
    result = audit("jinja2==3.1.2\njinja2==2.0 ; python_version < '3'\n")
    assert [finding.extra["version"] for finding in result.findings] == ["3.1.2", "2.0"]
    assert (result.coverage.seen, len(osv.queries)) == (2, 2)


def test_what_is_not_pinned_makes_it_partial_and_is_named(audit):
    result = audit(PINS + "flask>=2\n-e .\n")
    assert result.state is PillarState.PARTIAL
    assert result.coverage.missed == ["flask>=2", "-e ."]
    assert "flask>=2 (requirements.txt:3) has no exact version; pin it" in result.error_message
    assert [finding.rule_id for finding in result.findings] == ["PYSEC-2024-1"]


def test_an_answer_in_pages_makes_it_partial(audit, osv):
    osv.answers["requests"] = {"vulns": [], "next_page_token": "x"}
    result = audit()
    assert (result.state, result.coverage.missed) == (PillarState.PARTIAL, ["requests 2.31.0"])
    assert "further pages" in result.error_message


@pytest.mark.parametrize(
    "answer",
    [None, b"<html>captive portal</html>"],
    ids=["null", "HTML"],
)
def test_a_service_that_answers_with_something_else_is_unavailable(audit, osv, answer):
    osv.answers["requests"] = answer
    result = audit()
    assert (result.state, result.status, result.may_pass) == (PillarState.UNAVAILABLE, "unavailable", False)
    assert "nothing is known of the dependencies" in result.error_message


def test_a_service_that_fails_is_unavailable(audit, osv):
    osv.status = 503
    result = audit()
    assert result.state is PillarState.UNAVAILABLE
    assert "answered with status 503" in result.error_message


def test_a_service_that_is_gone_is_unavailable(audit, osv):
    osv.shutdown()
    osv.server_close()
    result = audit()
    assert result.state is PillarState.UNAVAILABLE
    assert "cannot be reached" in result.error_message


def test_a_service_that_hangs_is_no_clean_result(audit, osv):
    osv.hang = True
    assert audit(timeout_s=1.0).state in {PillarState.TIMEOUT, PillarState.UNAVAILABLE}


def test_an_address_without_https_is_unavailable(tmp_path):
    if not PipAuditPillar.is_available():
        pytest.skip("needs pip-audit")
    (tmp_path / "requirements.txt").write_text(PINS)
    result = PipAuditPillar(osv_url="http://example.org/v1/query").run(tmp_path)
    assert result.state is PillarState.UNAVAILABLE
    assert "https" in result.error_message


def test_the_address_is_taken_from_the_variable_of_pip_audit(audit, osv, monkeypatch, tmp_path):
    audit()
    osv.queries.clear()
    monkeypatch.setenv(OSV_URL_VARIABLE, osv.url)
    result = PipAuditPillar().run(tmp_path / "tree")
    assert (result.state, len(osv.queries)) == (PillarState.FINDINGS, 2)


def test_settings_of_the_environment_do_not_reach_pip_audit(audit, monkeypatch):
    monkeypatch.setenv("PIP_AUDIT_OUTPUT", "stolen.json")
    monkeypatch.setenv("PIP_AUDIT_FORMAT", "markdown")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert audit().state is PillarState.FINDINGS


def test_a_folder_without_pins_is_not_clean_and_says_what_is_needed(audit):
    result = audit("[project]\ndependencies = ['jinja2']\n", name="pyproject.toml")
    assert (result.state, result.may_pass) == (PillarState.PARTIAL, False)
    for named in ("pylock.toml", "uv.lock", "requirements*.txt", "pyproject.toml names ranges"):
        assert named in result.error_message


def test_a_source_file_or_a_missing_path_is_not_clean(audit):
    result = audit("import jinja2\n", name="a.py", target="a.py")
    assert (result.state, result.coverage.listed) == (PillarState.PARTIAL, 0)
    missing = audit(target="missing.txt")
    assert missing.state is PillarState.PARTIAL


def test_a_requirements_file_of_any_name_can_be_audited(audit):
    result = audit(name="constraints.txt", target="constraints.txt")
    assert (result.state, result.findings[0].path) == (PillarState.FINDINGS, "constraints.txt")


def test_only_the_chosen_files_are_read(audit):
    assert audit(files=("a.py",)).coverage.listed == 0
    assert audit(files=("a.py", "requirements.txt")).state is PillarState.FINDINGS


def test_nothing_is_written_into_the_tree(audit, tmp_path, monkeypatch):
    audit()
    monkeypatch.chdir(tmp_path / "tree")
    audit()
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["requirements.txt"]


# Tools that are not pip-audit


def test_without_pip_audit_it_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.setattr(PipAuditPillar, "resolved_binary", classmethod(lambda cls: None))
    assert PipAuditPillar().run(tmp_path).state is PillarState.UNAVAILABLE


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("exit 0", PillarState.CRASHED),
        ("echo usage >&2; exit 2", PillarState.CRASHED),
        ("kill -SEGV $$", PillarState.CRASHED),
        ("echo No known vulnerabilities found", PillarState.INVALID_OUTPUT),
        ("echo '{\"packages\": []}'", PillarState.INVALID_OUTPUT),
        ("echo '{\"dependencies\": []}'", PillarState.PARTIAL),
        ("yes", PillarState.INVALID_OUTPUT),
        ("sleep 60", PillarState.TIMEOUT),
    ],
    ids=["silent", "usage", "signal", "text", "other form", "nothing audited", "flood", "hangs"],
)
@pytest.mark.skipif(os.name != "posix", reason="the tools of this test are shell scripts")
def test_a_tool_that_is_not_understood_is_never_clean(monkeypatch, tmp_path, osv, script, state):
    fake = tmp_path / "pip-audit"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    (tmp_path / "requirements.txt").write_text(PINS)
    monkeypatch.setattr(PipAuditPillar, "resolved_binary", classmethod(lambda cls: fake))
    monkeypatch.setattr(PipAuditPillar, "tool_version", lambda self: "pip-audit 99")
    options = AuditOptions(max_output_bytes=10_000, timeout_s=0.5 if state is PillarState.TIMEOUT else 30.0)
    result = PipAuditPillar(osv_url=osv.url).run(tmp_path, options=options)
    assert (result.state, result.may_pass) == (state, False)
