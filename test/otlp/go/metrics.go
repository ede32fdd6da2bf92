package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

type recorded struct {
	sdkmetric.Exporter
	exports [][]point
}

func (r *recorded) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	r.exports = append(r.exports, pointsOf(data))
	return r.Exporter.Export(ctx, data)
}

// sendMetrics returns the points of each export, as rows of their tables.
func sendMetrics(
	ctx, serving context.Context, described *resource.Resource, exporter sdkmetric.Exporter,
) [][]point {
	record := &recorded{Exporter: exporter}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(described),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(record, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "spread"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		)),
	)
	meter := provider.Meter(
		scopeName,
		metric.WithInstrumentationVersion(scopeVersion),
		metric.WithSchemaURL(scopeSchemaURL),
		metric.WithInstrumentationAttributes(scopeAttribute),
	)
	onRoute := metric.WithAttributes(attribute.String("route", "/a"))

	requests := made(meter.Int64Counter("requests", metric.WithUnit("{request}"), metric.WithDescription("requests taken")))
	// in a sampled span: an exemplar
	requests.Add(serving, 3, onRoute)
	requests.Add(ctx, 4, onRoute)
	requests.Add(ctx, 1)
	cost := made(meter.Float64Counter("cost", metric.WithUnit("USD")))
	cost.Add(ctx, 0.25)
	cost.Add(ctx, 0.5)
	queue := made(meter.Int64UpDownCounter("queue"))
	queue.Add(ctx, 5)
	queue.Add(ctx, -8)
	made(meter.Float64UpDownCounter("balance")).Add(ctx, -1.5)
	made(meter.Int64Gauge("workers")).Record(ctx, 42)
	made(meter.Float64Gauge("temperature", metric.WithUnit("Cel"))).Record(ctx, 21.5)
	latency := made(meter.Float64Histogram("latency", metric.WithUnit("ms"), metric.WithExplicitBucketBoundaries(5, 10, 100)))
	latency.Record(ctx, 1)
	latency.Record(serving, 7.5)
	latency.Record(ctx, 300)
	latency.Record(ctx, 7)
	size := made(meter.Int64Histogram("size", metric.WithExplicitBucketBoundaries(15)))
	size.Record(ctx, 10)
	size.Record(ctx, 20)
	spread := made(meter.Float64Histogram("spread"))
	for _, value := range []float64{1.5, 2, 4, 0} {
		spread.Record(ctx, value)
	}
	made(meter.Int64ObservableCounter("seen", metric.WithInt64Callback(observed(11))))
	made(meter.Int64ObservableUpDownCounter("waiting", metric.WithInt64Callback(observed(-2))))
	made(meter.Float64ObservableGauge("load", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(0.125)
		return nil
	})))

	must(provider.ForceFlush(ctx))
	// exports once more
	must(provider.Shutdown(ctx))
	return record.exports
}

func observed(value int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(value)
		return nil
	}
}
