# SPDX-License-Identifier: Apache-2.0
"""Static-analysis tools as pillars, their findings in one form, and one run of them as a signed record."""
