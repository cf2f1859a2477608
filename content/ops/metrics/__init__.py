"""/metrics for Prometheus: each module names the metrics of one subject. docs/metrics.md lists them."""
