# SPDX-License-Identifier: Apache-2.0
"""What several verdicts say together: claims of one family, records of two runs."""
