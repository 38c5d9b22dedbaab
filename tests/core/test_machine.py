# SPDX-License-Identifier: Apache-2.0
"""The kind of a machine."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import uuid
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core import machine
from ophamin.core.machine import UNKNOWN, differences, machine_class, machine_fingerprint

NAMES = ["architecture", "cores", "cpu", "kernel", "libraries", "memory", "os", "python"]
FINGERPRINTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder that holds, or does not hold, the files that are read."""
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "OS_RELEASE", (tmp_path / "os-release", tmp_path / "usr-os-release"))
    return tmp_path


def fresh():
    return machine_fingerprint.__wrapped__()


def test_the_fingerprint_has_eight_texts_and_is_asked_for_once():
    fingerprint = machine_fingerprint()
    assert sorted(fingerprint) == NAMES
    assert all(isinstance(text, str) and text == text.strip() != "" for text in fingerprint.values())
    assert machine_fingerprint() is fingerprint
    with pytest.raises(TypeError):
        fingerprint["cpu"] = "other"


def test_it_says_what_python_and_psutil_say():
    fingerprint = machine_fingerprint()
    assert fingerprint["architecture"] == platform.machine()
    assert fingerprint["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert fingerprint["cores"].endswith(f" physical, {os.cpu_count()} logical")
    assert fingerprint["kernel"].startswith(platform.system())
    gib = float(fingerprint["memory"].removesuffix(" GiB"))
    assert psutil.virtual_memory().total / 2**30 == pytest.approx(gib, rel=0.26)


def test_nothing_in_it_names_this_machine_or_its_user(monkeypatch):
    for name in ("HOSTNAME", "COMPUTERNAME", "USER", "LOGNAME", "USERNAME", "HOME"):
        monkeypatch.setenv(name, "/alices-box")
    for module, name in ((socket, "gethostname"), (platform, "node"), (getpass, "getuser")):
        monkeypatch.setattr(module, name, lambda: "alices-box")
    monkeypatch.setattr(platform, "release", lambda: "6.8.0-alices-box")
    text = "\n".join(fresh().values())
    assert "alice" not in text
    assert f"{uuid.getnode():x}" not in text
    assert str(Path.cwd()) not in text


def test_a_processor_is_named_by_its_model_and_by_nothing_beside_it(files):
    (files / "cpuinfo").write_text(
        "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Acme  Turbo @ 2.20GHz\nSerial\t\t: 00000000deadbeef\n\n"
        "processor\t: 1\nmodel name\t: Other\nmicrocode\t: 0x1\n"
    )
    fingerprint = fresh()
    assert fingerprint["cpu"] == "Acme Turbo @ 2.20GHz"
    assert "deadbeef" not in "".join(fingerprint.values())


def test_a_processor_without_a_model_is_named_by_the_kinds_of_its_cores(files):
    core = "processor\t: {}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {}\n\n"
    (files / "cpuinfo").write_text(core.format(0, "0xd05") + core.format(1, "0xd0a") + core.format(2, "0xd05"))
    assert fresh()["cpu"] == "0x41/0xd05, 0x41/0xd0a"


def test_an_image_is_named_by_its_id_and_version(files):
    (files / "os-release").write_text(
        'NAME="Acme Linux"\nPRETTY_NAME="Acme on build-host-7"\nID=acme\nVERSION_ID="12.4"\nBUILD_ID=secret\n'
    )
    assert fresh()["os"] == "acme 12.4"
    (files / "os-release").write_text("ID='rolling'\n")
    assert fresh()["os"] == "rolling"


def test_the_second_place_of_the_image_counts_where_the_first_has_none(files):
    (files / "os-release").mkdir()
    (files / "usr-os-release").write_text("ID=acme\nVERSION_ID=1\n")
    assert fresh()["os"] == "acme 1"


@pytest.mark.parametrize(
    ("system", "release", "mac", "windows", "os_text", "kernel"),
    [
        ("Darwin", "23.1.0", "14.1.2", "", "macos 14.1", "Darwin 23.1"),
        ("Windows", "10", "", "10.0.22631", "windows 10.0.22631", "Windows"),
        ("Linux", "6.8.0-1015-alices-box", "", "", UNKNOWN, "Linux 6.8"),
        ("", "", "", "", UNKNOWN, UNKNOWN),
    ],
)
def test_other_systems_are_named_by_their_version(files, monkeypatch, system, release, mac, windows, os_text, kernel):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(platform, "mac_ver", lambda: (mac, ("", "", ""), ""))
    monkeypatch.setattr(platform, "win32_ver", lambda: ("10", windows, "", ""))
    fingerprint = fresh()
    assert (fingerprint["os"], fingerprint["kernel"]) == (os_text, kernel)


def _refuse(*_arguments, **_options):
    raise PermissionError("hidden")


def test_what_cannot_be_found_out_is_unknown(files, monkeypatch):
    for name in ("processor", "machine"):
        monkeypatch.setattr(platform, name, str)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(psutil, "cpu_count", _refuse)
    monkeypatch.setattr(psutil, "virtual_memory", _refuse)
    fingerprint = fresh()
    assert fingerprint["cores"] == "unknown physical, unknown logical"
    assert {fingerprint[name] for name in ("cpu", "architecture", "memory")} == {UNKNOWN}


@pytest.mark.parametrize("error", [psutil.AccessDenied(1), KeyError(b"MemTotal"), ValueError("odd"), RuntimeError("x")])
def test_psutil_may_fail_in_every_way(files, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(psutil, "cpu_count", fail)
    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert fresh()["memory"] == UNKNOWN


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe" * 100, b"\x00" * 100, b"model name\t:\n", b"model name : " + b"x" * 200_000, b"\n" * 10**6],
    ids=["empty", "not UTF-8", "NUL", "no model", "a long line", "large"],
)
def test_damaged_files_give_a_short_plain_text(files, data):
    (files / "cpuinfo").write_bytes(data)
    (files / "os-release").write_bytes(data)
    assert all(0 < len(text) <= 120 and text.isprintable() for text in fresh().values())


def test_only_the_beginning_of_a_file_is_read(files):
    (files / "cpuinfo").write_bytes(b"x" * 2**16 + b"\nmodel name\t: too late\n")
    assert fresh()["cpu"] != "too late"


def test_what_a_terminal_would_act_on_is_made_visible(files):
    (files / "cpuinfo").write_text("model name\t: a\x1b[2Kb\u202ec\n")
    (files / "os-release").write_text('ID=acme\nVERSION_ID="1\x1b[2K"\n')
    assert fresh()["cpu"] == "a\\x1b[2Kb\\u202ec"
    assert fresh()["os"] == "acme"


def test_a_pipe_and_a_device_are_not_waited_for(files, monkeypatch):
    os.mkfifo(files / "cpuinfo")
    monkeypatch.setattr(machine, "OS_RELEASE", (Path("/dev/zero"), files))
    before = psutil.Process().num_fds()
    fresh()
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (25_276_514_304, "24 GiB"), (int(15.5 * 2**30), "16 GiB"), (2**30, "1 GiB"), (int(7.6 * 2**30), "8 GiB"),
        (2**29, "0.5 GiB"), (2**40, "1024 GiB"), (377 * 2**30, "384 GiB"), (0, UNKNOWN), (-1, UNKNOWN),
    ],
)  # fmt: skip
def test_memory_is_named_by_the_size_it_is_sold_in(files, monkeypatch, size, text):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=size))
    assert fresh()["memory"] == text


