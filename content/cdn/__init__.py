"""The CDN in front: told of each invalidation, by the tags that it was sent with the pages. docs/cdn.md

the log -> the follower, in a worker -> the CDN, twice
"""
