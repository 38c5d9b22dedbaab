# SPDX-License-Identifier: Apache-2.0
"""All benchmarks, one after the other: ``make bench``."""

import cycle
import gate
import imports
import suite
import verdicts

if __name__ == "__main__":
    imports.main()
    cycle.main()
    verdicts.main()
    gate.main()
    suite.main()
