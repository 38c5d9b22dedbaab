# SPDX-License-Identifier: Apache-2.0
"""From a claim to a record: plans, trials, decisions, proofs."""
