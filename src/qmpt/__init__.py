# SPDX-License-Identifier: Apache-2.0
"""A measurement library over populations of traces. So far it is a name and a version; it measures nothing yet."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
