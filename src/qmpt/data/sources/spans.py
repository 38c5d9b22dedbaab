# SPDX-License-Identifier: Apache-2.0
"""Spans of distributed traces in the JSON forms in which they are exported, brought into one form.

Read are OTLP/JSON (one export request per line, or one document), the console exporter of the OpenTelemetry SDK for
Python (objects one after another), Jaeger and Zipkin. What the attributes of a span mean is not known here.

Sources: OpenTelemetry Protocol 1.x, JSON encoding; Jaeger's query API; Zipkin API v2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from qmpt.data._jsonl import lines
from qmpt.data.values import timestamp
from qmpt.errors import SourceError

__all__ = ["Event", "Span", "read_spans"]

MAX_BYTES: Final = 4 * 2**30
MAX_DOCUMENT_BYTES: Final = 512 * 2**20
"""Most bytes of a file that is no JSON Lines, which is read in one piece."""

_MAX_DEPTH: Final = 32
_STATUS_ERROR: Final = (2, "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR")


@dataclass(frozen=True, slots=True)
class Event:
    """Something at one moment of a span.

    Attributes:
        name: its name.
        time: seconds since 1970-01-01, UTC.
        attributes: plain values.
    """

    name: str
    time: float
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One operation in a trace.

    Attributes:
        trace_id: hexadecimal, lower case.
        span_id: hexadecimal, lower case.
        parent_id: of the operation that called it; empty for a root.
        name: its name.
        start: seconds since 1970-01-01, UTC.
        seconds: how long it took, at least 0.
        failed: whether its status is an error.
        attributes: plain values.
        resource: attributes of what emitted it, such as ``service.name``.
        events: in the order given.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: float
    seconds: float
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: tuple[Event, ...] = ()


def read_spans(path: Path) -> Iterator[Span]:
    """The spans of a file, in its order.

    Raises:
        SourceError: it is no JSON, or has no spans in a form that is read; the message says where.
    """
    for place, document in _documents(path):
        try:
            yield from _spans_of(document)
        except SourceError as error:
            raise SourceError(f"{path}, {place}: {error}") from None
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else error
            raise SourceError(f"{path}, {place}: a span is not in order: {problem}; export it again") from None


def _documents(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file: one per line, or else one after another over any number of lines."""
    whole: list[bytes] = []
    size, is_line_by_line = 0, False
    for number, line in lines(path, MAX_BYTES):
        if not whole:
            try:
                document = json.loads(line)
            except RecursionError:
                raise SourceError(f"{path}, line {number}: nested too deeply; export it again") from None
            except ValueError as error:
                if is_line_by_line:
                    raise SourceError(f"{path}, line {number}: {error}; give one JSON value per line") from None
            else:
                is_line_by_line = True
                yield f"line {number}", document
                continue
        whole.append(line)
        size += len(line)
        if size > MAX_DOCUMENT_BYTES:
            raise SourceError(
                f"{path} is one document of more than {MAX_DOCUMENT_BYTES} bytes; export JSON Lines, which is streamed"
            )
    if whole:
        yield from _concatenated(b"".join(whole), path)


