"""An export of any size is read in memory that does not grow with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT
from tests.support.wordpress import HEAD, TAIL, item

# The most memory that an import may take beyond that of a hundredth of the export, in kB.
GROWTH = 40_000

# In another process, so that its memory can be measured. A first import fills the caches of modules.
READ = """
import os, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from content.importers.wordpress import import_wordpress

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

call_command("migrate", verbosity=0)
small, large = map(Path, sys.argv[1:])
first = import_wordpress(small)
before = resident()
report = import_wordpress(large)
print(first.created, report.created + report.unchanged, report.comments, len(report.failures), before, resident())
"""


def export_of(path: Path, megabytes: int, *, posts: int) -> Path:
    """Few posts and many files, pings and revisions: it is the reading that is to be long here, not the rendering."""
    noise = [
        item(number, post_type="revision", status="inherit", content="<p>word *word*</p>\n" * 500)
        for number in range(9)
    ]
    size = megabytes * 1_000_000
    with path.open("w") as file:
        file.write(HEAD.format(scheme="http", version="1.2"))
        number = 100
        while file.tell() < size:
            kept = number % max(1, size // 12_000 // posts) == 0
            file.write(
                item(number, content="<p>word <b>word</b></p>\n" * 400, comments=[{}]) if kept else noise[number % 9]
            )
            number += 1
        file.write(TAIL)
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the size of a process is read from /proc")
def test_an_export_of_100_mb_takes_no_more_memory_than_one_of_1_mb(tmp_path):
    small, large = export_of(tmp_path / "small.xml", 1, posts=50), export_of(tmp_path / "large.xml", 100, posts=1000)
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                   "DATABASE_URL": f"sqlite:///{tmp_path}/memory.sqlite3"}  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", READ, small, large],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    first, created, comments, failed, before, after = map(int, run.stdout.split())
    print(f"{created} posts in {large.stat().st_size / 1e6:.0f} MB: {before:,} kB resident, then {after:,} kB")
    assert (first > 0, created > 900, failed) == (True, True, 0)
    assert comments > 900
    assert after - before < GROWTH
