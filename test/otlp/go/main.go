// Sends the known data of test/otlp/expected.ts with the OpenTelemetry SDK, configured by OTEL_EXPORTER_OTLP_*, and
// prints as JSON what only the SDK knows: ids, and the points of metrics.
//
//	sender all|batches INSTANCE
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	scopeName      = "checkout"
	scopeVersion   = "1.2.3"
	scopeSchemaURL = "https://schemas.test/scope/1"
)

var scopeAttribute = attribute.String("scope.part", "basket")

func main() {
	ctx := context.Background()
	mode, instance := os.Args[1], os.Args[2]
	described := resource.NewWithAttributes(
		"https://schemas.test/resource/1",
		attribute.String("service.name", "shop"),
		attribute.String("service.namespace", "tests"),
		attribute.String("service.instance.id", instance),
		attribute.Int("host.cores", 4),
		attribute.Float64("host.load", 0.25),
		attribute.Bool("host.spot", true),
		attribute.StringSlice("host.zones", []string{"a", "b"}),
	)
	logs, traces, metrics := exporters(ctx)
	sent := map[string]any{}
	if mode == "batches" {
		sent["batches"] = sendBatches(ctx, described, logs)
	} else {
		spans, serving := sendTraces(ctx, described, traces)
		sendLogs(ctx, serving, described, logs)
		sent["spans"] = spans
		sent["exports"] = sendMetrics(ctx, serving, described, metrics)
	}
	must(json.NewEncoder(os.Stdout).Encode(sent))
}

func exporters(ctx context.Context) (sdklog.Exporter, sdktrace.SpanExporter, sdkmetric.Exporter) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return made(otlploggrpc.New(ctx)), made(otlptracegrpc.New(ctx)), made(otlpmetricgrpc.New(ctx))
	}
	return made(otlploghttp.New(ctx)), made(otlptracehttp.New(ctx)), made(otlpmetrichttp.New(ctx))
}

func made[T any](value T, err error) T {
	must(err)
	return value
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
