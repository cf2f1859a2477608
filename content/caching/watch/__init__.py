"""Watched models: every way of writing a row invalidates what shows it.

from content.caching.watch import watch

watch(Product, documents={"page": ["name", "price", "text"], "card": ["name", "price"]})

Add "content.caching.watch" to INSTALLED_APPS and run `migrate`. Database triggers then write each change into an
outbox, in the writer's own statement: ORM, raw SQL, psql and sqlite3 alike. The process that commits appends its rows
to the invalidation log at once; `relay` appends those of other programs.
"""

from .declaration import Change, Watch, watch

__all__ = ["Change", "Watch", "watch"]
