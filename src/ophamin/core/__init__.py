# SPDX-License-Identifier: Apache-2.0
"""The ground floor: bytes, files, the process, plug-ins, and the values that cross rooms."""
