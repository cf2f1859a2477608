"""Pages: parse the request, get resources, answer. No view touches the database itself."""
