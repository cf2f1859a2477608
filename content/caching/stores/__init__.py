"""The stores of entries: this process's memory, and a cache that processes share."""
