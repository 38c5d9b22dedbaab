# SPDX-License-Identifier: Apache-2.0
"""Plots and reports. Nothing here computes a score; what is missing is counted and said, never drawn as 0."""
