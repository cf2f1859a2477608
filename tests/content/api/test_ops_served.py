"""The operators' API as it is served: past the edge, and with tokens that another process makes and revokes."""

import json

import pytest

from tests.support.operators import OPS, make_token, settings_of
from tests.support.service import manage


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


def test_the_edge_stores_nothing_and_a_revoked_token_ends_at_its_next_request(service, client):
    field = {"Authorization": f"Bearer {make_token(service)}"}
    path = client.post(f"{OPS}warm", json={"top": 3}, headers=field).headers["Location"]
    for headers, status in ((field, 200), ({}, 401), (field, 200), (field | {"Origin": "https://a.example"}, 200)):
        response = client.get(path, headers=headers)
        assert (response.status_code, response.headers["Cache-Control"]) == (status, "no-store")
        assert "hit" not in response.headers.get("Cache-Status", "")
        assert not [name for name in response.headers if name.startswith(("access-control", "evergreen"))]
    [token, *_] = json.loads(manage(settings_of(service), "ops_token", "list", "--json"))
    assert token["last_used_at"]
    manage(settings_of(service), "ops_token", "revoke", str(token["id"]))
    revoked = client.get(path, headers=field)
    assert revoked.status_code == 401
    assert revoked.content == client.post(f"{OPS}nothing").content


def test_a_body_without_a_length_is_bounded_too(service, client):
    field = {"Authorization": f"Bearer {make_token(service)}", "Content-Type": "application/json"}
    response = client.post(f"{OPS}warm", content=iter([b" " * 65536] * 20), headers=field)
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"
