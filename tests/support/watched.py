"""Models of a small shop, whose tables tests create and watch."""

import contextlib
import sqlite3

import psycopg
from django.db import connections, models


class Shelf(models.Model):
    title = models.CharField(max_length=50)

    class Meta:
        app_label = "watched"

    def __str__(self) -> str:
        return str(self.pk)


class Label(models.Model):
    word = models.CharField(max_length=50)

    class Meta:
        app_label = "watched"

    def __str__(self) -> str:
        return str(self.pk)


class Product(models.Model):
    slug = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=50)
    text = models.TextField(default="")
    views = models.IntegerField(default=0)
    sold_from = models.DateTimeField(null=True)
    shelf = models.ForeignKey(Shelf, null=True, on_delete=models.CASCADE)
    labels = models.ManyToManyField(Label)

    class Meta:
        app_label = "watched"

    def __str__(self) -> str:
        return str(self.pk)


def products() -> models.QuerySet[Product]:
    """All products, in the database "own"."""
    return Product._default_manager.using("own")


def by_another_program(text: str) -> None:
    """Execute a statement as psql or sqlite3 does, in the database "own"."""
    settings = connections["own"].settings_dict
    if connections["own"].vendor == "sqlite":
        with contextlib.closing(sqlite3.connect(settings["NAME"])) as connection, connection:
            connection.execute(text)
    else:
        where = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"]}
        with psycopg.connect(dbname=settings["NAME"], **where) as server:
            server.execute(text)
