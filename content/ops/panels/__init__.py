"""The panels of the dashboard: each module reads one subject, and says it as rows, counters and gauges."""
