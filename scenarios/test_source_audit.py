# SPDX-License-Identifier: Apache-2.0
"""Claims about the source code of this project, looked over by static analysis."""

from importlib.metadata import distributions

from ophamin import observed, scenario

GRAVE = ("critical", "high")


def grave(record):
    return sum(record.summary.severity_histogram.get(severity, 0) for severity in GRAVE)


@scenario(
    "ruff, bandit and mypy find nothing grave in the source of this project",
    observed("grave", deterministic=True) <= 0,
    tier="engineering",
    family="audit",
)
def test_the_source_has_no_grave_finding(audit, trial):
    """Is there a hole in the source?

    All files below src are looked at, without a baseline and without the project's own configuration of the tools.

    If refuted: mend what the audit record names, before anything else is merged.
    """
    trial.observe(grave=grave(audit("src", tools=("ruff", "bandit", "mypy"))))


@scenario(
    "no installed dependency has a known vulnerability",
    observed("grave", deterministic=True) <= 0,
    tier="engineering",
    family="audit",
)
def test_no_dependency_is_known_to_be_vulnerable(audit, trial, tmp_path):
    """Is a dependency known to be vulnerable?

    Undecided where the service that knows vulnerabilities cannot be reached.

    If refuted: raise the lower bound of the dependency, or leave it out.
    """
    pins = tmp_path / "requirements.txt"
    installed = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
    installed.pop("pytest-ophamin", None)
    pins.write_text("".join(f"{name}=={version}\n" for name, version in sorted(installed.items())), encoding="utf-8")
    trial.observe(grave=grave(audit(pins, tools=("pip-audit",))))
