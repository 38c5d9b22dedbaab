# SPDX-License-Identifier: Apache-2.0
"""``qmpt validate``: whether files can be used, before anything is computed with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sized
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from qmpt.cli.options import AsJson, Kind, Settings
from qmpt.cli.output import EXIT_FINDINGS, EXIT_UNUSABLE, say, say_json, say_text
from qmpt.errors import QmptError

__all__ = ["VALIDATION_FORMAT", "validate"]

VALIDATION_FORMAT: Final = "qmpt-validation/1"
_CONFIGS: Final = (".yaml", ".yml")


class _Judgement(StrEnum):
    """Of one input; the value is what is printed."""

    OK = "ok"
    NOT_VALID = "not valid"
    NOT_READ = "not read"


def validate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Configurations, traces, or folders of results.")],
    kind: Kind = "auto",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Read each input whole and say whether it is in order; nothing is computed, nothing is written.

    A configuration is a YAML file or the name of a sample; a folder with run.json is read as what a command kept;
    everything else is read as traces.

    Ends with 0 where everything is in order, 1 where something is not, 2 where an input is missing or may not be read.

    \b
    Example:
      qmpt validate my.yaml spans.jsonl
      qmpt validate scored
      qmpt validate calls.csv --set pattern=agent --set time=at --set numbers=ms
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    found = [_judged(path, kind, settings) for path in paths]
    if as_json:
        inputs = [{"path": path, "valid": how is _Judgement.OK, "told": told} for path, how, told in found]
        say_json({"format": VALIDATION_FORMAT, "inputs": inputs})
    else:
        for path, how, told in found:
            say_text(f"{how}  {told}" if path in told else f"{how}  {path}: {told}")
        if len(found) > 1:
            say(f"{sum(how is _Judgement.OK for _, how, _ in found)} of {len(found)} are in order")
    judgements = {how for _, how, _ in found}
    if _Judgement.NOT_READ in judgements:
        raise typer.Exit(EXIT_UNUSABLE)
    if _Judgement.NOT_VALID in judgements:
        raise typer.Exit(EXIT_FINDINGS)


def _judged(path: str, kind: str, settings: list[str] | None) -> tuple[str, _Judgement, str]:
    from qmpt.config.loader import sample_names

    if not os.access(path, os.R_OK) and path not in sample_names():
        problem = "may not be read; make it readable" if os.path.lexists(path) else "does not exist; give another path"
        return path, _Judgement.NOT_READ, f"{path} {problem}"
    try:
        return path, _Judgement.OK, _read(path, kind, settings)
    except QmptError as error:
        return path, _Judgement.NOT_VALID, str(error)


def _read(given: str, kind: str, settings: list[str] | None) -> str:
    from qmpt.config.loader import sample_names

    path = Path(given)
    if path.suffix.lower() in _CONFIGS or (given in sample_names() and not path.exists()):
        return _read_config(given)
    if (path / "run.json").is_file():
        return _read_folder(path)
    if path.suffix.lower() == ".json" and path.is_file() and kind == "auto" and not settings:
        from qmpt.data.sources import sniff
        from qmpt.errors import SourceError

        try:
            sniff(path)
        except SourceError:
            return _read_config(given)
    from qmpt.cli.populations import read_population

    found = read_population(path, kind=kind, settings=settings)
    count = len(found.population.observations)
    notes = f"; {'; '.join(found.notes)}" if found.notes else ""
    return f"{count} observations of {len(found.population.patterns)} patterns ({found.kind}){notes}"


def _read_config(given: str) -> str:
    """Whether a configuration can be honoured here: its names must exist, and its models must be at hand."""
    from qmpt.cli.scoring import anomaly_settings
    from qmpt.config.loader import load_config

    config = load_config(given)
    if config.features is not None:
        import qmpt.features  # noqa: F401 - registers the specifications
        from qmpt.features.encoders import resolve_encoder
        from qmpt.features.registry import create_feature_spec

        spec = create_feature_spec(config.features.spec_id, **config.features.options())
        if "embeddings" in getattr(spec, "blocks", ()) and config.features.fallback is None:
            resolve_encoder(spec.model)  # type: ignore[attr-defined]  # whoever has the block has a model
    if config.metrics is not None:
        from qmpt.metrics.anomaly import AnomalyEstimator

        AnomalyEstimator(config=anomaly_settings(config.metrics.anomaly, None, None))
    if config.simulation is not None:
        from qmpt.cli.simulating import check_section
        from qmpt.simulation.scenarios import from_legacy

        check_section(config.simulation)
        from_legacy(config.simulation.model_dump(exclude_unset=True)).settings()
    sections = [name for name in ("features", "metrics", "simulation") if getattr(config, name) is not None]
    return f"a configuration with {', '.join(sections)}"


def _read_folder(path: Path) -> str:
    from qmpt.cli.layers import FEATURES_FILE
    from qmpt.cli.stress import STRESS_FILE
    from qmpt.data.io import load_layers, load_observations, load_patterns
    from qmpt.runs import read_kept
    from qmpt.viz.reports_models import Assessed, Comparison, HistoryTests, Scores, Simulation, read_result
    from qmpt.viz.reports_stress import Stress

    readers: dict[str, Callable[[Path], Sized]] = {
        "observations.jsonl.gz": load_observations,
        "patterns.jsonl": load_patterns,
        "layers.jsonl": load_layers,
        "scores.json": lambda file: read_result(file, Scores).layers,
        "reflexivity.json": lambda file: read_result(file, Assessed).patterns,
        "self.json": lambda file: read_result(file, Assessed).patterns,
        "simulation.json": lambda file: read_result(file, Simulation).scenarios,
        "history.json": lambda file: read_result(file, HistoryTests).tests,
        "comparison.json": lambda file: read_result(file, Comparison).layers,
        STRESS_FILE: lambda file: read_result(file, Stress).layers,
    }
    run = read_kept(path, [*readers, FEATURES_FILE])
    parts = [f"{len(read(path / name))} in {name}" for name, read in readers.items() if (path / name).is_file()]
    return f"kept by `{' '.join(run['command'][:2])}`; {', '.join(parts) or 'no known file'}"
