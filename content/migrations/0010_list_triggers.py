from django.db import migrations

from content.models import list_tables


def make(apps, schema_editor):
    list_tables.make(schema_editor.connection)


def unmake(apps, schema_editor):
    list_tables.unmake(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('content', '0009_fill_beginnings'),
    ]

    operations = [
        migrations.RunPython(make, unmake),
    ]
