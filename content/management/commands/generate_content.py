from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from content.demo import MAX_POSTS, generate_posts
from content.management import progress_bar
from content.models import Post


class Command(BaseCommand):
    help = "Generate posts for tests of large sites. The same seed makes the same posts, their times apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--posts", type=int, required=True, metavar="N", help=f"how many, at most {MAX_POSTS:,}")
        parser.add_argument("--seed", type=int, default=1, help="of the random numbers (1)")
        parser.add_argument(
            "--add",
            action="store_true",
            help="write to a site that has posts; posts of this seed that exist are left alone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        count = options["posts"]
        if not options["add"] and Post.objects.exists():
            raise CommandError(
                "This site has posts already. Nothing was generated. To put generated posts beside them, or to "
                "complete an interrupted run, add --add.",
                returncode=2,
            )
        with progress_bar() as bar:
            task = bar.add_task("Posts", total=count)
            try:
                stored = generate_posts(
                    count, options["seed"], timezone.now(), lambda written: bar.advance(task, written)
                )
            except ValueError as error:
                raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"Posts: {stored:,} generated, {count - stored:,} there already.")
