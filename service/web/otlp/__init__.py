"""The receiver of CircleCI's OpenTelemetry exporter."""
