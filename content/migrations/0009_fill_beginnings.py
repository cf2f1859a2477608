from django.db import migrations

from content.rendering import EXCERPT_LENGTH, shortened

ROWS_AT_ONCE = 200


def fill(apps, schema_editor):
    """What lists show of bodies that are there already: in the order of keys, each batch a transaction of its own."""
    posts = apps.get_model("content", "Post").objects.using(schema_editor.connection.alias)
    last = 0
    while batch := list(posts.filter(pk__gt=last).only("pk", "body", "text").order_by("pk")[:ROWS_AT_ONCE]):
        for post in batch:
            post.beginning = shortened(post.text, EXCERPT_LENGTH)
            post.word_count = len(post.body.split())
        posts.bulk_update(batch, ["beginning", "word_count"])
        last = batch[-1].pk


class Migration(migrations.Migration):

    # A batch that was written stays; a run that was stopped begins again and writes the same.
    atomic = False

    dependencies = [
        ('content', '0008_list_tables'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
