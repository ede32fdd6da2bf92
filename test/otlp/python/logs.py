from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult

import scope

BASE = 1_760_000_000_123_456_789


def create_logger(resource, exporter):
    provider = LoggerProvider(resource=resource)
    # requests are what a flush makes of the records, not a timer
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=3_600_000))
    return provider, provider.get_logger(scope.NAME, scope.VERSION, scope.SCHEMA_URL, scope.ATTRIBUTES)


def send_logs(resource, exporter, serving):
    """serving: a context with a span"""
    provider, logger = create_logger(resource, exporter)
    logger.emit(
        event_name="order.placed",
        timestamp=BASE,
        observed_timestamp=BASE + 1,
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body="everything",
        attributes={
            "text": 'naïve ☃ 𝄞 "quoted"\n',
            "empty": "",
            "flag": True,
            "max": 2**63 - 1,
            "min": -(2**63),
            "half": 1.5,
            "whole": 3.0,
            "list": ["a", "b"],
            "numbers": [1, 2, 3],
            "bytes": b"\x00\xff\x10",
            "map": {"b": [True, 2.5], "a": 1},
        },
    )
    logger.emit(
        timestamp=BASE + 1,
        observed_timestamp=BASE + 2,
        severity_number=SeverityNumber.ERROR2,
        severity_text="ERROR",
        body="in a span",
        context=serving,
    )
    logger.emit(timestamp=BASE + 2, observed_timestamp=BASE + 3, body={"b": [True, 2.5], "a": 1})
    logger.emit(observed_timestamp=BASE + 4, attributes={"bare": True})
    for i in range(1000):
        logger.emit(
            timestamp=BASE + 1000 + i,
            observed_timestamp=BASE + 1000 + i,
            severity_number=SeverityNumber.DEBUG,
            body=f"row {i}",
        )
    provider.shutdown()


def send_batches(resource, exporter_class):
    """Three requests of ten records; returns what the exporter made of each."""
    results = []

    class Watched(exporter_class):
        def export(self, batch):
            result = super().export(batch)
            results.append({"ok": result == LogRecordExportResult.SUCCESS})
            return result

    provider, logger = create_logger(resource, Watched())
    for batch in range(3):
        for i in range(10):
            logger.emit(body=f"batch {batch} row {i}")
        provider.force_flush()
    provider.shutdown()
    return results
