# SPDX-License-Identifier: Apache-2.0
"""Traces of AI agents: OpenTelemetry spans under the conventions for generative AI.

A pattern is an agent, a layer is a service. Each span becomes one act, and each message that the agent's model wrote
becomes one text. What users, tools and the developer wrote is the agent's input and no trace of the agent; it is left
out unless asked for.

Source: OpenTelemetry semantic conventions for generative AI, status "development", 1.28 to 1.37: the attributes
``gen_ai.*``, messages in attributes, in events, and in the numbered attributes that came before them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qmpt.data.files import digest
from qmpt.data.models import Observation
from qmpt.data.sources.base import Entry, Source
from qmpt.data.sources.spans import Event, Span, read_spans
from qmpt.errors import SourceError

__all__ = ["OtelSource"]

_PREFIX: Final = "gen_ai."
_UNKNOWN_SERVICE: Final = "unknown_service"  # the name that the SDKs themselves give
_OPERATION_DETAILS: Final = "gen_ai.client.inference.operation.details"
_EVENT_ROLES: Final = {
    "gen_ai.choice": "assistant",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.user.message": "user",
    "gen_ai.system.message": "system",
    "gen_ai.tool.message": "tool",
}
_HISTORY: Final = "history"
_OUTPUT_EVENTS: Final = ("gen_ai.choice",)
_NUMBERED: Final = re.compile(r"gen_ai\.(prompt|completion)\.([0-9]+)\.content")
_TOKENS: Final = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a span stands in its trace, and who its own attributes say it belongs to."""

    parent: str
    agent: str
    conversation: str


class OtelSource(Source):
    """Spans of agents.

    The agent of a span is its ``gen_ai.agent.id`` or ``gen_ai.agent.name``, else that of the nearest span above it,
    else its conversation (``gen_ai.conversation.id``), else its trace. Patterns are named ``service/agent``. Spans
    without an attribute of the conventions (such as HTTP calls) are skipped and counted.

    Args:
        path: a file, or a folder whose ``.json`` and ``.jsonl`` files (also ``.gz``) are read by name.
        layer: layer of all patterns; by default the ``service.name`` of each.
        include_inputs: also give what went into the model, with the roles ``user``, ``system`` and ``tool``.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "spans.json"
        >>> span = {
        ...     "traceId": "0a", "spanId": "01", "name": "execute_tool search",
        ...     "startTimeUnixNano": "1000000000", "endTimeUnixNano": "1500000000",
        ...     "attributes": [
        ...         {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        ...         {"key": "gen_ai.tool.name", "value": {"stringValue": "search"}},
        ...         {"key": "gen_ai.agent.name", "value": {"stringValue": "planner"}},
        ...     ],
        ... }
        >>> _ = path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
        >>> [(seen.pattern_id, seen.payload) for seen in OtelSource(path).observations()]
        [('unknown_service/planner', {'action': 'execute_tool search', 'ok': True, 'cost': 0.5})]
    """

    kind = "otel"

    def __init__(self, path: str | Path, *, layer: str | None = None, include_inputs: bool = False) -> None:
        super().__init__(path)
        self._layer = layer
        self._include_inputs = include_inputs

    def inputs(self) -> dict[str, str]:
        """Each file and its digest."""
        return {file.name: digest(file) for file in self._files()}

    def entries(self) -> Iterator[Entry]:
        """One entry per span, and one per message; the files are read twice, for a child is exported before its parent.

        Raises:
            SourceError: there is no file, or one is no export of spans.
        """
        self.skipped.clear()
        files = self._files()
        places: dict[str, _Place] = {}
        for file in files:
            for span in read_spans(file):
                places.setdefault(_key(span), _place(span))
        given: set[str] = set()
        for file in files:
            for span in read_spans(file):
                if not _is_generative(span):
                    self.skipped["span outside the conventions for generative AI"] += 1
                elif _key(span) in given:  # an exporter that got no answer sends a batch again
                    self.skipped["span that was exported again"] += 1
                else:
                    given.add(_key(span))
                    yield from self._entries_of(span, places)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        suffixes = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
        files = sorted(file for file in self.path.iterdir() if file.name.lower().endswith(suffixes))
        if not files:
            raise SourceError(
                f"{self.path} has no file with one of {', '.join(suffixes)}; give the folder of the export"
            )
        return files

    def _entries_of(self, span: Span, places: dict[str, _Place]) -> Iterator[Entry]:
        service = str(span.resource.get("service.name") or _UNKNOWN_SERVICE)
        agent = _agent(span, places)
        pattern_id, layer_id = f"{service}/{agent}", self._layer or service
        metadata = {"agent": agent, "service": service}
        operation = _operation(span)
        seen = {"pattern_id": pattern_id, "tags": [operation]}
        act = Observation(
            obs_id=_key(span), timestamp=span.start, modality="behavior", payload=_act(span, operation), **seen
        )
        yield Entry(act, layer_id, metadata)
        for number, (role, text, time) in enumerate(_messages(span)):
            if text and (role == "assistant" or (self._include_inputs and role != _HISTORY)):
                message = Observation(
                    obs_id=f"{_key(span)}/{number}",
                    timestamp=time,
                    modality="text",
                    payload={"text": text, "role": role},
                    **seen,
                )
                yield Entry(message, layer_id, metadata)


