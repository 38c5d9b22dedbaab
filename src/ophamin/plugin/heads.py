# SPDX-License-Identifier: Apache-2.0
"""At the end of a session: its head, which binds all of its records, so that none can go missing unseen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ophamin.core.environment import git_facts
from ophamin.errors import OphaminError
from ophamin.trust.heads import write_head

if TYPE_CHECKING:
    from ophamin.plugin.docket import Docket

__all__ = ["Heads"]


class Heads:
    """Hooks of the controller: the workers write records, and one process the head over all of them."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        docket = self._docket
        if docket.is_worker or not docket.records.is_prepared:
            return
        project = git_facts(docket.root)
        try:
            write_head(
                docket.records.folder,
                {row["sha256"] for row in docket.rows} | set(docket.written),
                commit=project.commit or None,
                tree=project.tree or None,
                dirty=project.dirty is not False,
                lock=docket.registration.digest or None,
                environ=os.environ,
                signer=docket.sealing.signer,
                is_new=any(not row["stored"] for row in docket.rows) or not docket.rows,
            )
        except (OphaminError, OSError) as error:
            docket.unwritten.append(f"the head of this run was not written: {error}")
