"""The objects that tests share. Tests set their fields, call them, and count.

wait       wait_until and wait_until_async, instead of sleeps and loops
caches     settings of a cache by its server, and use_cache, a block in which it is "default"
source     Source: the data of a loader, with its loads and a gate: hold, loading, release
edge       Origin and Site: an application, and the edge before it with a clock
engine     the log and the tag index of an engine; wait_for_engine
wire       a connection to EdgeProtocol in the test's own loop
child      Child: a Python process that waits for go, and returns a result
service    Service: manage.py up or serve in a process; manage: one command
warm_python  run_warm: a command in a process that has imported Django already
servers    Redis, Redis Cluster, Sentinel, Memcached, PostgreSQL and Varnish, each on a free port
worker     Worker: a Celery worker
browser    Chromium
blog       posts in the database; whole_site: some of everything; markdown, wordpress: files to import
mutation   a copy of the project with one guard removed
race       processes that race, faults, and a checker of the promises; abuse and floods: bad clients; privacy
"""
