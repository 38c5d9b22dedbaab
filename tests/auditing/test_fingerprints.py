# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: what moves is known again, what is added is new, and a second fault is never hidden by the first."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.base import Finding
from ophamin.auditing.fingerprints import (
    MAX_SOURCE_BYTES,
    Fingerprint,
    compare,
    fingerprint,
    fingerprints,
    ordinals,
)

SOURCE = ["import os", "", "def run(command):", "    return os.system(command)", "", "print(run)"]


def finding(line=4, message="Starting a process with a shell", path="run.py", rule="S605", tool="ruff", **more):
    return Finding(tool, rule, "high", message, path, line, 12, **more)


def prints(source, *lines, **more):
    return [fingerprint(finding(line, **more), source) for line in lines]


def news(current, baseline, **more):
    return len(compare(current, baseline, **more).new)


# One fingerprint


def test_a_fingerprint_is_the_published_formula():
    made = fingerprint(finding(), SOURCE)
    parts = [
        "ruff", "S605", "run.py", "def run(command):", "return os.system(command)", "print(run)",
        "Starting a process with a shell",
    ]  # fmt: skip

    def digest(kind, value):
        text = json.dumps(value, separators=(",", ":"))
        return hashlib.sha256(f"ophamin.{kind}.v1\0{text}".encode()).hexdigest()[:32]

    line = digest("line", ["return os.system(command)"])
    assert made == Fingerprint("ruff", "S605", "run.py", line, digest("finding", parts))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (["# a header", "", *SOURCE], 6),
        ([*SOURCE, "more()"], 4),
        (["import os", "def run(command):", "", "", "\t return  os.system(command) ", "print(run)"], 5),
        ([text.replace("    ", "\t") for text in SOURCE], 4),
    ],
)
def test_moved_and_reformatted_lines_keep_their_fingerprint(source, line):
    assert prints(source, line) == prints(SOURCE, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "bandit"},
        {"rule": "S606"},
        {"path": "other.py"},
        {"message": "Starting a process with 2 shells"},
        {"message": "Starting a process with a 'shell'"},
        {"line": 3},
    ],
)
def test_what_a_finding_says_is_in_its_fingerprint(change):
    assert fingerprint(finding(**change), SOURCE).digest != fingerprint(finding(), SOURCE).digest


@pytest.mark.parametrize("place", [2, 3, 5])
def test_line_and_neighbours_are_in_the_fingerprint(place):
    changed = list(SOURCE)
    changed[place] = "changed()"
    same = prints(changed, 4)[0].digest == prints(SOURCE, 4)[0].digest
    assert same is False


def test_severity_column_and_extra_are_not_in_the_fingerprint():
    other = Finding("ruff", "S605", "low", "Starting a process with a shell", "run.py", 4, 99, {"fix": None})
    assert fingerprint(other, SOURCE) == fingerprint(finding(), SOURCE)


@pytest.mark.parametrize("line", [0, -1, 7, 2**53])
def test_a_finding_without_a_line_in_the_file_has_no_line_text(line):
    made = fingerprint(finding(line), SOURCE)
    assert made.line_digest == ""
    assert made == fingerprint(finding(0), ())


def test_parts_that_run_together_are_told_apart():
    one = fingerprint(finding(rule="S6", message="05 x"), SOURCE)
    other = fingerprint(finding(rule="S605", message="x"), SOURCE)
    swapped = fingerprint(finding(1), ["a b", "c"]), fingerprint(finding(1), ["a", "b c"])
    assert one.digest != other.digest
    assert swapped[0].digest != swapped[1].digest


# Comparing


def test_a_second_fault_beside_an_accepted_one_is_new():
    source = ["f(shell=True)", "f(shell=True)"]
    assert news(prints(source, 1, 2), prints(source[:1], 1)) == 1
    assert news(prints(SOURCE, 4, 4), prints(SOURCE, 4)) == 1


def test_a_fault_that_was_mended_is_fixed():
    result = compare(prints(SOURCE, 4), prints(SOURCE, 4, 1))
    assert (result.new, result.fixed) == ((), (1,))


