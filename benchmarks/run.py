# SPDX-License-Identifier: Apache-2.0
"""All benchmarks, one after the other, each in a process of its own: ``make bench``, about an hour.

``python benchmarks/run.py trust qmpt_io`` runs some of them. Ends with 1 where one of them failed.
"""

import subprocess
import sys
from pathlib import Path

NAMES = (
    "imports",
    "cycle",
    "verdicts",
    "gate",
    "suite",
    "pillars",
    "trust",
    "audit",
    "audit_baseline",
    "qmpt_io",
    "qmpt_features",
    "qmpt_simulation",
    "qmpt_anomaly",
)


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark is named {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or NAMES:
        print(f"\n== {name}", flush=True)
        script = Path(__file__).with_name(f"{name}.py")
        if subprocess.run([sys.executable, script], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
