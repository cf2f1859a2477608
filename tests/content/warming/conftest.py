import pytest

from content.models import Post
from content.warming import run_lease
from tests.support.blog import make_blog


@pytest.fixture
def quick_lease(monkeypatch):
    monkeypatch.setattr(run_lease, "SECONDS", 0.5)


@pytest.fixture
def blog(request) -> list[Post]:
    """12 posts, or as many as the parameter says: more would take longer to warm, in the same way."""
    return make_blog(getattr(request, "param", 12))
