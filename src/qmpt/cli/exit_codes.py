# SPDX-License-Identifier: Apache-2.0
"""The exit codes of the command line; 0 is a command that did what was asked.

This module is loaded before anything else and imports nothing, so that an interrupt finds the entry ready.
"""

from __future__ import annotations

__all__ = ["CLOSED_PIPE", "EXIT_FINDINGS", "EXIT_UNUSABLE", "INTERRUPTED"]

EXIT_FINDINGS = 1
"""What was asked for as a finding was found, or something is not valid."""
EXIT_UNUSABLE = 2
"""Something could not be read or computed, or the command line makes no sense."""
INTERRUPTED = 130
CLOSED_PIPE = 141
"""The reader of the output went away."""
