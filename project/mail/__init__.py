"""Mail of the site: its server by one URL, and the messages it sends."""
