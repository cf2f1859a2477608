"""The rules of HTTP caching as pure functions, without I/O. Each module has one topic.

fields          names, values, lists, dates; Cache-Status         RFC 9110 section 5, RFC 9211
directives      Cache-Control and its targeted forms              RFC 9111 section 5.2, RFC 9213
storing         whether a response may be stored, invalidation    RFC 9111 sections 3 and 4.4
variants        keys by URL and Vary, content codings             RFC 9111 sections 2 and 4.1, RFC 9110 section 12.5.3
freshness       its age and lifetime, whether it may answer       RFC 9111 section 4, RFC 5861
conditions      304 responses and ranges, validation              RFC 9110 sections 13 and 14, RFC 9111 section 4.3
"""
