"""What frameworks do to a client and its streams, each with the framework where it is installed.

What they need of us is tested without them elsewhere: ``iter(stream)`` before a loop, types that resolve, coroutine
functions that look like ones, a fork after the first use. Nothing here is needed to run the suite.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from support import (
    CHAT, GOOD, HEAD, LINE, PATIENCE, ROOT, Server, answer, chunk, closed_port, environment, run_python,
)  # fmt: skip

import ollama_stream as ollama

pytestmark = pytest.mark.filterwarnings("ignore")  # of the frameworks, which leave loops and sockets open


@pytest.fixture
def url():
    with Server(answer(GOOD) * 20) as server:
        yield server.url


def test_a_page_of_wsgi_stops_the_model_when_its_reader_goes():
    def send_until_it_goes(peer):
        while True:  # ends with an OSError, as soon as the connection is closed
            peer.send(chunk(LINE))

    def page(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        for text in ollama.Client(model.url).stream_chat("m", "hi"):
            yield text.encode()

    web = make_server("127.0.0.1", 0, page, handler_class=Quiet)
    with Server(answer(HEAD, send_until_it_goes)) as model, web:
        serving = threading.Thread(target=web.handle_request)
        serving.start()
        with socket.create_connection(("127.0.0.1", web.server_port)) as reader:
            reader.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert reader.recv(100)
        assert model.peer().gone.wait(PATIENCE)
        serving.join(PATIENCE)
        assert not serving.is_alive()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def test_fastapi_streams_and_models(url):
    pytest.importorskip("httpx")
    fastapi = pytest.importorskip("fastapi")
    from fastapi.responses import StreamingResponse
    from fastapi.testclient import TestClient

    app = fastapi.FastAPI()
    app.get("/async")(lambda: StreamingResponse(ollama.AsyncClient(url).stream_chat("m", "hi")))
    app.get("/sync")(lambda: StreamingResponse(ollama.Client(url).stream_chat("m", "hi")))
    app.get("/list", response_model=ollama.ListResponse)(lambda: ollama.ListResponse(models=[]))
    app.get("/chat", response_model=ollama.ChatResponse)(lambda: ollama.Client(url).chat(**CHAT))
    client = TestClient(app)
    assert [client.get(path).text for path in ("/async", "/sync")] == ["Hi", "Hi"]
    assert client.get("/list").json() == {"models": []}
    assert client.get("/chat").json()["message"]["content"] == "Hi"


def test_a_record_is_a_field_of_a_pydantic_model(url):
    pydantic = pytest.importorskip("pydantic", minversion="2.0")
    fields = {"message": (ollama.Message, ...), "whole": (ollama.ChatResponse, ...)}
    whole = ollama.Client(url).chat(**CHAT)
    model = pydantic.create_model("Model", **fields)(message=whole.message, whole=whole)
    assert model.whole is whole or model.whole == whole
    assert model.model_dump()["message"]["content"] == "Hi"


def test_streamlit_writes_a_stream(url):
    pytest.importorskip("streamlit")
    from streamlit.testing.v1 import AppTest

    program = "import ollama_stream as ollama, streamlit\nstreamlit.write_stream(%s)"
    awaited = "async def texts():\n    async for text in ollama.AsyncClient(%r).stream_chat('m', 'hi'): yield text\n" % url
    for before, stream in (("", "ollama.Client(%r).stream_chat('m', 'hi')" % url), (awaited, "texts")):
        app = AppTest.from_string((program % stream).replace("\n", "\n" + before, 1), default_timeout=60)
        app.run()
        assert ([text.value for text in app.markdown], list(app.exception)) == (["Hi"], [])


def test_gradio_shows_a_stream(url):
    gradio = pytest.importorskip("gradio")
    gradio_client = pytest.importorskip("gradio_client")

    def reply(message, history):
        yield from ollama.Client(url).stream_chat("m", message)

    async def areply(message, history):
        async for text in ollama.AsyncClient(url).stream_chat("m", message):
            yield text

    for function in (reply, areply):
        face = gradio.ChatInterface(function, api_name="chat")
        face.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
        try:
            assert gradio_client.Client(face.local_url, verbose=False).predict("hi", api_name="/chat") == "Hi"
        finally:
            face.close()


CELL = """
import sys; sys.path.insert(0, %r)
import ollama_stream as ollama
print(ollama.Client(%r).chat("m", []).text)
print((await ollama.AsyncClient(%r).chat("m", [])).text)
async for text in ollama.AsyncClient(%r).stream_chat("m", "x"): print(text)
for text in ollama.Client(%r).stream_chat("m", "x"): print(text)
"""


def test_a_notebook_runs_both_clients_in_its_running_loop(url):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL % ((ROOT,) + (url,) * 4))])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    assert "".join(output.text for output in book.cells[0].outputs) == "Hi\n" * 4


GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent, socket, sys
import ollama_stream as ollama
client = ollama.Client(sys.argv[1])
jobs = [gevent.spawn(lambda: "".join(client.stream_chat("m", "x"))) for _ in range(3)]
gevent.joinall(jobs)
print([job.value for job in jobs], client.chat("m", []).text)
with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    silent.listen(8)
    client = ollama.Client("127.0.0.1:%d" % silent.getsockname()[1], timeout=None)
    try:
        with gevent.Timeout(0.1): client.chat("m", [])
    except gevent.Timeout: print("gevent's time-out")
    try:
        with gevent.Timeout(0.1, OSError("mine")): client.chat("m", [])
    except OSError as error: print(error)
    try: client.chat("m", [], timeout=0.1)
    except ollama.OllamaTimeout as error: print(error.clock)
"""


