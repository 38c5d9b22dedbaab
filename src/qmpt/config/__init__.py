# SPDX-License-Identifier: Apache-2.0
"""Configurations: what they may say, and how they are read."""
