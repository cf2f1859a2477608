"""The files of deploy/, with the addresses and folders of one fleet. Nothing else in them changes."""

import os
import re
import secrets
import subprocess
from pathlib import Path

from project.fleet.layout import DEPLOY, HOST, LOOPBACK, SENTINELS, Layout, user_of_postgres

# Text that is replaced: patterns, with what stands there instead.
Replacements = dict[str, str]
DAYS = "365"


def render_all(layout: Layout, openssl: str) -> None:
    for name in ("etc/secrets", "etc/tls", "nginx/cache", "nginx/log", "acme", "shared/static", "site", "backups"):
        (layout.state / name).mkdir(parents=True, exist_ok=True)
    (layout.etc / "secrets").chmod(0o700)
    make_secrets(layout)
    make_certificate(layout, openssl)
    render_nginx(layout)
    render_varnish(layout)
    render_redis(layout)
    render_postgresql(layout)


def replace(text: str, replacements: Replacements) -> str:
    """Raises ValueError for a pattern that is not there: the file has changed, and the fleet must follow."""
    for pattern, replacement in replacements.items():
        text, count = re.subn(pattern, replacement, text)
        if not count:
            raise ValueError(
                f"deploy/ no longer has {pattern!r}, which the fleet replaces (project/fleet/render.py)."
            )
    return text


def render(source: str, target: Path, replacements: Replacements) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(replace((DEPLOY / source).read_text(), replacements))


# --- secrets ------------------------------------------------------------------------------------------


def make_secrets(layout: Layout) -> None:
    """A fleet that starts again keeps its own."""
    folder = layout.etc / "secrets"
    write_once(folder / "secret_key", secrets.token_urlsafe(48))
    write_once(folder / "postgres_password", secrets.token_urlsafe(24))
    password = (folder / "postgres_password").read_text()
    url = f"postgres://evergreen:{password}@{LOOPBACK}:{layout.port_of('postgres')}/evergreen"
    write_private(folder / "database_url", url)


def write_once(file: Path, text: str) -> None:
    if not file.exists():
        write_private(file, text)


def write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def make_certificate(layout: Layout, openssl: str) -> None:
    key = layout.etc / "tls/privkey.pem"
    if layout.certificate.exists():
        return
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        DAYS,
    ]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},IP:{LOOPBACK}"]
    files = ["-keyout", str(key), "-out", str(layout.certificate)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    key.chmod(0o600)


# --- servers ------------------------------------------------------------------------------------------


def render_nginx(layout: Layout) -> None:
    folder = layout.state / "nginx"
    owner = "user root;" if os.geteuid() == 0 else ""
    render(
        "nginx/nginx.conf",
        folder / "nginx.conf",
        {
            "user www-data;": owner,
            "/etc/nginx/conf.d": f"{folder}/conf.d",
            "/var/log/nginx": f"{folder}/log",
            r"/run/nginx\.pid": f"{folder}/nginx.pid",
        },
    )
    render(
        "nginx/evergreen.conf",
        folder / "conf.d/evergreen.conf",
        {
            "https://example.org": layout.url,
            r"example\.org": HOST,
            "/etc/nginx/evergreen.d": f"{folder}/evergreen.d",
            "/etc/evergreen/tls": f"{layout.etc}/tls",
            "/var/cache/nginx/evergreen": f"{folder}/cache",
            "/srv/evergreen/shared": f"{layout.state}/shared",
            "/var/www/acme": f"{layout.state}/acme",
            r" *listen \[::\]:.*\n": "",
            "listen 80;": f"listen {LOOPBACK}:{layout.port_of('plain')};",
            "listen 443 ": f"listen {LOOPBACK}:{layout.port} ",
        },
    )
    # The site's own address has a port here, which $host lacks.
    render(
        "nginx/evergreen.d/proxy.conf",
        folder / "evergreen.d/proxy.conf",
        {r"Host \$host": f"Host $host:{layout.port}"},
    )
    render(
        "varnish/upstream.conf",
        folder / "evergreen.d/upstream.conf",
        {
            r"127\.0\.0\.1:6081": f"{LOOPBACK}:{layout.port_of('varnish')}",
            r"127\.0\.0\.1:8000": f"{LOOPBACK}:{layout.port_of('web1')}",
            r"127\.0\.0\.2:8000": f"{LOOPBACK}:{layout.port_of('web2')}",
        },
    )


def render_varnish(layout: Layout) -> None:
    replacements = {
        rf'\.host = "{host}";\n    \.port = "8000";': f'.host = "{LOOPBACK}";\n    .port = "{layout.port_of(name)}";'
        for name, host in {"web1": r"127\.0\.0\.1", "web2": r"127\.0\.0\.2"}.items()
    }
    render("varnish/evergreen.vcl", layout.etc / "evergreen.vcl", replacements)


def render_redis(layout: Layout) -> None:
    for name in ("redis-cache", "redis-log", "redis-replica"):
        (layout.state / name).mkdir(exist_ok=True)
    for name in ("redis-cache", "redis-log"):
        render(f"redis/{name}.conf", layout.etc / f"{name}.conf", {})
    if not layout.sentinel:
        return
    for name in SENTINELS:
        (layout.state / name).mkdir(exist_ok=True)
        # It remembers the master and the others in its file, which another start must not take over.
        render(
            "redis/sentinel.conf",
            layout.state / name / "sentinel.conf",
            {
                "port 26379": f"port {layout.port_of(name)}",
                r"127\.0\.0\.1 6379": f"{LOOPBACK} {layout.port_of('redis-log')}",
            },
        )


def render_postgresql(layout: Layout) -> None:
    """Beside pg_hba.conf the files say which user of the system is the role postgres."""
    folder = layout.etc / "postgresql"
    render("postgresql/postgresql.conf", folder / "postgresql.conf", {})
    render(
        "postgresql/pg_hba.conf",
        folder / "pg_hba.conf",
        {r"(local +all +postgres +)peer": r"\1peer map=fleet", r"10\.0\.0\.0/8": f"{LOOPBACK}/32"},
    )
    user = user_of_postgres() or os.environ.get("USER") or os.getlogin()
    (folder / "pg_ident.conf").write_text(f"fleet {user} postgres\n")
    render("postgresql/roles.sql", folder / "roles.sql", {})
