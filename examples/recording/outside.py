"""Answers, inside the recording's private network, for the hosts that the two containers talk to.

Usage: outside.py FILES ADDR:PORT... GET gives the file below FILES or 404, POST gives a fixed JSON answer.
"""

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Outside(SimpleHTTPRequestHandler):
    """Serves files, and accepts any POST as a mining pool or a web hook would."""

    def do_POST(self) -> None:
        """Read the body and answer 200."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = b'{"status":"OK"}\n'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing: what the sensors saw is the record."""


def main(files: str, listen: list[str]) -> None:
    """Serve on every address until the process is ended."""
    threads = []
    for place in listen:
        address, _, port = place.rpartition(":")
        server = ThreadingHTTPServer((address, int(port)), partial(Outside, directory=files))
        threads.append(threading.Thread(target=server.serve_forever))
        threads[-1].start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
