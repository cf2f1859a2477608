"""`manage.py doctor`: checks of a whole installation that only read. See docs/upgrading.md."""
