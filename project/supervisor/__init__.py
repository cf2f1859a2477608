"""`manage.py up`: Redis, worker, beat and web server in one terminal."""
