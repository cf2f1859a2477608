import pytest
from django.db import connection
from content.models import *
from tests.support.blog import make_blog, make_post
pytestmark = pytest.mark.django_db
def state():
    return sorted(ListedPost.objects.values_list("kind","term","post_id")), sorted(ListCount.objects.exclude(posts=0).values_list("kind","term","month","posts"))
def check():
    from content.models import list_tables
    a = state(); list_tables.rebuild(connection); b = state(); assert a == b; return a
def test_it():
    posts = make_blog()
    a, c = check()
    assert len(a) == 25*5, len(a)
    Post.objects.filter(pk=posts[0].pk).update(status="withdrawn"); check()
    Post.objects.filter(pk=posts[0].pk).update(status="published", kind="page"); check()
    posts[1].tags.clear(); check()
    posts[2].delete(); check()
    Post.objects.all()[3].authorships.all().delete(); check()
    Post.objects.filter(pk__in=[p.pk for p in posts[5:9]]).update(category=None); check()
    Tag.objects.all().delete(); check()
    Category.objects.all().delete(); check()
    Post.objects.all().delete(); assert check() == ([], [])
