"""The order of loads and invalidations: the log, tag counters, or one process alone."""
