"""Two server processes with EdgeProtocol, and clients with every bad habit that check each response."""
