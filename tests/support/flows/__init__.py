"""Flows: one write, and every place in which readers see it, each in a process of its own.

scene.py      the rows of one write, and what readers see before and after it
ways/         the ways of writing: a table of small functions
sights.py     how a process reads what is seen, by resources, a fragment or a page
writer.py     the process that writes
observer.py   the processes that read
stage.py      all of them, around a running service
"""
