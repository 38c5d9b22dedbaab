# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by tests and scenarios."""

pytest_plugins = ["pytester", "fixtures.substrates", "fixtures.corpora"]
