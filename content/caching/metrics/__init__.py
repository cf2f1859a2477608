"""Counters, events and reports of the engine."""
