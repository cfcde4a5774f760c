"""CircleCI's OpenTelemetry exporter: read its requests, and write their answers."""
