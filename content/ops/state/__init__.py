"""Measurements of the service: one module measures each subject; pages, panels and metrics show it."""
