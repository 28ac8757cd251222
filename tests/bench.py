"""Prints the figures of the README: ``python3 tests/bench.py``. Medians over several runs, each beside its peer in the run.

What the records come from is a server in a process of its own on loopback, so that only the client's work is counted
(CPU seconds of this process).
"""

import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

RECORDS = 20000
RUNS = 7
LINE = (
    b'{"model":"llama3.2","created_at":"2026-11-22T21:36:43.399140778Z",'
    b'"message":{"role":"assistant","content":"Let"},"done":false}\n'
)
LAST = LINE.replace(b"false", b'true,"done_reason":"stop"')

SERVER = r"""
import socket, sys
line, last, records = sys.argv[1].encode(), sys.argv[2].encode(), int(sys.argv[3])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
chunk = b"%x\r\n%s\r\n" % (len(line), line)
end = b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last)
head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
while True:
    client, _ = server.accept()
    client.recv(65536)
    client.sendall(head + chunk * records + end)
    client.close()
"""


def stream_of(port):
    """CPU seconds a record of a stream in bulk, socket to dataclass."""
    import ollama_stream

    client = ollama_stream.Client("127.0.0.1:%d" % port)
    start, count = time.process_time(), 0
    for _record in client.chat("m", [{"role": "user", "content": "hi"}], stream=True):
        count += 1
    assert count == RECORDS + 1
    return (time.process_time() - start) / count


def loads_of_line():
    start, text = time.process_time(), LINE.decode()
    for _ in range(RECORDS):
        json.loads(text)
    return (time.process_time() - start) / RECORDS


def bulk():
    arguments = [sys.executable, "-c", SERVER, LINE.decode(), LAST.decode(), str(RECORDS)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as server:
        port = int(server.stdout.readline())
        stream_of(port)
        pairs = [(stream_of(port), loads_of_line()) for _ in range(RUNS)]
        server.kill()
    ours, peers = (statistics.median(column) * 1e6 for column in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    print("a streamed chat record, socket to dataclass: %.2f us CPU" % ours)
    print("  json.loads of its line:                    %.2f us; ratio %.2f (median of %d)" % (peers, ratio, RUNS))


def seconds(code):
    environ = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    start = time.perf_counter()
    subprocess.check_call([sys.executable, "-c", code], env=environ)
    return time.perf_counter() - start


def imports():
    codes = ["pass", "import json, dataclasses", "import ollama_stream", "from ollama_stream import Client, chat"]
    for code in codes:
        seconds(code)
    rounds = [[seconds(code) for code in codes] for _ in range(15)]
    bare, peer, ours, all_of_it = (statistics.median(column) for column in zip(*rounds))
    print("import json, dataclasses:                  %5.1f ms" % ((peer - bare) * 1e3))
    print("import ollama_stream:                      %5.1f ms" % ((ours - bare) * 1e3))
    print("from ollama_stream import Client, chat:    %5.1f ms" % ((all_of_it - bare) * 1e3))


if __name__ == "__main__":
    print("Python %d.%d.%d" % sys.version_info[:3])
    bulk()
    imports()
