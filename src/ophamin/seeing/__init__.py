# SPDX-License-Identifier: Apache-2.0
"""What is tried and what it is fed: systems under test and corpora."""
