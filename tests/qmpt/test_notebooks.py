# SPDX-License-Identifier: Apache-2.0
"""The notebooks run from top to bottom, offline, and are kept without outputs."""

import os
import sys
import warnings
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

FOLDER = Path(__file__).parents[2] / "notebooks"
FIGURES = {"01_basic_usage": 2, "02_anomaly_analysis": 3, "03_layer_simulation": 3}
OFFLINE = """
import socket

def _refuse(*_, **__):
    raise AssertionError("a connection was tried")

socket.create_connection = socket.getaddrinfo = _refuse
"""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_there_are_these_three():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_is_valid_and_has_no_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_says_first_what_its_numbers_do_not_mean(name):
    assert "Exploratory, not diagnostic" in read(name).cells[0].source or "assumptions" in read(name).cells[0].source


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_runs_offline_within_a_minute_and_draws_its_figures(name, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # where tests run side by side, threads only wait for each other
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = read(name)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(OFFLINE))
    client = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that talk to the kernel
        client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) == FIGURES[name]
    assert not [output for output in outputs if output.get("name") == "stderr"]
