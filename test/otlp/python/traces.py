from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

import scope

BASE = 1_760_000_001_000_000_001

REMOTE = SpanContext(
    0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718, True, TraceFlags(1), TraceState([("vendor", "1")])
)
LINKED = SpanContext(
    0xF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF, 0xE0E1E2E3E4E5E6E7, True, TraceFlags(1), TraceState([("linked", "yes")])
)


def send_traces(resource, exporter):
    """Returns the ids of the spans by their names, and a context in which the first one lives."""
    provider = TracerProvider(
        resource=resource,
        span_limits=SpanLimits(max_span_attributes=8, max_events=2, max_links=1),
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # no schema URL: that of the resource counts
    tracer = provider.get_tracer(scope.NAME, scope.VERSION, attributes=scope.ATTRIBUTES)
    spans = {}

    def start(name, at, parent=None, **options):
        span = tracer.start_span(name, context=parent or Context(), start_time=BASE + at, **options)
        ids = span.get_span_context()
        spans[name] = {"trace_id": f"{ids.trace_id:032x}", "span_id": f"{ids.span_id:016x}"}
        return span

    serve = start(
        "serve",
        0,
        set_span_in_context(NonRecordingSpan(REMOTE), Context()),
        kind=SpanKind.SERVER,
        attributes={"http.route": "/cart", "user.id": 42, "ratio": 0.5, "ok": True, "items": [1, 2, 3]},
        links=[Link(LINKED, {"link.kind": "batch"})],
    )
    serve.add_event("cache.miss", {"key": "cart:42", "tries": 2}, BASE + 10)
    serve.add_event("done", {}, BASE + 20)
    serve.set_status(Status(StatusCode.ERROR, "the cart is empty"))
    serving = set_span_in_context(serve, Context())

    query = start("query", 5, serving, kind=SpanKind.CLIENT)
    query.set_status(Status(StatusCode.OK))
    query.end(BASE + 6)
    serve.end(BASE + 1_500_000_007)

    start("publish", 30, kind=SpanKind.PRODUCER).end(BASE + 31)
    start("consume", 40, kind=SpanKind.CONSUMER).end(BASE + 42)
    start("tick", 50).end(BASE + 50)

    limited = start("limited", 60)
    for i in range(10):
        limited.set_attribute(f"a{i}", i)
    for _ in range(5):
        limited.add_event("again", {}, BASE + 61)
    for _ in range(3):
        limited.add_link(LINKED)
    limited.end(BASE + 62)
    provider.shutdown()
    return spans, serving
