# SPDX-License-Identifier: Apache-2.0
"""Observations, patterns and layers: what they are, where they come from and how they are kept."""