def test_a_changed_neighbour_or_message_is_met_by_the_line():
    changed = [*SOURCE[:2], "def run(command, *more):", *SOURCE[3:]]
    (match,) = compare(prints(changed, 4), prints(SOURCE, 4)).matched
    assert match.how == "same line"
    (match,) = compare(prints(SOURCE, 4, message="name defined on line 9"), prints(SOURCE, 4)).matched
    assert match.how == "same line"


def test_a_changed_line_is_new():
    changed = [*SOURCE[:3], "    return os.system(command + more)", *SOURCE[4:]]
    assert news(prints(changed, 4), prints(SOURCE, 4)) == 1


def test_a_renamed_file_keeps_its_findings():
    (match,) = compare(prints(SOURCE, 4, path="new/run.py"), prints(SOURCE, 4)).matched
    assert match.how == "renamed file"


def test_a_fault_copied_into_another_file_is_new():
    both = [*prints(SOURCE, 4), *prints(SOURCE, 4, path="copy.py")]
    assert compare(both, prints(SOURCE, 4)).new == (1,)


def test_a_fault_moved_out_of_a_file_that_stays_is_new_where_the_files_are_known():
    moved, old = prints(SOURCE, 4, path="new.py"), prints(SOURCE, 4)
    assert news(moved, old, existing={"new.py", "run.py"}) == 1
    assert news(moved, old, existing={"new.py"}) == 0
    assert news(moved, old, existing=set()) == 0


def test_another_rule_or_tool_on_the_same_line_is_new():
    assert news(prints(SOURCE, 4, rule="S607"), prints(SOURCE, 4)) == 1
    assert news(prints(SOURCE, 4, tool="bandit"), prints(SOURCE, 4)) == 1


def test_equal_ones_are_met_first_so_that_a_near_one_takes_no_partner_away():
    source = ["a()", "f(x)", "b()", "c()", "f(x)", "d()"]
    result = compare(prints(source, 5, 2), prints(source, 2, 5))
    assert {match.how for match in result.matched} == {"equal"}
    assert [(match.current, match.baseline) for match in result.matched] == [(0, 1), (1, 0)]
    near = ["z()", "f(x)", "b()", "c()", "f(x)", "d()"]
    result = compare(prints(near, 2, 5), prints(source, 5))
    assert [(match.current, match.how) for match in result.matched] == [(1, "equal")]
    assert result.new == (0,)


def test_a_finding_without_a_line_is_met_in_its_own_file_alone():
    def advisory(path, message="jinja2 3.1.2: xmlattr"):
        return fingerprint(Finding("pip_audit", "PYSEC-2024-1", "high", message, path))

    known = advisory("<dependency:jinja2>")
    assert news([advisory("<dependency:jinja2>", "jinja2 3.1.3: xmlattr")], [known]) == 0
    assert news([advisory("<dependency:other>")], [known]) == 1
    assert news(prints(["", ""], 1, path="b.py"), prints(["", ""], 1, path="a.py")) == 1


def test_equal_findings_are_met_first_with_first():
    result = compare(prints(SOURCE, 4, 4), prints(SOURCE, 4, 4, 4))
    assert [(match.current, match.baseline) for match in result.matched] == [(0, 0), (1, 1)]
    assert result.fixed == (2,)


def test_nothing_against_nothing_is_nothing():
    empty = compare([], [])
    assert (empty.new, empty.matched, empty.fixed) == ((), (), ())
    assert compare(prints(SOURCE, 4), []).new == (0,)
    assert compare([], prints(SOURCE, 4)).fixed == (0,)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_ordinals_number_equal_fingerprints(count):
    assert ordinals([*prints(SOURCE, *[4] * count), *prints(SOURCE, 1)]) == [*range(count), 0]


made_prints = st.builds(
    lambda rule, path, line, message: fingerprint(
        Finding("ruff", rule, "low", message, path, line), ["f(x)", "g(x)", "f(x)"]
    ),
    rule=st.sampled_from(["R1", "R2"]),
    path=st.sampled_from(["a.py", "b.py", "c.py"]),
    line=st.integers(0, 3),
    message=st.sampled_from(["m", "n"]),
)


