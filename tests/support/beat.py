"""Beat without a database and without a broker."""

from workers.job_rows import JobRows, Setting


class FakeRows(JobRows):
    """Settings that a test sets, at once; as without a database until then."""

    def start(self) -> bool:
        return False

    def use(self, **settings: Setting) -> None:
        """Use these settings, by the name of the job with "_" for a space."""
        self.settings = {name.replace("_", " "): setting for name, setting in settings.items()}
