"""Each test twice: asked through ASGI, and as bytes on a connection that EdgeProtocol answers."""

import pytest

from tests.support.edge import Site


@pytest.fixture(autouse=True, params=["asgi", "protocol"])
def way(request, monkeypatch) -> str:
    if request.param == "protocol" and request.node.get_closest_marker("asgi"):
        pytest.skip("a server between would answer for the application, or refuse what is asked")
    monkeypatch.setattr(Site, "transport", request.param)
    return request.param
