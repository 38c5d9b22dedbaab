# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.fixture(autouse=True)
def user_cache(tmp_path_factory, monkeypatch):
    """No test writes into the cache of the user who runs it."""
    folder = tmp_path_factory.mktemp("user-cache")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
    return folder
