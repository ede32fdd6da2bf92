package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

var logBase = time.Unix(0, 1_760_000_000_123_456_789)

func createLogger(described *resource.Resource, exporter sdklog.Exporter) (*sdklog.LoggerProvider, log.Logger) {
	// requests are what a flush makes of the records, not a timer
	processor := sdklog.NewBatchProcessor(exporter, sdklog.WithExportInterval(time.Hour))
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(described),
		sdklog.WithProcessor(processor),
	)
	return provider, provider.Logger(
		scopeName,
		log.WithInstrumentationVersion(scopeVersion),
		log.WithSchemaURL(scopeSchemaURL),
		log.WithInstrumentationAttributes(scopeAttribute),
	)
}

// serving: a context with a span
func sendLogs(ctx, serving context.Context, described *resource.Resource, exporter sdklog.Exporter) {
	provider, logger := createLogger(described, exporter)
	nested := []attribute.KeyValue{
		attribute.Slice("b", attribute.BoolValue(true), attribute.Float64Value(2.5)),
		attribute.Int("a", 1),
	}
	emit := func(ctx context.Context, at, observed int64, fill func(*log.Record)) {
		var record log.Record
		if at >= 0 {
			record.SetTimestamp(logBase.Add(time.Duration(at)))
		}
		record.SetObservedTimestamp(logBase.Add(time.Duration(observed)))
		fill(&record)
		logger.Emit(ctx, record)
	}

	emit(ctx, 0, 1, func(r *log.Record) {
		r.SetEventName("order.placed")
		r.SetSeverity(log.SeverityInfo)
		r.SetSeverityText("INFO")
		r.SetBody(attribute.StringValue("everything"))
		r.AddAttributes(
			attribute.String("text", "naïve ☃ 𝄞 \"quoted\"\n"),
			attribute.String("empty", ""),
			attribute.Bool("flag", true),
			attribute.Int64("max", math.MaxInt64),
			attribute.Int64("min", math.MinInt64),
			attribute.Float64("half", 1.5),
			attribute.Float64("whole", 3),
			attribute.StringSlice("list", []string{"a", "b"}),
			attribute.Int64Slice("numbers", []int64{1, 2, 3}),
			attribute.ByteSlice("bytes", []byte{0, 255, 16}),
			attribute.Map("map", nested...),
		)
	})
	emit(serving, 1, 2, func(r *log.Record) {
		r.SetSeverity(log.SeverityError2)
		r.SetSeverityText("ERROR")
		r.SetBody(attribute.StringValue("in a span"))
	})
	emit(ctx, 2, 3, func(r *log.Record) { r.SetBody(attribute.MapValue(nested...)) })
	emit(ctx, -1, 4, func(r *log.Record) { r.AddAttributes(attribute.Bool("bare", true)) })
	for i := range int64(1000) {
		emit(ctx, 1000+i, 1000+i, func(r *log.Record) {
			r.SetSeverity(log.SeverityDebug)
			r.SetBody(attribute.StringValue(fmt.Sprintf("row %d", i)))
		})
	}
	must(provider.Shutdown(ctx))
}

type result struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

type watched struct {
	sdklog.Exporter
	results []result
}

func (w *watched) Export(ctx context.Context, records []sdklog.Record) error {
	err := w.Exporter.Export(ctx, records)
	outcome := result{OK: err == nil}
	if err != nil {
		outcome.Error = err.Error()
	}
	w.results = append(w.results, outcome)
	return err
}

// sendBatches sends three requests of ten records; it returns what the exporter made of each.
func sendBatches(ctx context.Context, described *resource.Resource, exporter sdklog.Exporter) []result {
	watch := &watched{Exporter: exporter}
	provider, logger := createLogger(described, watch)
	for batch := range 3 {
		for i := range 10 {
			var record log.Record
			record.SetBody(attribute.StringValue(fmt.Sprintf("batch %d row %d", batch, i)))
			logger.Emit(ctx, record)
		}
		// what it returns is in the results too
		_ = provider.ForceFlush(ctx)
	}
	must(provider.Shutdown(ctx))
	return watch.results
}
