# SPDX-License-Identifier: Apache-2.0
"""From a path to a population: which source, which patterns, and people under pseudonyms.

People stay pseudonymous: a pattern that is marked ``human`` and not ``pseudonymised`` gets another name before anything
is computed. Groups of fewer than five people are not shown, for such a group can be taken apart.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from qmpt.cli.options import Grouping
from qmpt.data.models import Layer, Observation, Pattern
from qmpt.data.sources.base import Population
from qmpt.errors import DataError, InsufficientEvidence, SourceError
from qmpt.runs import FILE_NAME, read_kept, read_run

__all__ = ["GROUP_FLOOR", "INGESTED", "Reading", "enough_people", "is_human", "read_population", "source_options"]

GROUP_FLOOR: Final = 5
"""Fewest people in anything that is shown of people."""

INGESTED: Final = ("observations.jsonl.gz", "patterns.jsonl", "layers.jsonl")
"""The files of a folder that ``qmpt ingest`` wrote."""

_LISTS: Final = frozenset({"numbers", "tags"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A population, and what has to be said about how it was read.

    Attributes:
        name: of the input, as shown.
        kind: of the source.
        population: what was read.
        inputs: name -> digest.
        notes: for the user and the record of the run.
        options: of the source, for the record of the run.
        columns: names of the numbers of a table, whose payloads are rows of them; empty for other sources.
    """

    name: str
    kind: str
    population: Population
    inputs: dict[str, str]
    notes: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    @property
    def people(self) -> bool:
        """Whether any pattern is a person."""
        return any(is_human(pattern) for pattern in self.population.patterns.values())


def source_options(given: Iterable[str]) -> dict[str, Any]:
    """Options of a source from words ``key=value``; lists are separated by commas.

    Raises:
        SourceError: a word has another form, or a key comes twice.

    Example:
        >>> source_options(["pattern=who", "numbers=cost,age", "limit=500", "include_inputs=true"])
        {'pattern': 'who', 'numbers': ['cost', 'age'], 'limit': 500, 'include_inputs': True}
    """
    found: dict[str, Any] = {}
    for word in given:
        key, sign, value = word.partition("=")
        if not sign or not key or key in found:
            problem = "comes twice" if key in found else "has no value"
            raise SourceError(f"--set {word}: {key!r} {problem}; write each once, as --set pattern=who")
        if key in _LISTS:
            found[key] = value.split(",")
        elif key == "limit" and value.isdecimal():
            found[key] = int(value)
        else:
            found[key] = {"true": True, "false": False}.get(value, value)
    return found


def read_population(
    path: Path,
    *,
    kind: str = "auto",
    settings: Iterable[str] | None = None,
    layer: str | None = None,
    by: Grouping = Grouping.PATTERN,
    least: int = 1,
    people: bool = False,
) -> Reading:
    """Read a source, or a folder that ``qmpt ingest`` wrote.

    Args:
        path: file, folder or repository.
        kind: of the source, or ``auto``.
        settings: options of the source as ``key=value``.
        layer: name of one layer for all patterns.
        by: what a pattern is.
        least: fewest observations of a pattern.
        people: whether the patterns are people.

    Raises:
        SourceError: the input is of no known kind, or not in order.
        DataError: nothing is left, two things have one id, or a folder is not as ``qmpt ingest`` left it.
    """
    from qmpt.data.sources import open_source, require_content, sniff

    if not path.exists():
        raise SourceError(f"{path} does not exist; give a repository, a file or a folder")
    require_content(path)
    options = source_options(settings or ())
    if (path / INGESTED[0]).is_file():
        read_kept(path, INGESTED)
        kind, place = "observations", path / INGESTED[0]
        options.setdefault("patterns", path / INGESTED[1])
    else:
        kind, place = sniff(path) if kind == "auto" else kind, path
    source = open_source(kind, place, **options)
    population = source.population()
    if not population.observations:
        told = "".join(f"; {count} x {why}" for why, count in population.skipped.items())
        raise DataError(f"{path} holds 0 observations{told}; give a path with traces")
    inputs, notes = source.inputs(), []
    if people:
        population = _marked_as_people(population)
    population, renamed = _pseudonymised(population, inputs)
    if renamed:
        notes.append(f"{renamed} people were given pseudonyms, by a key that is made of the input")
    if by is not Grouping.PATTERN:
        population, left_out = _regrouped(population, by)
        notes += left_out
    if layer is not None:
        population = _in_one_layer(population, layer)
    if least > 1:
        population, few = _with_at_least(population, least)
        if few:
            notes.append(f"{few} patterns have fewer than {least} observations and are left out")
    if not population.observations:
        raise DataError(f"{path}: no pattern is left ({'; '.join(notes)}); lower --least, or choose another --by")
    notes += [f"left out: {count} x {why}" for why, count in population.skipped.items()]
    columns = _columns(path, kind, options)
    resolved = {"columns": list(columns), "kind": kind, "by": str(by), "layer": layer, "least": least, "people": people}
    shown = {name: value if not isinstance(value, Path) else value.name for name, value in options.items()}
    name = path.absolute().name or str(path)
    return Reading(name, kind, population, inputs, notes, {**resolved, "options": shown}, columns)


