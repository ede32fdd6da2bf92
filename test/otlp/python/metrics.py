from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    Gauge,
    Histogram,
    PeriodicExportingMetricReader,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

import scope


def send_metrics(resource, exporter_class, serving):
    """Returns the points of each export, as rows of their tables."""
    exports = []

    class Recorded(exporter_class):
        def export(self, metrics_data, *args, **kwargs):
            exports.append(
                [
                    row
                    for of_resource in metrics_data.resource_metrics
                    for of_scope in of_resource.scope_metrics
                    for metric in of_scope.metrics
                    for row in rows_of(metric)
                ]
            )
            return super().export(metrics_data, *args, **kwargs)

    reader = PeriodicExportingMetricReader(Recorded(), export_interval_millis=3_600_000)
    spread_view = View(instrument_name="spread", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], resource, views=[spread_view])
    meter = provider.get_meter(scope.NAME, scope.VERSION, scope.SCHEMA_URL, scope.ATTRIBUTES)

    requests = meter.create_counter("requests", "{request}", "requests taken")
    # in a sampled span: an exemplar
    requests.add(3, {"route": "/a"}, serving)
    requests.add(4, {"route": "/a"})
    requests.add(1)
    cost = meter.create_counter("cost", "USD")
    cost.add(0.25)
    cost.add(0.5)
    queue = meter.create_up_down_counter("queue")
    queue.add(5)
    queue.add(-8)
    meter.create_up_down_counter("balance").add(-1.5)
    meter.create_gauge("workers").set(42)
    meter.create_gauge("temperature", "Cel").set(21.5)
    latency = meter.create_histogram("latency", "ms", explicit_bucket_boundaries_advisory=[5, 10, 100])
    latency.record(1.0)
    latency.record(7.5, context=serving)
    latency.record(300.0)
    latency.record(7.0)
    size = meter.create_histogram("size", explicit_bucket_boundaries_advisory=[15])
    size.record(10)
    size.record(20)
    spread = meter.create_histogram("spread")
    for value in (1.5, 2.0, 4.0, 0.0):
        spread.record(value)
    meter.create_observable_counter("seen", [lambda _: [Observation(11)]])
    meter.create_observable_up_down_counter("waiting", [lambda _: [Observation(-2)]])
    meter.create_observable_gauge("load", [lambda _: [Observation(0.125)]])

    provider.force_flush()
    # exports once more
    provider.shutdown()
    return exports


def rows_of(metric):
    data = metric.data
    for point in data.data_points:
        row = {
            "name": metric.name,
            "description": metric.description or None,
            "unit": metric.unit or None,
            "metric_attributes": dict(point.attributes),
            "start_time_unix_nano": str(point.start_time_unix_nano),
            "time_unix_nano": str(point.time_unix_nano),
            "exemplars_json": [exemplar_of(exemplar) for exemplar in point.exemplars],
        }
        if not isinstance(data, Gauge):
            row["aggregation_temporality"] = str(int(data.aggregation_temporality))
        if isinstance(data, Gauge):
            # the exporter sends no start time of a gauge
            yield {"table": "otlp_metrics_gauge", "row": {**row, **number_of(point), "start_time_unix_nano": None}}
        elif isinstance(data, Sum):
            row["is_monotonic"] = "1" if data.is_monotonic else "0"
            yield {"table": "otlp_metrics_sum", "row": {**row, **number_of(point)}}
        elif isinstance(data, Histogram):
            buckets = {"bucket_counts": list(point.bucket_counts), "explicit_bounds": list(point.explicit_bounds)}
            yield {"table": "otlp_metrics_histogram", "row": {**row, **distribution_of(point), **buckets}}
        elif isinstance(data, ExponentialHistogram):
            row["scale"] = str(point.scale)
            row["zero_count"] = str(point.zero_count)
            for side, buckets in (("positive", point.positive), ("negative", point.negative)):
                # no buckets: the exporter leaves the message out
                filled = bool(buckets.bucket_counts)
                row[f"{side}_offset"] = str(buckets.offset) if filled else None
                row[f"{side}_bucket_counts"] = list(buckets.bucket_counts) if filled else None
            yield {"table": "otlp_metrics_exp_histogram", "row": {**row, **distribution_of(point)}}


def number_of(point):
    whole = isinstance(point.value, int)
    return {
        "int_value": str(point.value) if whole else None,
        "double_value": None if whole else point.value,
    }


def distribution_of(point):
    return {"count": str(point.count), "sum": point.sum, "min": point.min, "max": point.max}


def exemplar_of(exemplar):
    return {
        "filtered_attributes": dict(exemplar.filtered_attributes or {}),
        "span_id": f"{exemplar.span_id:016x}",
        "time_unix_nano": str(exemplar.time_unix_nano),
        "trace_id": f"{exemplar.trace_id:032x}",
        "value": str(exemplar.value),
    }
