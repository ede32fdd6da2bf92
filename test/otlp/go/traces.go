package main

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var spanBase = time.Unix(0, 1_760_000_001_000_000_001)

func spanAt(ns int64) trace.SpanEventOption {
	return trace.WithTimestamp(spanBase.Add(time.Duration(ns)))
}

func remote(traceID, spanID, key, value string) trace.SpanContext {
	state := made(trace.TraceState{}.Insert(key, value))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    made(trace.TraceIDFromHex(traceID)),
		SpanID:     made(trace.SpanIDFromHex(spanID)),
		TraceFlags: trace.FlagsSampled,
		TraceState: state,
		Remote:     true,
	})
}

type ids struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// sendTraces returns the ids of the spans by their names, and a context in which the first one lives.
func sendTraces(
	ctx context.Context, described *resource.Resource, exporter sdktrace.SpanExporter,
) (map[string]ids, context.Context) {
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit, limits.EventCountLimit, limits.LinkCountLimit = 8, 2, 1
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(described),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithBatcher(exporter),
	)
	// no schema URL: that of the resource counts
	tracer := provider.Tracer(
		scopeName,
		trace.WithInstrumentationVersion(scopeVersion),
		trace.WithInstrumentationAttributes(scopeAttribute),
	)
	linked := remote("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "e0e1e2e3e4e5e6e7", "linked", "yes")
	spans := map[string]ids{}
	start := func(ctx context.Context, name string, at int64, options ...trace.SpanStartOption) (context.Context, trace.Span) {
		ctx, span := tracer.Start(ctx, name, append(options, spanAt(at))...)
		spans[name] = ids{span.SpanContext().TraceID().String(), span.SpanContext().SpanID().String()}
		return ctx, span
	}

	parent := remote("0102030405060708090a0b0c0d0e0f10", "1112131415161718", "vendor", "1")
	serving, serve := start(
		trace.ContextWithRemoteSpanContext(ctx, parent), "serve", 0,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("http.route", "/cart"),
			attribute.Int("user.id", 42),
			attribute.Float64("ratio", 0.5),
			attribute.Bool("ok", true),
			attribute.IntSlice("items", []int{1, 2, 3}),
		),
		trace.WithLinks(trace.Link{
			SpanContext: linked,
			Attributes:  []attribute.KeyValue{attribute.String("link.kind", "batch")},
		}),
	)
	serve.AddEvent("cache.miss", spanAt(10), trace.WithAttributes(attribute.String("key", "cart:42"), attribute.Int("tries", 2)))
	serve.AddEvent("done", spanAt(20))
	serve.SetStatus(codes.Error, "the cart is empty")

	_, query := start(serving, "query", 5, trace.WithSpanKind(trace.SpanKindClient))
	query.SetStatus(codes.Ok, "")
	query.End(spanAt(6))
	serve.End(spanAt(1_500_000_007))

	_, publish := start(ctx, "publish", 30, trace.WithSpanKind(trace.SpanKindProducer))
	publish.End(spanAt(31))
	_, consume := start(ctx, "consume", 40, trace.WithSpanKind(trace.SpanKindConsumer))
	consume.End(spanAt(42))
	_, tick := start(ctx, "tick", 50)
	tick.End(spanAt(50))

	_, limited := start(ctx, "limited", 60)
	for i := range 10 {
		limited.SetAttributes(attribute.Int(fmt.Sprintf("a%d", i), i))
	}
	for range 5 {
		limited.AddEvent("again", spanAt(61))
	}
	for range 3 {
		limited.AddLink(trace.Link{SpanContext: linked})
	}
	limited.End(spanAt(62))
	must(provider.Shutdown(ctx))
	return spans, serving
}
