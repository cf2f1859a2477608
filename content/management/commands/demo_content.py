from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from content.demo import generate_demo
from content.management import progress_bar
from content.models import Post


class Command(BaseCommand):
    help = "Fill an empty site with about 200 posts and a few pages, so that there is something to look at."

    def handle(self, *args: Any, **options: Any) -> None:
        if Post.objects.exists():
            self.stdout.write(
                "This site has posts already. The demo content is for an empty site, so nothing was done."
            )
            return
        with progress_bar() as bar:
            task = bar.add_task("Posts", total=None)
            count = generate_demo(timezone.now(), lambda written: bar.advance(task, written))
        self.stdout.write(f"{count} demo posts are in place.")
