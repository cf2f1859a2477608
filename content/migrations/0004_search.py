from django.db import migrations, models

from content.models import search_index

ROWS_AT_ONCE = 200


def fill_text(apps, schema_editor):
    """What is searched of the bodies that are there already."""
    from content.rendering import plain_text

    posts = apps.get_model("content", "Post").objects.using(schema_editor.connection.alias)
    batch = []
    for post in posts.only("pk", "html").order_by("pk").iterator(chunk_size=ROWS_AT_ONCE):
        post.text = plain_text(post.html)
        batch.append(post)
        if len(batch) == ROWS_AT_ONCE:
            posts.bulk_update(batch, ["text"])
            batch = []
    posts.bulk_update(batch, ["text"])


def make_index(apps, schema_editor):
    search_index.make(schema_editor.connection)


def unmake_index(apps, schema_editor):
    search_index.unmake(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('content', '0003_comments'),
    ]

    operations = [
        migrations.AddField(
            model_name='post',
            name='text',
            field=models.TextField(blank=True, default='', editable=False),
            preserve_default=False,
        ),
        migrations.RunPython(fill_text, migrations.RunPython.noop),
        migrations.RunPython(make_index, unmake_index),
    ]
