package main

import (
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type row map[string]any

type point struct {
	Table string `json:"table"`
	Row   row    `json:"row"`
}

func pointsOf(data *metricdata.ResourceMetrics) []point {
	points := []point{}
	for _, scope := range data.ScopeMetrics {
		for _, metric := range scope.Metrics {
			head := row{"name": metric.Name, "description": orNull(metric.Description), "unit": orNull(metric.Unit)}
			points = append(points, pointsOfMetric(head, metric.Data)...)
		}
	}
	return points
}

func pointsOfMetric(head row, data metricdata.Aggregation) []point {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		return numbers("otlp_metrics_gauge", head, data.DataPoints)
	case metricdata.Gauge[float64]:
		return numbers("otlp_metrics_gauge", head, data.DataPoints)
	case metricdata.Sum[int64]:
		return numbers("otlp_metrics_sum", sumHead(head, data.Temporality, data.IsMonotonic), data.DataPoints)
	case metricdata.Sum[float64]:
		return numbers("otlp_metrics_sum", sumHead(head, data.Temporality, data.IsMonotonic), data.DataPoints)
	case metricdata.Histogram[int64]:
		return histograms(head, data)
	case metricdata.Histogram[float64]:
		return histograms(head, data)
	case metricdata.ExponentialHistogram[float64]:
		return exponentialHistograms(head, data)
	default:
		panic("a kind of metric that the sender does not make")
	}
}

func sumHead(head row, temporality metricdata.Temporality, monotonic bool) row {
	flag := "0"
	if monotonic {
		flag = "1"
	}
	return merged(head, row{"aggregation_temporality": temporalityOf(temporality), "is_monotonic": flag})
}

func numbers[N int64 | float64](table string, head row, list []metricdata.DataPoint[N]) []point {
	points := []point{}
	for _, p := range list {
		value := row{"int_value": nil, "double_value": nil}
		switch v := any(p.Value).(type) {
		case int64:
			value["int_value"] = strconv.FormatInt(v, 10)
		case float64:
			value["double_value"] = v
		}
		tail := pointRow(p.Attributes, p.StartTime, p.Time, p.Exemplars)
		points = append(points, point{table, merged(head, tail, value)})
	}
	return points
}

func histograms[N int64 | float64](head row, data metricdata.Histogram[N]) []point {
	points := []point{}
	for _, p := range data.DataPoints {
		tail := pointRow(p.Attributes, p.StartTime, p.Time, p.Exemplars)
		points = append(points, point{"otlp_metrics_histogram", merged(head, tail, distribution(p.Count, p.Sum, p.Min, p.Max), row{
			"aggregation_temporality": temporalityOf(data.Temporality),
			"bucket_counts":           p.BucketCounts,
			"explicit_bounds":         p.Bounds,
		})})
	}
	return points
}

func exponentialHistograms(head row, data metricdata.ExponentialHistogram[float64]) []point {
	points := []point{}
	for _, p := range data.DataPoints {
		tail := pointRow(p.Attributes, p.StartTime, p.Time, p.Exemplars)
		points = append(points, point{"otlp_metrics_exp_histogram", merged(head, tail, distribution(p.Count, p.Sum, p.Min, p.Max), row{
			"aggregation_temporality": temporalityOf(data.Temporality),
			"scale":                   strconv.Itoa(int(p.Scale)),
			"zero_count":              strconv.FormatUint(p.ZeroCount, 10),
			"zero_threshold":          p.ZeroThreshold,
			"positive_offset":         strconv.Itoa(int(p.PositiveBucket.Offset)),
			"positive_bucket_counts":  append([]uint64{}, p.PositiveBucket.Counts...),
			"negative_offset":         strconv.Itoa(int(p.NegativeBucket.Offset)),
			"negative_bucket_counts":  append([]uint64{}, p.NegativeBucket.Counts...),
		})})
	}
	return points
}

func distribution[N int64 | float64](count uint64, sum N, least, most metricdata.Extrema[N]) row {
	from, _ := least.Value()
	to, _ := most.Value()
	return row{"count": strconv.FormatUint(count, 10), "sum": sum, "min": from, "max": to}
}

func pointRow[N int64 | float64](set attribute.Set, start, at time.Time, list []metricdata.Exemplar[N]) row {
	attributes := row{}
	for _, kv := range set.ToSlice() {
		attributes[string(kv.Key)] = kv.Value.AsInterface()
	}
	exemplars := []row{}
	for _, e := range list {
		exemplars = append(exemplars, row{
			"filtered_attributes": row{},
			"span_id":             hex.EncodeToString(e.SpanID),
			"time_unix_nano":      nanoseconds(e.Time),
			"trace_id":            hex.EncodeToString(e.TraceID),
			"value":               strconv.FormatFloat(float64(e.Value), 'g', -1, 64),
		})
	}
	return row{
		"metric_attributes":    attributes,
		"start_time_unix_nano": nanoseconds(start),
		"time_unix_nano":       nanoseconds(at),
		"exemplars_json":       exemplars,
	}
}

// temporalityOf gives the number of the protocol, which is not that of the SDK.
func temporalityOf(temporality metricdata.Temporality) string {
	if temporality == metricdata.DeltaTemporality {
		return "1"
	}
	return "2"
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func merged(rows ...row) row {
	all := row{}
	for _, r := range rows {
		for key, value := range r {
			all[key] = value
		}
	}
	return all
}
