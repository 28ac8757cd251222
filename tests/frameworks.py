"""Prints how the own tests of other people's packages end, with the official client and with ours in its place.

    python3 tests/frameworks.py NAME=PYTHON=TESTS...

PYTHON is that of an environment in which the package, the official client and pytest are installed, TESTS a file or a
folder of the package's tests. Both runs are the same but for ``-m ollama_stream.dropin``. Tests that replay cassettes of
vcrpy, which knows the sockets of some HTTP clients only, are answered from them by a server (this file is a plugin of
pytest too, in those runs).
"""

import http.server
import os
import re
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 900  # seconds for one run
OUTCOME = re.compile(r"(\d+) (passed|failed|error|skipped)")


def main(rows):
    if not rows:
        sys.exit(__doc__)
    print("%-22s %9s %9s   with ours alone" % ("", "official", "ours"))
    for row in rows:
        name, python, tests = row.split("=", 2)
        theirs, ours = run(python, [], tests), run(python, ["-m", "ollama_stream.dropin"], tests)
        worse = sorted(ours.failed - theirs.failed)
        print("%-22s %9s %9s   %s" % (name, theirs, ours, "; ".join(worse) or "-"), flush=True)


class Run:
    """How a run of pytest ended: how many tests passed of those that ran, and which failed."""

    def __init__(self, output):
        self.failed = set(re.findall(r"^(?:FAILED|ERROR) (?:\S*/)?(\S+)", output, re.M))
        counts = {word: int(number) for number, word in OUTCOME.findall(output.strip().rpartition("\n")[2])}
        self.passed = counts.get("passed", 0)
        self.ran = self.passed + counts.get("failed", 0) + counts.get("error", 0)

    def __str__(self):
        return "%d/%d" % (self.passed, self.ran)


def run(python, before, tests):
    paths = [ROOT, os.path.dirname(os.path.abspath(__file__))]
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), PYTHONDONTWRITEBYTECODE="1")
    command = [python, *before, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider",
               "--confcutdir", os.path.abspath(os.sep), "-o", "asyncio_mode=auto", os.path.abspath(tests)]  # fmt: skip
    if os.path.isdir(os.path.join(tests, "cassettes")):
        command += ["--disable-recording", "-p", "frameworks"]
    done = subprocess.run(command, cwd=folder_of(tests), env=environ, stdin=subprocess.DEVNULL, timeout=LIMIT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    output = done.stdout.decode("utf-8", "replace")
    if os.environ.get("FRAMEWORKS_VERBOSE"):
        print(output)
    return Run(output)


def folder_of(tests):
    return tests if os.path.isdir(tests) else os.path.dirname(tests)


# --- cassettes --------------------------------------------------------------------------------------------------------


class Player(http.server.BaseHTTPRequestHandler):
    """Answers as the cassette of the test that runs."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = next((r for path, r in self.server.left if path == self.path), None)
        if response is None:
            return self.send_error(501, "not in the cassette: " + self.path)
        self.server.left.remove((self.path, response))
        body = response["body"]["string"]
        body = body if isinstance(body, bytes) else body.encode("utf-8")
        self.send_response(response["status"]["code"])
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = do_POST

    def log_message(self, *arguments):
        pass


def pytest_load_initial_conftests(early_config):
    server = early_config.cassette_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Player)
    server.left = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["OLLAMA_HOST"] = "127.0.0.1:%d" % server.server_port


def pytest_runtest_setup(item):
    import yaml

    path = item.path.parent / "cassettes" / item.path.stem / (item.name + ".yaml")
    item.config.cassette_server.left[:] = []
    if item.get_closest_marker("vcr") and path.exists():
        recorded = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
        answers = [("/" + one["request"]["uri"].split("/", 3)[3], one["response"]) for one in recorded]
        item.config.cassette_server.left[:] = answers


if __name__ == "__main__":
    main(sys.argv[1:])
