# SPDX-License-Identifier: Apache-2.0
"""Pillars: statistical methods that read a finished run and add evidence."""
