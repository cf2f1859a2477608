"""The site's settings for a process that notes its terms as owner of the control loop, and what it loads."""

from project.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.warming.observer.Observer"]  # noqa: F405
