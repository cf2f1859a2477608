"""Alerts: the files of deploy/prometheus, series to test them by, and a real Prometheus."""
