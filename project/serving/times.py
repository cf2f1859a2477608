"""How long things may take, in seconds."""

# Longer than the keep-alive of the proxies in front, so that they close first.
KEEP_ALIVE = 75
# A worker that is told to end finishes what it has, and has two seconds more for the site's own end.
GRACEFUL = 5
KILLED_AFTER = GRACEFUL + 2
# From its start until it listens.
READY_WITHIN = 60.0
