from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("caching_watch", "0002_appended_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="watchedchange",
            name="tags",
            field=models.TextField(db_default="", default=""),
        ),
    ]
