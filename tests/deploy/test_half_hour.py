"""A new operator's half hour: docs/install.md, typed to the letter in a bare Debian. All that is printed is compared.

systemd's part is played by tests/support/supervisor.py; PostgreSQL, both Redis, nginx and the site are the real ones.
"""

import re
import subprocess
import threading

import httpx
import pytest

from tests.support.debian_root import make_root, running_root
from tests.support.service import ROOT
from tests.support.supervisor import Supervisor
from tests.support.transcript import read_transcript
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

HOST = "example.org"
INSTALLING, UPGRADING = ROOT / "docs/install.md", ROOT / "docs/upgrading.md"
NEXT = "/root/next"
OLD = [f"2020-01-0{day}-000000" for day in (1, 2, 3, 4)]
# Folders that running services write to.
WRITTEN = ("/proc", "/dev", "/run", "/tmp", "/var/log", "/var/lib", "/var/cache/nginx")
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("content", "{last}")]
    operations = [migrations.RunSQL("CREATE TABLE trial (id integer)", "DROP TABLE trial")]
"""
# Left out of the archive of a release.
OF_THE_CHECKOUT = (".venv", ".git", ".state", ".ci", "tests", "__pycache__")
LOGIN = """
page=$(curl --fail --silent --cookie-jar /root/jar https://example.org/admin/login/)
token=$(printf '%s' "$page" | sed --quiet 's/.*name="csrfmiddlewaretoken" value="\\([^"]*\\)".*/\\1/p' | head -n 1)
curl --silent --cookie /root/jar --cookie-jar /root/jar --output /dev/null \\
    --write-out '%{http_code} %{redirect_url}' \\
    --referer https://example.org/admin/login/ --data-urlencode "csrfmiddlewaretoken=$token" \\
    --data-urlencode username=admin --data-urlencode "password=$PASSWORD" 'https://example.org/admin/login/?next=/admin/'
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debian") / "root"
    make_root(folder)
    with running_root(folder) as root:
        prepare(root)
        with Supervisor(root):
            yield root


def make_archive(file) -> None:
    excluded = [
        f"--exclude=./{name}" if name[0] == "." or name == "tests" else f"--exclude={name}"
        for name in OF_THE_CHECKOUT
    ]
    subprocess.run(["tar", "--create", "--gzip", f"--file={file}", *excluded, "."], cwd=ROOT, check=True)


def make_certificate(folder) -> None:
    """As from an authority that this Debian trusts."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    subprocess.run([*new, *names, *files], check=True, capture_output=True)


def prepare(debian) -> None:
    """What the operator has: the archive, a name that leads here, a certificate that is trusted."""
    home = debian.inside("root")
    make_archive(home / "evergreen.tar.gz")
    make_certificate(home)
    with debian.inside("etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 localhost {HOST}\n")
    trusted = debian.inside("usr/local/share/ca-certificates")
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / "test.crt").write_bytes((home / "fullchain.pem").read_bytes())
    # A bare Debian does it when the package arrives.
    debian.shell("! command -v update-ca-certificates || update-ca-certificates")


def type_page(debian, page, folder: str) -> str:
    """All commands of the page, in one terminal. Returns what they printed, which must be what the page says."""
    printed, wrong = "", []
    for typed in read_transcript(page.read_text()):
        if "manage doctor" in typed.command:
            wait_until(lambda: have_reported(debian), "the worker reports, and beat sends its first task", pause=1.0)
        done = debian.shell(f"cd {folder} && {typed.command} && pwd >/run/folder")
        printed += f"$ {typed.command}\n{done.stdout}"
        assert done.returncode == 0, printed
        folder = debian.inside("run/folder").read_text().strip()
        wrong += filter(None, [typed.differs(done.stdout)])
    print(printed)
    assert not wrong, "\n\n".join(wrong)
    return printed


def have_reported(debian) -> bool:
    return debian.shell("evergreen-manage doctor --category workers --category beat").returncode == 0


def test_the_half_hour_of_the_page(debian):
    (password,) = re.findall(r"password '(\S+)'", type_page(debian, INSTALLING, "/root"))
    login = debian.run("env", f"PASSWORD={password}", "bash", "-c", LOGIN)
    assert login.stdout == f"302 https://{HOST}/admin/"


def test_a_second_run_writes_nothing(debian):
    """Contents, modes, owners and times of all files but those of the running services."""
    before = fingerprint(debian)
    done = debian.shell("cd /root/evergreen && deploy/systemd/install.sh install")
    assert done.stdout.endswith("Nothing changed.\n")
    assert fingerprint(debian) == before


def fingerprint(debian) -> str:
    written = " -o ".join(f"-path {folder}" for folder in WRITTEN)
    return debian.shell(rf"find / \( {written} \) -prune -o -type f -printf '%p %m %U %G %s %T@\n' | sort").stdout


def test_an_optional_package_is_added_and_remembered(debian):
    """The next release has it too: the upgrade below looks for it."""
    done = debian.shell("cd /root/evergreen && deploy/systemd/install.sh install --extras errors")
    assert "add the packages of errors" in done.stdout, done.stdout
    assert has_package(debian, "sentry_sdk")
    again = debian.shell("cd /root/evergreen && deploy/systemd/install.sh install")
    assert again.stdout.endswith("Nothing changed.\n")


def has_package(debian, name: str) -> bool:
    return debian.shell(f"/srv/evergreen/current/.venv/bin/python -c 'import {name}'").returncode == 0


def test_a_file_of_the_operator_is_kept(debian):
    file = debian.inside("etc/evergreen/redis-cache.conf")
    before = file.read_text()
    file.write_text(before.replace("maxmemory 1gb", "maxmemory 2gb"))
    done = debian.shell("cd /root/evergreen && deploy/systemd/install.sh install")
    assert "kept /etc/evergreen/redis-cache.conf, which you changed" in done.stdout
    assert "maxmemory 2gb" in file.read_text()
    file.write_text(before)


def test_upgrade_and_rollback_by_the_page_lose_no_request(debian):
    """The next release has another footer and a migration. The command is the page's."""
    make_next(debian)
    make_old_releases(debian)
    first = serving(debian)
    with Readers(debian) as readers:
        type_page(debian, UPGRADING, NEXT)
    assert serving(debian) == first
    assert len(record_of(debian)) == 3
    releases = {file.name for file in debian.inside("srv/evergreen/releases").iterdir()}
    assert releases == {*record_of(debian), *OLD[2:], "by-hand"}
    assert not debian.inside(f"srv/evergreen/shared/static/{OLD[0]}").exists()
    assert debian.inside(f"srv/evergreen/shared/static/{OLD[2]}").exists()
    assert debian.shell("cat /srv/evergreen/releases/*/.locks").stdout.split() == ["app", "errors"] * 2
    waits = debian.shell("grep --only-matching 'serves readers now: .*' /var/log/evergreen-web.service.log").stdout
    print(waits)
    assert "s have passed" not in waits
    assert readers.failures == []
    # Processes of both releases serve while they are replaced.
    assert (readers.footers[0], readers.footers[-1]) == ("old", "old")
    assert "new" in readers.footers
    print(f"{readers.count:,} requests, {len(readers.failures)} failures")


def make_next(debian) -> None:
    assert debian.shell(f"cp -r /root/evergreen {NEXT}").returncode == 0
    content = debian.inside(f"{NEXT}/content")
    footer = content / "templates/content/_footer.html"
    footer.write_text(footer.read_text() + "<!-- the next release -->\n")
    last = max(file.stem for file in (content / "migrations").glob("0*.py"))
    (content / "migrations/9000_trial.py").write_text(MIGRATION.format(last=last))


def make_old_releases(debian) -> None:
    """Four that served long ago, each with a static file of its own, and one that the operator made."""
    for name in (*OLD, "by-hand"):
        static = debian.inside(f"srv/evergreen/releases/{name}/static")
        static.mkdir(parents=True)
        for place in (static, debian.inside("srv/evergreen/shared/static")):
            (place / name).touch()
        (static.parent / ".digest").touch()


def record_of(debian) -> list[str]:
    return [line.split()[0] for line in debian.inside("srv/evergreen/served").read_text().splitlines()]


def serving(debian) -> str:
    return debian.shell("basename $(readlink /srv/evergreen/current)").stdout.strip()


class Readers:
    """Reads the first page through nginx, one request after another. `footers`: of which releases, in order."""

    def __init__(self, debian) -> None:
        self.debian = debian
        self.failures: list[str] = []
        self.footers: list[str] = []
        self.count = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.read)

    def __enter__(self) -> "Readers":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.thread.join()

    def read(self) -> None:
        self.debian.enter_network()
        options = {"headers": {"Host": HOST}, "extensions": {"sni_hostname": HOST}}
        with httpx.Client(verify=False) as client:
            while not self.ended.is_set():
                try:
                    response = client.get("https://127.0.0.1/", **options)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                self.count += 1
                if response.status_code != 200:
                    self.failures.append(f"{response.status_code}")
                footer = "new" if "the next release" in response.text else "old"
                if self.footers[-1:] != [footer]:
                    self.footers.append(footer)
