"""Operators of a site, who send requests with a token."""

import json
import secrets
from typing import Any

from django.test import Client

from content.models import OpsToken
from content.services.ops_tokens import create_token
from tests.support.service import Service, environment_of, manage

OPS = "/api/v1/ops/"
SCOPES = ("warm", "purge", "read")


class Operator:
    """Sends requests with a token of these scopes. `text` is the token as it was shown."""

    def __init__(self, *scopes: str, name: str = "deploy", days: int | None = None) -> None:
        self.token, self.text = create_token(name, scopes or SCOPES, created_by="ann", days=days)
        self.headers = {"Authorization": f"Bearer {self.text}"}
        self.client = Client(enforce_csrf_checks=True, headers=self.headers)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"{OPS}{path}", **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        """`data`: of the order, or its bytes."""
        body = data if isinstance(data, bytes) else json.dumps(data if data is not None else {}).encode()
        return self.client.post(f"{OPS}{path}", body, content_type="application/json", **options)

    def row(self) -> OpsToken:
        return OpsToken.objects.get(pk=self.token.pk)


def make_token(service: Service) -> str:
    """The text of a new token of a running service, which may do everything."""
    words = [word for scope in SCOPES for word in ("--scope", scope)]
    return manage(settings_of(service), "ops_token", "create", secrets.token_hex(4), *words).strip()


def settings_of(service: Service) -> dict[str, str]:
    return environment_of(service.state_dir) | {"SECRET_KEY": "for tests only", "CACHE_URL": "locmem://"}


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The problem details of a response that no cache stores and no script of another origin reads."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert not [name for name in response.headers if name.startswith("Access-Control-")]
    problem = response.json()
    assert problem["status"] == status
    return problem


def data_of(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert not [name for name in response.headers if name.startswith("Access-Control-")]
    return response.json()
