"""XML for programs: RSS, Atom and sitemaps. Pure: a function of the caller makes each path absolute."""
