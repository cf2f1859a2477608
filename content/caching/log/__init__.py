"""The invalidation log: one ordered stream, which every process follows. docs/protocol.md has its rules."""
