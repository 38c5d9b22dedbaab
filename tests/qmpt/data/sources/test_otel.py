# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from fixtures import agent_spans

from qmpt.data.sources import open_source
from qmpt.data.sources.spans import read_spans
from qmpt.errors import SourceError

SECOND = 10**9


def span(number, *, parent=None, seconds=1.5, failed=False, events=(), trace="0A", **attributes):
    attributes = {name.replace("__", "."): value for name, value in attributes.items()}
    made = agent_spans.span(number, 10, "chat m", parent, number * SECOND, seconds, attributes, failed)
    return {**made, "traceId": trace, "events": list(events)}


def otlp(*spans, service="shop"):
    resource = {"attributes": agent_spans.attributes({"service.name": service} if service else {})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def read(tmp_path, *documents, name="spans.jsonl", **options):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(document) for document in documents), encoding="utf-8")
    source = open_source("otel", path, **options)
    return source.population()


def texts(found):
    return [(one.payload["role"], one.payload["text"]) for one in found.observations if one.modality == "text"]


def messages(*pairs):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in pairs])


def test_a_span_becomes_one_act_with_what_it_cost(tmp_path):
    found = read(
        tmp_path,
        otlp(
            span(
                1,
                failed=True,
                gen_ai__operation__name="execute_tool",
                gen_ai__tool__name="search",
                gen_ai__agent__name="planner",
                gen_ai__request__model="m",
                gen_ai__usage__input_tokens=12,
                error__type="timeout",
            )
        ),
    )
    (act,) = found.observations
    assert act.payload == {
        "action": "execute_tool search",
        "ok": False,
        "cost": 1.5,
        "object": "m",
        "error": "timeout",
        "numbers": {"input_tokens": 12.0, "output_tokens": None},
    }
    assert (act.obs_id, act.pattern_id, act.timestamp) == ("0a/0000000000000001", "shop/planner", 1.0)
    assert found.patterns["shop/planner"].layer_id == "shop"


def test_a_span_without_an_agent_belongs_to_that_of_the_nearest_span_above_it(tmp_path):
    found = read(
        tmp_path,
        otlp(span(3, parent=2, gen_ai__operation__name="chat")),  # children are exported before their parents
        otlp(span(2, parent=1, gen_ai__operation__name="chat", gen_ai__conversation__id="c")),
        otlp(span(1, gen_ai__agent__name="named", gen_ai__agent__id="agent-1")),
    )
    assert set(found.patterns) == {"shop/agent-1"}
    assert len(found.observations) == 3


def test_without_an_agent_the_conversation_counts_and_then_the_trace(tmp_path):
    found = read(
        tmp_path,
        otlp(span(2, parent=1, gen_ai__operation__name="chat"), span(1, gen_ai__conversation__id="c7")),
        otlp(span(3, parent=1, gen_ai__conversation__id="c8")),
        otlp(span(1, trace="0b", gen_ai__operation__name="chat"), service=None),
    )
    assert set(found.patterns) == {"shop/conversation c7", "shop/conversation c8", "unknown_service/trace 0b"}


def test_a_trace_that_runs_in_a_circle_ends(tmp_path):
    found = read(tmp_path, otlp(span(1, parent=2, gen_ai__system="x"), span(2, parent=1, gen_ai__system="x")))
    assert set(found.patterns) == {"shop/trace 0a"}


def test_what_the_model_wrote_is_text_and_what_went_in_is_left_out(tmp_path):
    parts = [{"type": "text", "content": "one"}, {"type": "tool_call", "name": "f"}, {"type": "text", "content": "two"}]
    one = span(
        1,
        gen_ai__agent__name="a",
        gen_ai__system_instructions=json.dumps([{"type": "text", "content": "be kind"}]),
        gen_ai__input__messages=messages(("user", "hello"), ("assistant", "earlier answer"), ("user", "and?")),
        gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": parts}]),
    )
    assert texts(read(tmp_path, otlp(one))) == [("assistant", "one\ntwo")]
    assert texts(read(tmp_path, otlp(one), include_inputs=True)) == [
        ("system", "be kind"),
        ("user", "hello"),
        ("user", "and?"),
        ("assistant", "one\ntwo"),
    ]


def event(name, number, **attributes):
    pairs = agent_spans.attributes({key.replace("__", "."): value for key, value in attributes.items()})
    return {"name": name, "timeUnixNano": str(number * SECOND), "attributes": pairs}


