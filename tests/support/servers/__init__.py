"""Real servers, each started by a fixture on a free port or socket of its own, and stopped at its end."""
