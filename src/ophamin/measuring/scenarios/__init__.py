# SPDX-License-Identifier: Apache-2.0
"""The two forms in which an author writes a scenario: a decorated function, or a class."""