def _columns(path: Path, kind: str, options: dict[str, Any]) -> tuple[str, ...]:
    """The names of the numbers of a table, also of one that was ingested."""
    if kind == "table" and options.get("text") is None:
        return tuple(options.get("numbers", ()))
    if kind != "observations" or not (path / FILE_NAME).is_file():
        return ()
    ingested = (read_run(path)["config"] or {}).get("columns", ())
    return tuple(map(str, ingested))


def is_human(pattern: Pattern) -> bool:
    """Whether a pattern is marked as a person.

    Example:
        >>> is_human(Pattern(pattern_id="a", layer_id="L", metadata={"human": True}))
        True
    """
    return pattern.metadata.get("human") is True


def enough_people(patterns: Iterable[Pattern], layer_id: str) -> None:
    """Refuse to go on where a layer has people, but fewer than `GROUP_FLOOR`.

    Raises:
        InsufficientEvidence: it has.

    Example:
        >>> enough_people([Pattern(pattern_id="a", layer_id="L", metadata={"human": True})], "L")
        Traceback (most recent call last):
        ...
        qmpt.errors.InsufficientEvidence: the layer 'L' has 1 person, and nothing is shown of fewer than 5; score what \
was done instead: --by observation
    """
    humans = sum(is_human(pattern) for pattern in patterns)
    if 0 < humans < GROUP_FLOOR:
        who = "person" if humans == 1 else "people"
        raise InsufficientEvidence(
            f"the layer {layer_id!r} has {humans} {who}, and nothing is shown of fewer than {GROUP_FLOOR}; score what "
            "was done instead: --by observation"
        )


def _marked_as_people(population: Population) -> Population:
    marked = {
        name: pattern.model_copy(update={"metadata": {"human": True, "pseudonymised": False, **pattern.metadata}})
        for name, pattern in population.patterns.items()
    }
    return replace(population, patterns=marked)


