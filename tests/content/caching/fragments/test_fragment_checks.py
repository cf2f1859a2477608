"""`manage.py check` tells of fragments that would show one reader what is another's."""

import pytest
from django.core.checks import run_checks


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% fragment 'a' ttl=60 %}{{ post.title }}{% endfragment %}", []),
        ("{% fragment 'a' ttl=60 %}Hello, {{ user.username }}{% endfragment %}", ["caching.W007"]),
        ("{% fragment 'a' user.pk ttl=60 %}Hello, {{ user.username }}{% endfragment %}", []),
        ("{% if x %}{% fragment 'a' ttl=6 %}{% if user %}x{% endif %}{% endfragment %}{% endif %}", ["caching.W007"]),
        ("{% fragment 'a' ttl=60 %}<form>{% csrf_token %}</form>{% endfragment %}", ["caching.E006"]),
        ("{% fragment 'a' ttl=60 %}the user's request{% endfragment %}", []),
        ("{% fragment 'a' ttl=60 %}{% unknown %}{% endfragment %}", []),
    ],
)  # fmt: skip
def test_each_is_told(settings, tmp_path, source, expected):
    (tmp_path / "page.html").write_text("{% load fragments %}" + source)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [tmp_path]}]
    messages = run_checks(tags=["templates"])
    assert [message.id for message in messages] == expected
    assert all("page.html" in message.msg for message in messages)
