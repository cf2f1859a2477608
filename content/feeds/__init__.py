"""Documents written as XML for machines: RSS, Atom, sitemaps. Pure: every address comes from a function given."""
