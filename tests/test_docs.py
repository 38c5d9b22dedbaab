# SPDX-License-Identifier: Apache-2.0
"""The Python in the documents runs, and does what they say."""

import re
from pathlib import Path

import pytest

from ophamin import conduct
from ophamin.core.shapes import CycleResult

DOCS = Path(__file__).parents[1] / "docs"


def blocks(name):
    return re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def loaded(source, tmp_path):
    """A module of its own, since a scenario's source is read from its file."""
    import importlib.util

    path = tmp_path / "document.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("document", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_scenario_with_pillars_is_tried_and_every_row_is_computed(tmp_path):
    pytest.importorskip("statsmodels")
    record = conduct(loaded(blocks("pillars.md")[0], tmp_path).test_treated)
    rows = {row.pillar: row for row in record.evidence}
    assert set(rows) == {"claim.betting", "O.srm", "O.spc", "M.mixed_effects"}
    assert rows["O.srm"].detail["condition"] == "holds"
    assert all(row.cross_check != "skipped" for row in rows.values()), {
        n: r.detail.get("reason") for n, r in rows.items()
    }


def test_a_pillar_of_ones_own_computes_and_says_why_it_cannot(tmp_path):
    pillar = loaded(blocks("pillars.md")[1], tmp_path).Range("phi")
    cycles = [CycleResult(n, True, {"phi": float(n)}) for n in range(5)]
    assert pillar.compute(cycles, []).statistic_value == 4.0
    assert pillar.compute(cycles[:1], []).detail["reason"].startswith("1 value")
