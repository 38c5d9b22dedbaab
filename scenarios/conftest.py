# SPDX-License-Identifier: Apache-2.0
"""What several scenarios need."""

import pytest


@pytest.fixture
def one_thread():
    """Small matrices gain nothing from several threads, which wait for each other on a busy machine; and what is
    compared must have the same number of them.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
