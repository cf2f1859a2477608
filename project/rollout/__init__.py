"""Migrations in two steps: expand before a roll-out, contract after it. See docs/upgrading.md."""
