"""The rules of HTTP caching as pure functions, without I/O: one module for each question that a cache asks itself.

storing         may this response be stored                       RFC 9111 section 3
keys            under which key                                   RFC 9111 sections 2 and 4.1
freshness       how old is it, how long is it fresh               RFC 9111 section 4.2
answering       may it answer this request                        RFC 9111 section 4, RFC 5861
conditions      does the client have it already                   RFC 9110 section 13
validation      what the application is asked, and what it says   RFC 9111 section 4.3
ranges          which part of it                                  RFC 9110 section 14
invalidation    what a write to a URL ends                        RFC 9111 section 4.4
status          what is said about it                             RFC 9211
"""
