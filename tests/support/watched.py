"""Models of a small shop, whose tables tests create and watch."""

from django.db import models


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
