# SPDX-License-Identifier: Apache-2.0
"""A measurement library over populations of traces: agents, authors, tests, accounts.

Who is atypical and why, who knows it, how much it matters, and how strained the whole population is. The measures are
exploratory and never diagnostic; a number without evidence is None with a reason. Nothing is loaded until it is used.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
