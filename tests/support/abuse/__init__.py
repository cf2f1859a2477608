"""Two server processes with EdgeProtocol, and clients of every bad habit, who check all that they are told."""
