# SPDX-License-Identifier: Apache-2.0
"""The hooks a project's ``conftest.py`` can implement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ophamin.core.evidence import PillarEvidence
    from ophamin.measuring.proof.record import EmpiricalProofRecord, PreRegistration
    from ophamin.measuring.trial import Trial


@pytest.hookspec(historic=True)
def pytest_ophamin_register(registry: Any) -> None:
    """Add substrates, corpora or pillars for this project alone.

    ``registry`` has ``register_substrate``, ``register_corpus`` and ``register_pillar``::

        def pytest_ophamin_register(registry):
            registry.register_substrate(MyModel, "my-model")
    """


@pytest.hookspec
def pytest_ophamin_preregistered(item: pytest.Item, preregistration: PreRegistration) -> None:
    """See a plan after it is stamped and before anything of it runs; once for each claim.

    For example::

        def pytest_ophamin_preregistered(item, preregistration):
            print(item.nodeid, preregistration.config_hash)
    """


@pytest.hookspec
def pytest_ophamin_evidence(  # type: ignore[empty-body]  # a specification has none
    item: pytest.Item, trial: Trial
) -> Sequence[PillarEvidence]:
    """Give further evidence after the body, before the claims are decided; it informs and decides nothing.

    For example::

        def pytest_ophamin_evidence(item, trial):
            return [control_chart("phi").compute(trial.cycles, [])]
    """


@pytest.hookspec
def pytest_ophamin_recorded(item: pytest.Item, record: EmpiricalProofRecord, path: Path) -> None:
    """Ship a record elsewhere, after it was written.

    For example::

        def pytest_ophamin_recorded(item, record, path):
            shutil.copy(path, ARCHIVE)
    """