@given(current=st.lists(made_prints, max_size=25), baseline=st.lists(made_prints, max_size=25))
def test_every_finding_is_new_or_met_once_and_every_accepted_one_fixed_or_met_once(current, baseline):
    result = compare(current, baseline)
    met = [match.current for match in result.matched]
    partners = [match.baseline for match in result.matched]
    assert sorted([*result.new, *met]) == list(range(len(current)))
    assert sorted([*result.fixed, *partners]) == list(range(len(baseline)))
    for match in result.matched:
        one, other = current[match.current], baseline[match.baseline]
        assert (one.tool, one.rule, one.line_digest) == (other.tool, other.rule, other.line_digest)
        assert (one == other) or match.how != "equal"
        assert (one.path == other.path) == (match.how != "renamed file")


@given(current=st.lists(made_prints, max_size=25), shuffled=st.randoms())
def test_the_same_findings_in_any_order_are_never_new(current, shuffled):
    baseline = list(current)
    shuffled.shuffle(baseline)
    result = compare(current, baseline)
    assert (result.new, result.fixed) == ((), ())
    assert {match.how for match in result.matched} <= {"equal"}


@given(baseline=st.lists(made_prints, max_size=20), added=st.lists(made_prints, max_size=5))
def test_as_many_are_new_as_were_added(baseline, added):
    assert news([*baseline, *added], baseline) == len(added)


# Reading a tree


def test_findings_of_a_tree_are_fingerprinted_from_its_files(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "run.py").write_text("\n".join(SOURCE))
    made = fingerprints([finding(path="pkg/run.py"), finding(1, path="pkg/run.py"), finding(0)], tmp_path)
    assert made == [
        fingerprint(finding(path="pkg/run.py"), SOURCE),
        fingerprint(finding(1, path="pkg/run.py"), SOURCE),
        fingerprint(finding(0)),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_the_tools_count_them(tmp_path, end):
    (tmp_path / "run.py").write_bytes(end.join(["a = '\x0c \x1c \u2028'", "import os", "x()"]).encode())
    (made,) = fingerprints([finding(2)], tmp_path)
    assert made.line_digest == prints(["import os"], 1)[0].line_digest


def test_bytes_that_are_not_utf_8_are_kept_apart(tmp_path):
    (tmp_path / "run.py").write_bytes(b"x = 'caf\xe9'\nx = 'caf\xe8'\n")
    one, other = fingerprints([finding(1), finding(2)], tmp_path)
    assert "" != one.line_digest != other.line_digest != ""


@pytest.mark.parametrize(
    "path", ["absent.py", "../secret.py", "{root}/../secret.py", "pkg", "a\0b.py", "", ".", "x" * 5000]
)
def test_a_file_that_cannot_or_must_not_be_read_gives_no_line_text(tmp_path, path):
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    (tmp_path / "secret.py").write_text("token = 1\n")
    (made,) = fingerprints([finding(1, path=path.format(root=root))], root)
    assert made.line_digest == ""


@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")
def test_links_are_not_followed_and_pipes_not_waited_for(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("token = 1\n")
    (root / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop.py").symlink_to("loop.py")
    os.mkfifo(root / "pipe.py")
    paths = ["link.py", "folder/secret.py", "loop.py", "pipe.py"]
    made = fingerprints([finding(1, path=path) for path in paths], root)
    assert [one.line_digest for one in made] == [""] * 4


def test_a_huge_file_gives_no_line_text(tmp_path):
    with (tmp_path / "run.py").open("wb") as handle:
        handle.write(b"import os\n")
        handle.truncate(MAX_SOURCE_BYTES + 1)
    (made,) = fingerprints([finding(1)], tmp_path)
    assert made.line_digest == ""


def test_each_file_is_read_once(tmp_path, monkeypatch):
    from ophamin.auditing import fingerprints as room

    asked = []
    monkeypatch.setattr(room, "read_within", lambda root, path, most: asked.append(path) or b"")
    fingerprints([finding(1, path="a.py"), finding(2, path="a.py"), finding(1, path="b.py")], tmp_path)
    assert asked == ["a.py", "b.py"]
