"""Lists what containers run: the first process and the everyday commands of each kind of workload."""

import msgspec


class Program(msgspec.Struct, frozen=True):
    """One command line."""

    binary: str
    arguments: tuple[str, ...] = ()
    """argv without argv[0]; `%d` is replaced by a number where a record is made. `%` itself is written `%%`."""
    cwd: str = "/"
    uid: int = 0


class Profile(msgspec.Struct, frozen=True):
    """One kind of workload."""

    name: str
    weight: int
    first: Program
    everyday: tuple[Program, ...]


_CURL_HEALTH = Program("/usr/bin/curl", ("-fsS", "--max-time", "2", "http://127.0.0.1:8080/healthz?probe=%d"))
_CURL_OUT = Program("/usr/bin/curl", ("-fsSL", "-o", "/var/lib/rates/%d.json", "https://rates.example.com/v1/latest"))
_SHELL_DATE = Program("/bin/sh", ("-c", "date +%%s > /run/alive.%d && test -s /run/alive"))
_SHELL_PIPE = Program("/bin/bash", ("-lc", "find /var/cache -mmin +%d -print0 | xargs -0 rm -f 2>/dev/null"))

PROFILES: tuple[Profile, ...] = (
    Profile(
        "api",
        6,
        Program("/usr/local/bin/api-server", ("--listen", ":8080", "--config", "/etc/api/config.yaml"), "/srv", 10001),
        (
            _CURL_HEALTH,
            _SHELL_DATE,
            Program("/usr/local/bin/api-server", ("worker", "--queue", "default", "--slot", "%d"), "/srv", 10001),
        ),
    ),
    Profile(
        "jvm",
        5,
        Program("/opt/java/bin/java", ("-Xmx1g", "-jar", "/app/app.jar", "--profiles=prod"), "/app", 1000),
        (
            Program("/opt/java/bin/jcmd", ("1", "VM.native_memory", "summary", "scale=MB", "filter=%d"), "/app", 1000),
            _CURL_HEALTH,
            _SHELL_PIPE,
        ),
    ),
    Profile(
        "python",
        4,
        Program("/usr/local/bin/python3.11", ("-m", "gunicorn", "-b", "0.0.0.0:8000", "app.wsgi"), "/app", 1001),
        (
            Program("/usr/local/bin/python3.11", ("/app/manage.py", "clearsessions", "--batch", "%d"), "/app", 1001),
            _CURL_OUT,
            _SHELL_DATE,
        ),
    ),
    Profile(
        "web",
        5,
        Program("/usr/sbin/nginx", ("-g", "daemon off;"), "/", 0),
        (_CURL_HEALTH, Program("/usr/sbin/nginx", ("-s", "reload", "-c", "/etc/nginx/conf.d/%d.conf")), _SHELL_PIPE),
    ),
    Profile(
        "postgres",
        2,
        Program("/usr/lib/postgresql/16/bin/postgres", ("-D", "/var/lib/postgresql/data"), "/var/lib/postgresql", 999),
        (
            Program("/usr/lib/postgresql/16/bin/pg_isready", ("-U", "postgres", "-t", "%d"), "/", 999),
            Program("/usr/bin/psql", ("-XAtc", "select count(*) from jobs where id > %d"), "/", 999),
        ),
    ),
    Profile(
        "node",
        4,
        Program("/usr/local/bin/node", ("--enable-source-maps", "dist/main.js"), "/usr/src/app", 1000),
        (
            Program("/usr/local/bin/node", ("dist/jobs/thumbnail.js", "--id", "%d"), "/usr/src/app", 1000),
            _SHELL_DATE,
            _CURL_OUT,
        ),
    ),
    Profile(
        "coredns",
        1,
        Program("/coredns", ("-conf", "/etc/coredns/Corefile"), "/", 65532),
        (Program("/coredns", ("-version", "-quiet", "-pidfile", "/run/%d.pid"), "/", 65532),),
    ),
)

HOST_PROGRAMS: tuple[Program, ...] = (
    Program("/usr/bin/runc", ("--root", "/run/containerd/runc/k8s.io", "--log-format", "json", "state", "%d")),
    Program("/usr/sbin/iptables-save", ("-t", "nat", "--counters=%d")),
    Program("/usr/bin/systemctl", ("show", "--property=ActiveState", "kubelet.service", "--lines=%d")),
    Program("/usr/sbin/logrotate", ("/etc/logrotate.d/containers", "--state", "/var/lib/logrotate/%d")),
    Program("/usr/bin/bash", ("-c", "/usr/local/sbin/node-check --slot %d 2>&1 | logger -t node-check")),
)
"""What runs on the machines themselves, outside containers."""