def _key(span: Span) -> str:
    return f"{span.trace_id}/{span.span_id}"


def _place(span: Span) -> _Place:
    said = span.attributes.get("gen_ai.agent.id") or span.attributes.get("gen_ai.agent.name") or ""
    parent = f"{span.trace_id}/{span.parent_id}" if span.parent_id else ""
    return _Place(parent, str(said), str(span.attributes.get("gen_ai.conversation.id") or ""))


def _agent(span: Span, places: dict[str, _Place]) -> str:
    conversation, key, passed = "", _key(span), set()
    while key in places and key not in passed:  # a damaged trace may run in a circle
        passed.add(key)
        place = places[key]
        if place.agent:
            return place.agent
        conversation = conversation or place.conversation
        key = place.parent
    return f"conversation {conversation}" if conversation else f"trace {span.trace_id}"


def _is_generative(span: Span) -> bool:
    return any(name.startswith(_PREFIX) for name in span.attributes)


def _operation(span: Span) -> str:
    return str(span.attributes.get("gen_ai.operation.name") or span.name.partition(" ")[0] or "unknown")


def _act(span: Span, operation: str) -> dict[str, Any]:
    attributes = span.attributes
    tool = attributes.get("gen_ai.tool.name")
    error = attributes.get("error.type")
    act: dict[str, Any] = {
        "action": f"{operation} {tool}" if tool else operation,
        "ok": not span.failed and not error,
        "cost": span.seconds,
    }
    if model := attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model"):
        act["object"] = str(model)
    if error:
        act["error"] = str(error)
    numbers = {name: _first_number(attributes, keys) for name, keys in _TOKENS.items()}
    if any(number is not None for number in numbers.values()):
        act["numbers"] = numbers
    return act


def _first_number(attributes: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        try:
            if key in attributes:
                return float(attributes[key])  # Zipkin has text alone
        except (TypeError, ValueError):
            continue
    return None


def _messages(span: Span) -> Iterator[tuple[str, str, float]]:
    """Role, text and time of each message, inputs first."""
    end = span.start + span.seconds
    yield from _attribute_messages(span.attributes, span.start, end)
    for event in span.events:
        if event.name == _OPERATION_DETAILS:
            yield from _attribute_messages(event.attributes, event.time, event.time)
        elif event.name in _EVENT_ROLES:
            yield from _event_message(event)
    for name in sorted(filter(_NUMBERED.fullmatch, span.attributes), key=_number_in):
        given = "user" if name.startswith("gen_ai.prompt") else "assistant"
        role = str(span.attributes.get(name.removesuffix("content") + "role") or given)
        is_output = given == "assistant"
        yield (
            "assistant" if is_output else _input_role(role),
            str(span.attributes[name]),
            end if is_output else span.start,
        )


def _number_in(name: str) -> tuple[bool, int]:
    found = _NUMBERED.fullmatch(name)
    assert found is not None
    return found[1] == "completion", int(found[2])


def _attribute_messages(attributes: dict[str, Any], start: float, end: float) -> Iterator[tuple[str, str, float]]:
    for text in _texts_of(_decoded(attributes.get("gen_ai.system_instructions"))):
        yield "system", text, start
    for message in _listed(attributes.get("gen_ai.input.messages")):
        yield _input_role(str(message.get("role") or "user")), _joined(message), start
    for message in _listed(attributes.get("gen_ai.output.messages")):
        yield "assistant", _joined(message), end


def _input_role(role: str) -> str:
    """An answer of earlier turns that goes in again was given as output at its own time, so it is no new trace."""
    return _HISTORY if role == "assistant" else role


def _event_message(event: Event) -> Iterator[tuple[str, str, float]]:
    role = _EVENT_ROLES[event.name]
    body = _decoded(event.attributes.get("message")) or event.attributes
    text = body.get("content") if isinstance(body, dict) else body
    written = event.name in _OUTPUT_EVENTS
    yield role if written else _input_role(role), "\n".join(_texts_of(_decoded(text))), event.time


def _listed(value: Any) -> list[dict[str, Any]]:
    messages = _decoded(value)
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _joined(message: dict[str, Any]) -> str:
    return "\n".join(_texts_of(message.get("parts") if "parts" in message else message.get("content")))


def _texts_of(value: Any) -> list[str]:
    """The texts in a text, a part, or a list of either; calls of tools, pictures and the like have none."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [text for part in value if isinstance(part, str | dict) for text in _texts_of(part)]
    if isinstance(value, dict) and value.get("type", "text") == "text":
        text = value.get("content", value.get("text"))
        return [text] if isinstance(text, str) and text else []
    return []


def _decoded(value: Any) -> Any:
    """Structured values stand in attributes as JSON text, unless the exporter can keep them as they are."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
