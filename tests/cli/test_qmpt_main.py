# SPDX-License-Identifier: Apache-2.0
import pytest
from typer.testing import CliRunner

import qmpt
from qmpt.cli.main import app, main


def test_the_version_is_that_of_the_package():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"qmpt {qmpt.__version__}\n"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_help_says_what_it_is_for_and_that_it_measures_nothing_yet(words):
    text = " ".join(CliRunner().invoke(app, words).output.split())
    assert "measurement library over populations of traces" in text
    assert "holds no measurement yet" in text


def test_main_ends_the_process(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qmpt", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("qmpt ")
