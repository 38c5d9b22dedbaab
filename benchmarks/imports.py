# SPDX-License-Identifier: Apache-2.0
"""P16: what importing costs, against a bare interpreter."""

import sys
import tempfile
from pathlib import Path

from measure import paired, report

VARIANTS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import ophamin": [sys.executable, "-c", "import ophamin"],
    "from ophamin import scenario": [sys.executable, "-c", "from ophamin import scenario, rate"],
    "import qmpt": [sys.executable, "-c", "import qmpt"],
    "ophamin --help": [str(Path(sys.executable).with_name("ophamin")), "--help"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory() as name:
        times = paired(VARIANTS, Path(name), rounds=rounds)
    report("P16: imports", times, "python -c pass", "import ophamin <= +15 ms, ophamin --help <= +120 ms")


if __name__ == "__main__":
    main()