def _concatenated(data: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    decoder, place = json.JSONDecoder(), 0
    try:
        text = data.decode().strip()
        while place < len(text):
            document, end = decoder.raw_decode(text, place)
            yield f"character {place}", document
            place = end
            while place < len(text) and text[place] in " \t\r\n,":
                place += 1
    except RecursionError:
        raise SourceError(f"{path}, character {place}: nested too deeply; export it again") from None
    except ValueError as error:
        raise SourceError(f"{path}: {error}; export it again") from None


def _spans_of(document: Any) -> Iterator[Span]:
    if isinstance(document, list):
        for item in document:
            yield from _spans_of(item)
        return
    if not isinstance(document, dict):
        raise SourceError(f"{type(document).__name__} where a span was expected; give an export of spans")
    if "resourceSpans" in document or "resource_spans" in document:
        yield from _otlp(document)
    elif "context" in document and "start_time" in document:
        yield _console(document)
    elif isinstance(document.get("data"), list):
        yield from _jaeger(document["data"])
    elif "spans" in document and "processes" in document:
        yield from _jaeger([document])
    elif "traceId" in document and "timestamp" in document:
        yield _zipkin(document)
    elif not ("resourceLogs" in document or "resourceMetrics" in document):
        raise SourceError(
            f"the keys {', '.join(sorted(map(str, document))[:6])!r} are those of no known export; "
            "give OTLP/JSON, the console exporter's output, Jaeger or Zipkin"
        )


def _otlp(document: dict[str, Any]) -> Iterator[Span]:
    for group in _either(document, "resourceSpans", "resource_spans"):
        resource = _key_values((group.get("resource") or {}).get("attributes"))
        for scope in _either(group, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for span in scope.get("spans") or ():
                yield _otlp_span(span, resource)


def _otlp_span(span: dict[str, Any], resource: dict[str, Any]) -> Span:
    started = _one_of(span, "startTimeUnixNano", "start_time_unix_nano")
    events = tuple(
        Event(str(event.get("name", "")), _nanoseconds(_one_of(event, "timeUnixNano", "time_unix_nano")), attributes)
        for event in span.get("events") or ()
        for attributes in [_key_values(event.get("attributes"))]
    )
    return Span(
        trace_id=_identifier(_one_of(span, "traceId", "trace_id")),
        span_id=_identifier(_one_of(span, "spanId", "span_id")),
        parent_id=_identifier(span.get("parentSpanId") or span.get("parent_span_id") or ""),
        name=str(span.get("name", "")),
        start=_nanoseconds(started),
        seconds=max(int(_one_of(span, "endTimeUnixNano", "end_time_unix_nano")) - int(started), 0) / 1e9,
        failed=(span.get("status") or {}).get("code") in _STATUS_ERROR,
        attributes=_key_values(span.get("attributes")),
        resource=resource,
        events=events,
    )


def _console(span: dict[str, Any]) -> Span:
    context, start = span["context"], timestamp(span["start_time"])
    events = tuple(
        Event(str(event.get("name", "")), timestamp(event["timestamp"]), dict(event.get("attributes") or {}))
        for event in span.get("events") or ()
    )
    return Span(
        trace_id=_identifier(context["trace_id"]),
        span_id=_identifier(context["span_id"]),
        parent_id=_identifier(span.get("parent_id") or ""),
        name=str(span.get("name", "")),
        start=start,
        seconds=max(round(timestamp(span["end_time"]) - start, 6), 0.0),
        failed=(span.get("status") or {}).get("status_code") in _STATUS_ERROR,
        attributes=dict(span.get("attributes") or {}),
        resource=dict((span.get("resource") or {}).get("attributes") or {}),
        events=events,
    )


def _jaeger(traces: list[Any]) -> Iterator[Span]:
    for trace in traces:
        processes = trace.get("processes") or {}
        for span in trace["spans"]:
            process = span.get("process") or processes.get(span.get("processID")) or {}
            tags = _tags(span.get("tags"))
            start = timestamp(span["startTime"] / 1e6)
            parents = [item for item in span.get("references") or () if item.get("refType") == "CHILD_OF"]
            logs = [(timestamp(log["timestamp"] / 1e6), _tags(log.get("fields"))) for log in span.get("logs") or ()]
            yield Span(
                trace_id=_identifier(span["traceID"]),
                span_id=_identifier(span["spanID"]),
                parent_id=_identifier(parents[0]["spanID"] if parents else span.get("parentSpanID") or ""),
                name=str(span.get("operationName", "")),
                start=start,
                seconds=max(span.get("duration", 0), 0) / 1e6,
                failed=tags.get("error") in (True, "true") or tags.get("otel.status_code") == "ERROR",
                attributes=tags,
                resource={"service.name": process.get("serviceName"), **_tags(process.get("tags"))},
                events=tuple(Event(str(fields.pop("event", "")), time, fields) for time, fields in logs),
            )


def _zipkin(span: dict[str, Any]) -> Span:
    start = timestamp(span["timestamp"] / 1e6)
    tags = dict(span.get("tags") or {})
    return Span(
        trace_id=_identifier(span["traceId"]),
        span_id=_identifier(span["id"]),
        parent_id=_identifier(span.get("parentId") or ""),
        name=str(span.get("name", "")),
        start=start,
        seconds=max(span.get("duration", 0), 0) / 1e6,
        failed="error" in tags,
        attributes=tags,
        resource={"service.name": (span.get("localEndpoint") or {}).get("serviceName")},
        events=tuple(
            Event(str(note.get("value", "")), timestamp(note["timestamp"] / 1e6))
            for note in span.get("annotations") or ()
        ),
    )


def _key_values(pairs: Any) -> dict[str, Any]:
    """OTLP's list of ``{"key": ..., "value": {"stringValue": ...}}`` as a dictionary."""
    return {str(pair["key"]): _any_value(pair.get("value") or {}, 0) for pair in pairs or ()}


def _any_value(value: dict[str, Any], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"an attribute is more than {_MAX_DEPTH} levels deep")
    for kind, content in value.items():
        match kind.replace("_v", "V"):
            case "intValue":
                return int(content)
            case "doubleValue":
                return float(content)
            case "arrayValue":
                return [_any_value(item, depth + 1) for item in content.get("values") or ()]
            case "kvlistValue":
                pairs = content.get("values") or ()
                return {str(pair["key"]): _any_value(pair.get("value") or {}, depth + 1) for pair in pairs}
            case _:  # text, truth, and bytes as base64 text
                return content
    return None


def _tags(tags: Any) -> dict[str, Any]:
    return {str(tag["key"]): tag.get("value") for tag in tags or ()}


def _either(document: dict[str, Any], *keys: str) -> Any:
    return next((document[key] for key in keys if document.get(key)), ())


def _one_of(document: dict[str, Any], *keys: str) -> Any:
    for key in keys:
        if key in document:
            return document[key]
    raise KeyError(keys[0])


def _nanoseconds(value: Any) -> float:
    """Integers of 64 bits are text in OTLP/JSON."""
    return timestamp(int(value) / 1e9)


def _identifier(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the id {value!r:.80} is no text")
    return value.lower().removeprefix("0x")
