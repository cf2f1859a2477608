from django.db import models


class Redirect(models.Model):
    """An old path and its new one: a path on this site or an absolute http(s) URL."""

    old_path = models.CharField(max_length=500, unique=True)
    new_path = models.CharField(max_length=500)

    class Meta:
        ordering = ["old_path"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(old_path__startswith="/"), name="redirect_old_path_is_absolute"
            ),
            models.CheckConstraint(
                condition=~models.Q(old_path=models.F("new_path")), name="redirect_leads_elsewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.old_path} to {self.new_path}"
