# SPDX-License-Identifier: Apache-2.0
"""The proof record, its codec and its schema."""