def test_the_digest_of_the_libraries_changes_with_a_version_and_with_nothing_else(monkeypatch):
    def libraries(lock):
        monkeypatch.setattr(machine, "environment_lock", lambda: lock)
        return fresh()["libraries"]

    one = libraries({"python": "3.11.7", "platform": "Linux-6.8.0-alices-box", "numpy": "2.4.6", "scipy": "1.17.1"})
    assert one == libraries({"scipy": "1.17.1", "numpy": "2.4.6", "python": "3.12.0", "platform": "other"})
    assert one != libraries({"python": "3.11.7", "platform": "Linux-6.8.0-alices-box", "numpy": "2.4.5", "scipy": "1"})
    assert len(one) == 16


@settings(max_examples=100, deadline=None)
@given(FINGERPRINTS, FINGERPRINTS)
def test_two_kinds_of_machine_have_one_class_exactly_where_nothing_differs(a, b):
    assert (machine_class(a) == machine_class(b)) is (differences(a, b) == ()) is (a == b)
    assert len(machine_class(a)) == 12
    assert machine_class(dict(reversed(a.items()))) == machine_class(a)
    changed = [name for name in sorted({*a, *b}) if a.get(name) != b.get(name)]
    assert len(differences(a, b)) == len(changed)
    assert len(differences(b, a)) == len(changed)


def test_differences_are_lines_in_the_order_of_their_names():
    old = {"os": "debian 12", "cpu": "X", "gpu": "none", "python": "CPython 3.11.7"}
    new = {"cpu": "Y", "os": "debian 13", "python": "CPython 3.11.7", "bios": "a"}
    assert differences(old, new) == (
        "bios: (not recorded) -> a", "cpu: X -> Y", "gpu: none -> (not recorded)", "os: debian 12 -> debian 13",
    )  # fmt: skip
    assert differences(new, new) == ()


def test_lines_from_a_foreign_fingerprint_can_be_shown():
    lines = differences({"c\x1b[1mpu": "a\nVALIDATED"}, {"x": "\u202e" + "y" * 10_000})
    assert lines == ("c\\x1b[1mpu: a VALIDATED -> (not recorded)", f"x: (not recorded) -> \\u202e{'y' * 111}...")
