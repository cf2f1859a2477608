from io import StringIO

import pytest
from django.core.management import call_command

from content.models import ListCount, ListedPost
from tests.support.blog import make_blog

pytestmark = pytest.mark.django_db


def test_lists_are_filled_anew():
    make_blog(3)
    before = (
        set(ListedPost.objects.values_list("kind", "term", "post")),
        set(ListCount.objects.values_list("kind", "term", "month", "posts")),
    )
    ListedPost.objects.filter(kind="tag").delete()
    ListCount.objects.update(posts=7)
    output = StringIO()
    call_command("rebuild_lists", stdout=output)
    assert "15 places" in output.getvalue()
    after = (
        set(ListedPost.objects.values_list("kind", "term", "post")),
        set(ListCount.objects.values_list("kind", "term", "month", "posts")),
    )
    assert after == before