def test_messages_in_events_are_read_in_both_forms(tmp_path):
    events = [
        event("gen_ai.user.message", 5, content="question"),
        event("gen_ai.assistant.message", 5, content="earlier answer"),
        event("gen_ai.choice", 6, message='{"content": "answer", "role": "assistant"}'),
        event("gen_ai.choice", 7, content="second"),
        event("exception", 8, message="boom"),
    ]
    found = read(tmp_path, otlp(span(1, events=events, gen_ai__agent__name="a")), include_inputs=True)
    assert texts(found) == [("user", "question"), ("assistant", "answer"), ("assistant", "second")]
    assert found.observations[2].timestamp == 6.0
    details = event(
        "gen_ai.client.inference.operation.details", 9, gen_ai__output__messages=messages(("assistant", "x"))
    )
    assert texts(read(tmp_path, otlp(span(1, events=[details], gen_ai__agent__name="a")))) == [("assistant", "x")]


def test_numbered_attributes_of_older_libraries_are_read(tmp_path):
    numbered = {
        "gen_ai__prompt__0__content": "q",
        "gen_ai__prompt__0__role": "system",
        "gen_ai__completion__10__content": "late",
        "gen_ai__completion__2__content": "early",
    }
    found = read(tmp_path, otlp(span(1, gen_ai__system="x", **numbered)), include_inputs=True)
    assert texts(found) == [("system", "q"), ("assistant", "early"), ("assistant", "late")]


def test_other_spans_and_repeated_exports_are_counted_and_left_out(tmp_path):
    chat = span(1, gen_ai__agent__name="a")
    found = read(tmp_path, otlp(chat, span(2, http__method="GET")), otlp(chat))
    assert len(found.observations) == 1
    assert found.skipped == {
        "span outside the conventions for generative AI": 1,
        "span that was exported again": 1,
    }


def test_a_layer_can_be_named_for_all_services(tmp_path):
    found = read(
        tmp_path,
        otlp(span(1, gen_ai__agent__name="a")),
        otlp(span(2, gen_ai__agent__name="a"), service="desk"),
        layer="fleet",
    )
    assert {name: one.layer_id for name, one in found.patterns.items()} == {"shop/a": "fleet", "desk/a": "fleet"}


CONSOLE = {
    "name": "chat m",
    "context": {"trace_id": "0x0a", "span_id": "0x01", "trace_state": "[]"},
    "kind": "SpanKind.CLIENT",
    "parent_id": None,
    "start_time": "1970-01-01T00:00:01.000000Z",
    "end_time": "1970-01-01T00:00:02.500000Z",
    "status": {"status_code": "ERROR"},
    "attributes": {"gen_ai.operation.name": "chat", "gen_ai.agent.name": "a"},
    "events": [
        {"name": "gen_ai.choice", "timestamp": "1970-01-01T00:00:02Z", "attributes": {"content": "hi"}},
    ],
    "links": [],
    "resource": {"attributes": {"service.name": "shop"}, "schema_url": ""},
}
JAEGER = {
    "data": [
        {
            "traceID": "0a",
            "spans": [
                {
                    "traceID": "0a",
                    "spanID": "01",
                    "operationName": "chat m",
                    "references": [{"refType": "CHILD_OF", "traceID": "0a", "spanID": "00"}],
                    "startTime": 1_000_000,
                    "duration": 1_500_000,
                    "tags": [
                        {"key": "gen_ai.operation.name", "type": "string", "value": "chat"},
                        {"key": "gen_ai.agent.name", "type": "string", "value": "a"},
                        {"key": "error", "type": "bool", "value": True},
                    ],
                    "logs": [
                        {
                            "timestamp": 2_000_000,
                            "fields": [{"key": "event", "value": "gen_ai.choice"}, {"key": "content", "value": "hi"}],
                        }
                    ],
                    "processID": "p1",
                }
            ],
            "processes": {"p1": {"serviceName": "shop", "tags": []}},
        }
    ]
}
ZIPKIN = [
    {
        "traceId": "0a",
        "id": "01",
        "name": "chat m",
        "timestamp": 1_000_000,
        "duration": 1_500_000,
        "localEndpoint": {"serviceName": "shop"},
        "tags": {
            "gen_ai.operation.name": "chat",
            "gen_ai.agent.name": "a",
            "gen_ai.completion.0.content": "hi",
            "error": "",
        },
        "annotations": [{"timestamp": 2_000_000, "value": "first token"}],
    }
]


