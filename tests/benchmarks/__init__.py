"""`make bench`: the engine beside its peers, on this machine, in one run. No test; nothing here passes or fails."""