def _pseudonymised(population: Population, inputs: dict[str, str]) -> tuple[Population, int]:
    """The population with other names for people whose names stand in it, and how many these are."""
    key = hashlib.sha256("\0".join(("qmpt pseudonyms", *inputs.values())).encode()).digest()
    names = {
        name: _pseudonym(name, key)
        for name, pattern in population.patterns.items()
        if is_human(pattern) and pattern.metadata.get("pseudonymised") is not True
    }
    if not names:
        return population, 0

    def renamed(one: Observation) -> Observation:
        update: dict[str, Any] = {"pattern_id": names.get(one.pattern_id, one.pattern_id)}
        if one.modality == "interaction" and isinstance(one.payload, dict) and isinstance(one.payload.get("peer"), str):
            peer = one.payload["peer"]
            stranger = one.pattern_id in names and peer not in population.patterns  # whom people meet is a person, too
            update["payload"] = {**one.payload, "peer": _pseudonym(peer, key) if stranger else names.get(peer, peer)}
        return one.model_copy(update=update)

    patterns: dict[str, Pattern] = {}
    for name, pattern in population.patterns.items():
        told = {"human": True, "pseudonymised": True}  # what else is known of somebody could name them
        update = {"pattern_id": names[name], "metadata": told} if name in names else {}
        patterns[names.get(name, name)] = pattern.model_copy(update=update)
    observations = [renamed(one) for one in population.observations]
    return replace(population, observations=observations, patterns=patterns, layers=_layers_of(patterns)), len(names)


def _pseudonym(name: str, key: bytes) -> str:
    return f"person-{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:12]}"


def _regrouped(population: Population, by: Grouping) -> tuple[Population, list[str]]:
    """Patterns that are single observations or stretches of time, and what was left out.

    Interactions are between the members that there were, and say nothing of the new ones.
    """
    observations: list[Observation] = []
    patterns: dict[str, Pattern] = {}
    members: dict[str, set[str]] = {}
    for one in (seen for seen in population.observations if seen.modality != "interaction"):
        before = population.patterns[one.pattern_id]
        name = _group_name(one, by)
        if len(population.layers) > 1 and by is not Grouping.OBSERVATION:
            name = f"{before.layer_id}/{name}"
        if is_human(before):
            members.setdefault(name, set()).add(before.pattern_id)
        patterns.setdefault(name, Pattern(pattern_id=name, layer_id=before.layer_id, metadata={"grouped": str(by)}))
        observations.append(one.model_copy(update={"pattern_id": name}))
    few = set()
    if by is not Grouping.OBSERVATION:
        few = {name for name, people in members.items() if len(people) < GROUP_FLOOR}
    kept = {name: pattern for name, pattern in patterns.items() if name not in few}
    rest = [one for one in observations if one.pattern_id in kept]
    links = len(population.observations) - len(observations)
    told = [f"{links} interactions are not between {by}s and are left out"] if links else []
    told += [f"{len(few)} of the {by}s hold acts of fewer than {GROUP_FLOOR} people and are left out"] if few else []
    return replace(population, observations=rest, patterns=kept, layers=_layers_of(kept)), told


def _group_name(observation: Observation, by: Grouping) -> str:
    if by is Grouping.OBSERVATION:
        return observation.obs_id
    moment = datetime.fromtimestamp(observation.timestamp, UTC)
    if by is Grouping.WEEK:
        year, week, _ = moment.isocalendar()
        return f"{year}-W{week:02d}"
    return moment.strftime("%Y-%m-%d" if by is Grouping.DAY else "%Y-%m")


def _in_one_layer(population: Population, layer: str) -> Population:
    patterns = {name: one.model_copy(update={"layer_id": layer}) for name, one in population.patterns.items()}
    return replace(population, patterns=patterns, layers=_layers_of(patterns))


def _with_at_least(population: Population, least: int) -> tuple[Population, int]:
    counts: dict[str, int] = {}
    for one in population.observations:
        counts[one.pattern_id] = counts.get(one.pattern_id, 0) + 1
    patterns = {name: one for name, one in population.patterns.items() if counts.get(name, 0) >= least}
    observations = [one for one in population.observations if one.pattern_id in patterns]
    dropped = len(population.patterns) - len(patterns)
    return replace(population, observations=observations, patterns=patterns, layers=_layers_of(patterns)), dropped


def _layers_of(patterns: dict[str, Pattern]) -> dict[str, Layer]:
    members: dict[str, list[str]] = {}
    for name, pattern in patterns.items():
        members.setdefault(pattern.layer_id, []).append(name)
    return {layer_id: Layer(layer_id=layer_id, patterns=names) for layer_id, names in members.items()}
