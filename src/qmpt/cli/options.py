# SPDX-License-Identifier: Apache-2.0
"""The options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "By",
    "Config",
    "Grouping",
    "Kind",
    "LayerName",
    "Least",
    "Limit",
    "Out",
    "PeopleOption",
    "Resamples",
    "Seed",
    "Settings",
    "SourcePath",
    "Top",
]


class Grouping(StrEnum):
    """What a pattern is."""

    PATTERN = "pattern"
    OBSERVATION = "observation"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


SourcePath = Annotated[Path, typer.Argument(metavar="PATH", help="Repository, file or folder of traces.")]
Kind = Annotated[
    str,
    typer.Option(
        "--kind", metavar="NAME", help="Kind of source; default: told by suffix and content.", show_default=False
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Option of the source, such as pattern=who; repeatable.", show_default=False
    ),
]
LayerName = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", help="Take all patterns as one layer.", show_default=False)
]
By = Annotated[Grouping, typer.Option("--by", help="What a pattern is: the source's own, or a stretch of time.")]
Least = Annotated[int, typer.Option("--least", min=1, metavar="N", help="Leave out patterns with fewer observations.")]
PeopleOption = Annotated[
    bool, typer.Option("--people", help="The patterns are people: replace their names by pseudonyms.")
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings: a YAML or JSON file, or the name of a sample.", show_default=False
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="Seed of all draws; default: 0.", show_default=False)
]
Resamples = Annotated[
    int | None, typer.Option("--resamples", min=0, metavar="N", help="For the intervals; 0 for none; default: 200.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Keep the result in this folder, with run.json.", show_default=False),
]
Top = Annotated[int, typer.Option("--top", min=1, metavar="N", help="Most patterns to print.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Most rows to print.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
