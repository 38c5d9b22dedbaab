# SPDX-License-Identifier: Apache-2.0
"""The command in a record is foreign text: one form is taken apart, and everything else is refused."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ophamin.trust.replay_command import ForeignCommandError, PytestCommand, read_command

START = "python -m pytest --ophamin"


@pytest.mark.parametrize(
    ("item", "options"),
    [
        ("tests/test_a.py::test_b", ("--ophamin-seed=0",)),
        ("test_a.py::TestShop::test_b[it's [odd] & $HOME]", ("--substrate=mock:seed=3", "--ophamin-seed=11.2")),
        ("test_a.py::test_b[x-../../y]", ("--substrate=git:main:shop.prices:quote", "--substrate=mock")),
    ],
    ids=["plain", "parameters", "systems"],
)
def test_what_a_session_writes_is_read_back(item, options):
    written = shlex.join(["python", "-m", "pytest", "--ophamin", item, *options])
    assert read_command(written) == PytestCommand(item, options)
    assert read_command(written).arguments == ("--ophamin", item, *options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "python",
        START,
        "PYTHONPATH=src .venv/bin/python -m ophamin.cli scenario wilson-ci-crosscheck",
        "python -c 'import os'",
        "/tmp/python -m pytest --ophamin test_a.py::test_b",
        "python -m pytest test_a.py::test_b",
        f"{START} test_a.py::test_b; rm -rf ~",
        f"{START} test_a.py::test_b && curl example.org",
        f"{START} test_a.py::test_b $(id)",
        f"{START} test_a.py",
        f"{START} test_a.py::",
        f"{START} /tmp/test_a.py::test_b",
        f"{START} ../test_a.py::test_b",
        f"{START} tests/../../test_a.py::test_b",
        f"{START} 'c:\\test_a.py::test_b'",
        f"{START} @arguments.py::x",
        f"{START} --rootdir=/tmp.py::x",
        f"{START} -pevil.py::x",
        f"{START} tests::test_b",
        f"{START} 'test_a.py::test_b\n'",
        f"{START} test_a.py::test_b -p evil",
        f"{START} test_a.py::test_b --ophamin-dir=/etc",
        f"{START} test_a.py::test_b --ophamin-seed=x",
        f"{START} test_a.py::test_b --ophamin-seed 1",
        f"{START} test_a.py::test_b --substrate=../x",
        f"{START} test_a.py::test_b --substrate='mock:\x1b'",
        f"{START} test_a.py::test_b --ophamin-key-file=/root/key.pem",
        f"{START} test_a.py::test_b test_c.py::test_d",
        f"{START} 'test_a.py::test_b",
        f"{START} test_a.py::{'b' * 9000}",
    ],
    ids=range(31),
)
def test_every_other_command_is_refused(text):
    with pytest.raises(ForeignCommandError, match="run it by hand if you trust it") as refused:
        read_command(text)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


@given(st.text(max_size=80))
@example("\x00")
def test_no_text_raises_anything_else(tail):
    for text in (tail, f"{START} {tail}", f"{START} test_a.py::test_b {tail}"):
        try:
            command = read_command(text)
        except ForeignCommandError:
            continue
        assert not command.item.startswith(("-", "@", "/"))
        assert all(one.startswith(("--substrate=", "--ophamin-seed=")) for one in command.options)
