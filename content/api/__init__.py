"""The readers' API, `/api/v1/`: it parses parameters, reads resources, and serializes structs as JSON.

An endpoint is one function in `endpoints.py`. The types of its parameters and of its result declare it; the guard and
the router, which writes the OpenAPI document, do the rest. `ops` is the operators' API, which has a guard of its own.
"""
