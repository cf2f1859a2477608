import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

NAME = "admin"


class Command(BaseCommand):
    help = "Create an administrator if there is none, and print the password once."

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(username=NAME, password=password)
        self.stdout.write(f"Administrator {NAME!r}, password {password!r}: shown this once, and stored nowhere.")
