# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest
from fixtures.heavy import HEAVY


@pytest.mark.parametrize(
    "module", ["qmpt.data.models", "qmpt.data.io", "qmpt.data.indexing", "qmpt.data.sources", "qmpt.runs"]
)
def test_no_heavy_library_is_loaded_before_it_is_used(module):
    program = f"import sys, {module}; print(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    optional = {"numpy", "pyarrow", "orjson", "yaml", "matplotlib", "ophamin", "git"}
    assert set(done.stdout.split()) & (HEAVY - {"pydantic"} | optional) == set()
