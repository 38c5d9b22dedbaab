# SPDX-License-Identifier: Apache-2.0
"""What strangers can check: signed statements about records, and the chain of runs."""
