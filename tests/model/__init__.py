"""A small model of the invalidation protocol, explored state by state.

Each rule of docs/protocol.md is tried with all its guards, and with one guard removed. `python -m tests.model` prints
the result as a table. docs/stories.md tells the counter-examples.
"""
