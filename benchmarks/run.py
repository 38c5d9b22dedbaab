# SPDX-License-Identifier: Apache-2.0
"""All benchmarks, one after the other: ``make bench``."""

import cycle
import imports
import suite

if __name__ == "__main__":
    imports.main()
    cycle.main()
    suite.main()
