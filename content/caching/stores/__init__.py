"""Where entries are stored: this process's memory, and a cache that processes share."""