@pytest.mark.parametrize("indent", [None, 4], ids=["compact", "indented"])
@pytest.mark.parametrize("document", [CONSOLE, JAEGER, ZIPKIN], ids=["console", "jaeger", "zipkin"])
def test_each_form_of_export_gives_the_same_observations(tmp_path, document, indent):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(document, indent=indent), encoding="utf-8")
    found = open_source("auto", path).population()
    act, text = found.observations
    assert act.payload == {"action": "chat", "ok": False, "cost": 1.5}
    assert (act.obs_id, act.pattern_id, act.timestamp) == ("0a/01", "shop/a", 1.0)
    assert text.payload == {"text": "hi", "role": "assistant"}


def test_indented_objects_one_after_another_are_read(tmp_path):
    path = tmp_path / "console.json"
    other = {**CONSOLE, "context": {**CONSOLE["context"], "span_id": "0x02"}}
    path.write_text("\n".join(json.dumps(one, indent=4) for one in (CONSOLE, other)), encoding="utf-8")
    assert [one.span_id for one in read_spans(path)] == ["01", "02"]


def test_a_folder_is_read_in_the_order_of_the_names(tmp_path):
    for name, number in (("b.json", 2), ("a.jsonl", 1), ("notes.txt", 3)):
        document = otlp(span(number, gen_ai__agent__name=f"agent {number}"))
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    source = open_source("otel", tmp_path)
    assert list(source.population().patterns) == ["shop/agent 1", "shop/agent 2"]
    assert list(source.inputs()) == ["a.jsonl", "b.json"]


def test_nested_attributes_of_otlp_are_read(tmp_path):
    one = span(1, gen_ai__agent__name="a")
    parts = {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "hi"}}]}}
    one["attributes"].append({"key": "gen_ai.output.messages", "value": {"arrayValue": {"values": [parts]}}})
    assert texts(read(tmp_path, otlp(one))) == [("assistant", "hi")]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1"}]}]}]}, "startTimeUnixNano"),
        (otlp({**span(1), "traceId": 7}), "id 7 is no text"),
        (otlp({**span(1), "startTimeUnixNano": "soon"}), "line 1: a span is not in order"),
        ({"resourceSpans": 5}, "line 1"),
        ({"resourceSpans": [5]}, "line 1"),
        ({"other": 1}, "keys 'other'"),
        ({**CONSOLE, "start_time": "soon"}, "soon"),
        (5, "int where a span was expected"),
    ],
    ids=["missing", "id", "time", "number", "inner number", "unknown", "console time", "bare number"],
)
def test_a_span_that_is_not_in_order_is_told_with_its_place(tmp_path, document, said):
    with pytest.raises(SourceError, match=said):
        read(tmp_path, document)


def test_a_broken_line_is_told_with_its_number(tmp_path):
    path = tmp_path / "spans.jsonl"
    path.write_text(json.dumps(otlp(span(1))) + "\n{", encoding="utf-8")
    with pytest.raises(SourceError, match=r"spans\.jsonl, line 2"):
        list(read_spans(path))


def test_an_attribute_within_itself_many_times_is_refused(tmp_path):
    value = {"stringValue": "x"}
    for _ in range(40):
        value = {"arrayValue": {"values": [value]}}
    one = {**span(1), "attributes": [{"key": "gen_ai.system", "value": value}]}
    with pytest.raises(SourceError, match="more than 32 levels"):
        read(tmp_path, otlp(one))


def test_the_sample_holds_what_its_program_writes_and_what_it_promises():
    assert agent_spans.PATH.read_text(encoding="utf-8").splitlines() == list(agent_spans.lines())
    found = open_source("auto", Path(agent_spans.PATH)).population()
    assert {name: len(layer.patterns) for name, layer in found.layers.items()} == {"shop": 6, "desk": 6}
    failures = {name: [] for name in found.patterns}
    for one in found.observations:
        if one.payload.get("action", "").startswith("execute_tool"):
            failures[one.pattern_id].append(not one.payload["ok"])
    rates = {name: sum(failed) / len(failed) for name, failed in failures.items()}
    assert max(rates, key=rates.__getitem__) == "shop/refunds"
    assert rates["shop/refunds"] > 0.3 > sorted(rates.values())[-2]
