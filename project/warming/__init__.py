"""The run of `warm_cache`: its processes and its progress."""
