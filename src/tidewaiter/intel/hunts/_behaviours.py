"""Turns ATT&CK techniques with evidence into behaviours of processes in containers that each language can look for.

Narrow on purpose: a shell, a download or `kubectl` is everyday life, so each row asks for what makes it an attacker's
(who started it, where the file goes, which words stand beside it). A technique that no few words catch has no row.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tidewaiter.intel.briefing import Technique

Field = Literal["name", "parent", "command"]


class Clause(msgspec.Struct, frozen=True):
    """One condition: a process's name or its parent's name is one of these, or its command line holds one of these."""

    field: Field
    any_of: tuple[str, ...]


class Behaviour(msgspec.Struct, frozen=True):
    """What a process does, as conditions that must all hold."""

    techniques: tuple[str, ...]
    title: str
    clauses: tuple[Clause, ...]
    expect: str
    """What else looks like this."""
    inside_only: bool = False
    """Whether it means something in a container only; a language that sees no containers then leaves it out."""


_SHELLS = ("sh", "bash", "dash", "ash", "zsh", "busybox")
_SERVERS = (
    *("java", "node", "php", "php-fpm", "nginx", "httpd", "apache2", "redis-server", "postgres", "mysqld", "mongod"),
    *("python", "python3", "gunicorn", "uwsgi", "ruby", "puma"),
)
_OPEN_FOLDERS = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - words to look for
_DOWNLOADS = ("curl ", "wget ")
_DOWNLOADERS = ("curl", "wget", "busybox", "python", "python3", "perl", *_SHELLS[:5])


def _command(*words: str) -> Clause:
    return Clause("command", words)


BEHAVIOURS = (
    Behaviour(
        ("T1059.004",),
        "A server program starts a shell that downloads, decodes or connects back",
        (
            Clause("parent", _SERVERS),
            Clause("name", _SHELLS),
            _command(*_DOWNLOADS, "base64 -d", "base64 --decode", "/dev/tcp/", "/dev/udp/", "mkfifo "),
        ),
        "entrypoint scripts that fetch their configuration",
    ),
    Behaviour(
        ("T1105",),
        "A shell downloads and runs at once, or downloads into a folder that all may write to",
        (
            Clause("name", _SHELLS),
            _command(*_DOWNLOADS),
            _command("| sh", "|sh", "| bash", "|bash", *_OPEN_FOLDERS),
        ),
        "images that install tools when they start",
    ),
    Behaviour(
        ("T1027", "T1140"),
        "A shell runs what it has just decoded",
        (
            Clause("name", _SHELLS),
            _command("base64 -d", "base64 --decode", "openssl enc -d", "xxd -r"),
            _command("| sh", "|sh", "| bash", "|bash", "eval "),
        ),
        "wrappers of continuous integration",
    ),
    Behaviour(
        ("T1610",),
        "A process in a container asks a Docker daemon for another container",
        (
            _command("/containers/create", "docker run ", "docker create ", "docker -H "),
            _command("docker.sock", ":2375", ":2376", "--privileged", "--pid=host", "--pid host", "-v /:/"),
        ),
        "build runners with Docker inside Docker",
        inside_only=True,
    ),
    Behaviour(
        ("T1609",),
        "A process in a container runs commands in another one",
        (
            _command("kubectl exec ", "docker exec ", "crictl exec ", "ctr task exec "),
            _command(" sh", " bash", "/sh", "/bash"),
        ),
        "operators that administer databases",
        inside_only=True,
    ),
    Behaviour(
        ("T1611",),
        "A process in a container reaches for the host",
        (
            _command(
                *("release_agent", "/proc/sys/kernel/core_pattern", "/proc/1/root", "chroot /host", "chroot /mnt"),
                *("nsenter -t 1", "nsenter --target 1", "nsenter --target=1", "nsenter -t1", "nsenter -m"),
            ),
        ),
        "node agents that are made to do so (storage drivers, kured)",
    ),
    Behaviour(
        ("T1496", "T1496.001"),
        "A cryptocurrency miner's command line",
        (
            _command(
                *(
                    "stratum+tcp://",
                    "stratum+ssl://",
                    "stratum2+tcp://",
                    "--donate-level",
                    "--randomx",
                    "--coin=monero",
                ),
                *("--nicehash", "--cpu-max-threads-hint", "--rig-id"),
            ),
        ),
        "nothing that belongs into a container of yours",
    ),
    Behaviour(
        ("T1053.003",),
        "A process in a container plants a cron job that downloads, decodes or runs from a temporary folder",
        (
            _command("/etc/cron", "/var/spool/cron", "crontab -"),
            _command(*_DOWNLOADS, "base64", *_OPEN_FOLDERS),
        ),
        "images whose job is cron",
    ),
    Behaviour(
        ("T1552.005",),
        "A command line tool asks the cloud's metadata service for credentials",
        (
            Clause("name", _DOWNLOADERS),
            _command("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "metadata.google.internal"),
            _command("security-credentials", "/v2/credentials", "/service-accounts/", "/identity/oauth2/token"),
        ),
        "start scripts that fetch a token by hand",
    ),
    Behaviour(
        ("T1552.007", "T1528"),
        "A command line tool reads the pod's service account token",
        (
            Clause("name", ("cat", "cp", "base64", *_DOWNLOADERS)),
            _command("/run/secrets/kubernetes.io/serviceaccount/token"),
        ),
        "scripts that call the API server with curl",
    ),
    Behaviour(
        ("T1098.004",),
        "A process in a container adds an SSH key",
        (_command("authorized_keys"), _command("echo ", "tee ", "ssh-rsa", "ssh-ed25519", *_DOWNLOADS)),
        "images with an SSH server whose start script writes the keys",
        inside_only=True,
    ),
    Behaviour(
        ("T1574.006",),
        "A process in a container changes what every program loads first",
        (_command("/etc/ld.so.preload"),),
        "a few allocators and profilers",
    ),
    Behaviour(
        ("T1547.006",),
        "A process in a container loads a kernel module",
        (Clause("name", ("insmod", "modprobe", "kmod")), _command(".ko", "insmod ", "modprobe ")),
        "network and storage plugins",
        inside_only=True,
    ),
    Behaviour(
        ("T1562.001", "T1562.004"),
        "A process in a container switches defences off",
        (
            _command(
                *(
                    "setenforce 0",
                    "iptables -F",
                    "ufw disable",
                    "systemctl stop apparmor",
                    "systemctl disable apparmor",
                ),
                *("aliyun.one", "aegis", "cloudmonitor", "kill falco", "pkill falco"),
            ),
        ),
        "network plugins that rewrite iptables",
        inside_only=True,
    ),
    Behaviour(
        ("T1070.003",),
        "A shell in a container forgets its history",
        (_command("unset HISTFILE", "HISTFILE=/dev/null", "HISTSIZE=0", "history -c"),),
        "few",
    ),
    Behaviour(
        ("T1046", "T1595.001"),
        "A scanner of ports runs in a container",
        (Clause("name", ("masscan", "zmap", "pnscan", "zgrab", "zgrab2", "rustscan", "nmap")),),
        "security teams",
        inside_only=True,
    ),
)


def behaviours_for(techniques: Iterable[Technique]) -> tuple[Behaviour, ...]:
    """The rows for techniques that the article tells of, in the table's order; without evidence there is none."""
    told = {technique.id for technique in techniques if technique.evidence.strip()}
    return tuple(behaviour for behaviour in BEHAVIOURS if told & set(behaviour.techniques))
