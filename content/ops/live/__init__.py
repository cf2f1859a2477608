"""WebSockets of /ops/: live dashboards, and who else edits a post. docs/live.md explains them."""
