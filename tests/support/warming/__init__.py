"""A whole site whose processes can be killed: warming under faults."""
