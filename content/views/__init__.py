"""Pages: a view parses the request, gets resources, and renders a response. No view queries the database itself."""
