"""The API of readers, `/api/v1/`: parameters in, documents out of cache, JSON by structs.

An endpoint is one function in `endpoints/`, about ten lines: its parameters are declared by their types, its answer
by a struct of `shapes`. What all share, from headers to problems to the OpenAPI document, is said once beside it.
"""
