# SPDX-License-Identifier: Apache-2.0
"""Numbers about patterns and layers. Each module is imported by its own name; this package imports none of them."""
