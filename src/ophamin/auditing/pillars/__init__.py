# SPDX-License-Identifier: Apache-2.0
"""One pillar for each tool: how it is run safely, how its output is read, what of the tree it has seen."""
