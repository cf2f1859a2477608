"""Loaders: asynchronous ORM reads that return documents. Called by resources, and by nothing else."""
