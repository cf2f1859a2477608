"""The operators' API, `/api/v1/ops/`: it starts and steers runs of warming, and purges.

Each request needs a token with a scope. `guard` checks it, limits it and records it; `endpoints` does what is ordered
by the functions that the commands and the admin call too.
"""
