import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('content', '0014_warm_runs'),
    ]

    operations = [
        migrations.CreateModel(
            name='OpsToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('scopes', models.JSONField(default=list)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('created_by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('last_used_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': "operators' token",
                'ordering': ['-pk'],
                'permissions': [('manage_opstoken', "Can create and revoke tokens of the operators' API")],
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='OpsRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('network', models.CharField(max_length=50)),
                ('method', models.CharField(max_length=10)),
                ('path', models.CharField(max_length=200)),
                ('order', models.CharField(blank=True, max_length=1000)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('outcome', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('is_read', models.BooleanField()),
                ('token', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='content.opstoken')),
            ],
            options={
                'verbose_name': "operators' request",
                'ordering': ['-pk'],
                'default_permissions': ('view',),
            },
        ),
        migrations.AddConstraint(
            model_name='opstoken',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('name',), name='opstoken_name_once'),
        ),
    ]
