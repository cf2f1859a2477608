"""`install.sh --root`: the same installation in a Debian where nothing runs, such as the image of a host. Twice."""

import pytest

from tests.support.debian_root import make_root, running_root
from tests.support.targets import UNITS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_a_root_is_installed_from_outside_and_the_second_time_nothing_changes(tmp_path):
    make_root(tmp_path / "root")
    with running_root(tmp_path / "root") as root:
        options = ("install", "--host", "example.org", "--root", str(root.path))
        command = root.beside(str(UNITS / "install.sh"), *options)
        first = root.execute(command)
        assert first.returncode == 0, first.stdout
        assert "create the first administrator" in first.stdout
        second = root.execute(command)
        assert second.returncode == 0, second.stdout
        assert second.stdout.endswith("Nothing changed.\n")
        assert list(root.inside("srv/evergreen/releases").iterdir()) == [
            root.inside("srv/evergreen/releases") / root.inside("srv/evergreen/current").readlink().name
        ]
        assert root.shell("pg_lsclusters --no-header").stdout.split()[3] == "down"
        assert root.shell("ls /var/tmp").stdout == ""
        enabled = root.run("systemctl", "is-enabled", "evergreen.target", "evergreen-web.socket", "nginx.service")
        assert enabled.stdout == "enabled\n" * 3
        assert root.run("nginx", "-t", "-q").returncode == 0
