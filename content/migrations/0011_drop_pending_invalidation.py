from django.db import migrations


class Migration(migrations.Migration):
    """Triggers write the outbox now. The table stays for processes of the release before, which write to it."""

    dependencies = [
        ("content", "0010_list_triggers"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="PendingInvalidation")]),
    ]