def test_gevent_waits_in_the_blocking_client(url):
    pytest.importorskip("gevent")
    end = run_python("-W", "ignore", "-c", GEVENT, url)
    assert (end.stdout, end.stderr) == ("['Hi', 'Hi', 'Hi'] Hi\ngevent's time-out\nmine\nfirst_byte\n", "")


def test_uvloop_runs_the_other_client(url):
    uvloop = pytest.importorskip("uvloop")

    async def main(silent):
        client = ollama.AsyncClient(url)
        texts = [text async for text in client.stream_chat("m", "x")]
        with pytest.raises(ollama.OllamaTimeout):
            await ollama.AsyncClient(silent, timeout=0.1).chat(**CHAT)
        with pytest.raises(ollama.ConnectError, match="connection refused"):
            await ollama.AsyncClient("127.0.0.1:%d" % closed_port()).chat(**CHAT)
        call = asyncio.ensure_future(ollama.AsyncClient(silent).chat(**CHAT))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return texts, (await client.chat(**CHAT)).text

    loop = uvloop.new_event_loop()
    try:
        with Server(answer(HEAD, chunk(LINE))) as silent:
            assert loop.run_until_complete(main(silent.url)) == (["Hi"], "Hi")
    finally:
        loop.close()


def test_anyio_has_its_scopes_and_trio_is_told_what_is_needed(url):
    anyio = pytest.importorskip("anyio")

    async def main(silent):
        with anyio.move_on_after(0.05) as scope:
            await ollama.AsyncClient(silent).chat(**CHAT)
        return scope.cancel_called, (await ollama.AsyncClient(url).chat(**CHAT)).text

    with Server(answer()) as silent:
        assert anyio.run(main, silent.url) == (True, "Hi")
    pytest.importorskip("trio")
    rested = ollama.AsyncClient(url)
    asyncio.run(rested.chat(**CHAT))
    for call in (ollama.AsyncClient(url).list, rested.list, rested.ping):
        with pytest.raises(ollama.RequestError, match="needs a running loop of asyncio"):
            anyio.run(call, backend="trio")


def test_tenacity_tries_again():
    tenacity = pytest.importorskip("tenacity")
    client, calls = ollama.Client("127.0.0.1:%d" % closed_port()), []

    @tenacity.retry(
        stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none(),
        retry=tenacity.retry_if_exception_type(ConnectionError), reraise=True,
    )  # fmt: skip
    def chat():
        calls.append(1)
        return client.chat(**CHAT)

    with pytest.raises(ollama.ConnectError):
        chat()
    assert len(calls) == 3


GUNICORN = """
import os, ollama_stream as ollama
client = ollama.Client()
first = client.chat("m", []).text
def app(environ, start_response):
    text = " ".join([first, client.chat("m", []).text, ollama.chat("m", []).text])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""


def test_gunicorn_forks_after_the_first_use(url, tmp_path):
    pytest.importorskip("gunicorn")
    (tmp_path / "forked.py").write_text(GUNICORN)
    port = closed_port()
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "gunicorn", "--preload", "-w", "2", "-b", "127.0.0.1:%d" % port, "forked:app"],
        cwd=str(tmp_path), env=environment(OLLAMA_HOST=url, PYTHONPATH=os.pathsep.join([ROOT, str(tmp_path)])),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert [read(port) for _ in range(4)] == [b"Hi Hi Hi"] * 4
    finally:
        server.terminate()
        server.wait()


def read(port):
    for _ in range(300):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=30) as page:
                return page.read()
        except OSError:
            time.sleep(0.1)  # it has not begun to listen yet
    return b"no answer"


PROGRAM = """
import asyncio, sys
import ollama_stream as ollama
def now() -> str:
    return "now"
async def main(client):
    texts = [text async for text in client.stream_chat("m", "x")]
    return texts, (await client.chat("m", [])).text, (await client.run_tools("m", "x", [now]).result()).text
client = ollama.Client(sys.argv[1])
print(list(client.stream_chat("m", "x")), client.chat("m", []).text, client.run_tools("m", "x", [now]).result().text)
print(*asyncio.run(main(ollama.AsyncClient(sys.argv[1]))))
try: ollama.Client("https://127.0.0.1:1").list()
except ollama.ConnectError: print(ollama.ListResponse.__name__)
"""
FREEZERS = {  # module: its arguments, and where the program is then
    "PyInstaller": (["--onedir", "--noconfirm", "--paths", ROOT], ["dist", "frozen", "frozen"]),
    "nuitka": (["--standalone", "--assume-yes-for-downloads"], ["frozen.dist", "frozen.bin"]),
}


@pytest.mark.parametrize("freezer", list(FREEZERS))
def test_a_frozen_program_has_what_is_loaded_late_fault_283(url, tmp_path, freezer):
    pytest.importorskip(freezer)
    if not os.environ.get("OLLAMA_STREAM_SEEDS"):
        pytest.skip("minutes long; OLLAMA_STREAM_SEEDS=1 runs it")
    arguments, place = FREEZERS[freezer]
    (tmp_path / "frozen.py").write_text(PROGRAM)
    made = subprocess.run(
        [sys.executable, "-m", freezer, *arguments, "frozen.py"],
        cwd=str(tmp_path), env=environment(PYTHONWARNINGS="ignore"), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout.decode("utf-8", "replace")[-2000:]
    away = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    end = subprocess.run([str(tmp_path.joinpath(*place)), url], stdout=subprocess.PIPE, cwd=str(tmp_path), env=away, timeout=60)
    assert end.stdout.decode().splitlines() == ["['Hi'] Hi Hi", "['Hi'] Hi Hi", "ListResponse"]
