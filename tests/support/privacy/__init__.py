"""A small site whose views show what they read of their reader, cached at the view, at the edge or in fragments."""
