# SPDX-License-Identifier: Apache-2.0
"""Simulated layers. Each module is imported by its own name; this package imports none of them.

The models are assumptions about how a layer moves, not findings. A conclusion is worth something where it holds under
more than one of them and over a range of their constants.
"""
