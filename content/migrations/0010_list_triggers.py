from django.db import migrations

from content.models import list_tables, search_index


def make(apps, schema_editor):
    list_tables.make(schema_editor.connection)
    # SQLite made the table of posts anew, for its new columns, and the search's triggers went with the old one.
    search_index.keep_watching(schema_editor.connection.alias)


def unmake(apps, schema_editor):
    list_tables.unmake(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('content', '0009_fill_beginnings'),
    ]

    operations = [
        migrations.RunPython(make, unmake),
    ]
