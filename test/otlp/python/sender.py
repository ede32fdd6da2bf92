"""Sends the known data of test/otlp/expected.ts with the OpenTelemetry SDK, configured by OTEL_EXPORTER_OTLP_*,
and prints as JSON what only the SDK knows: ids, and the points of metrics.

python sender.py all|batches INSTANCE
"""

import json
import os
import sys

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource

from logs import send_batches, send_logs
from metrics import send_metrics
from traces import send_traces

mode, instance = sys.argv[1:3]
resource = Resource(
    {
        "service.name": "shop",
        "service.namespace": "tests",
        "service.instance.id": instance,
        "host.cores": 4,
        "host.load": 0.25,
        "host.spot": True,
        "host.zones": ["a", "b"],
    },
    "https://schemas.test/resource/1",
)

if mode == "batches":
    sent = {"batches": send_batches(resource, OTLPLogExporter)}
else:
    spans, serving = send_traces(resource, OTLPSpanExporter())
    send_logs(resource, OTLPLogExporter(), serving)
    sent = {"spans": spans, "exports": send_metrics(resource, OTLPMetricExporter, serving)}
print(json.dumps(sent))
