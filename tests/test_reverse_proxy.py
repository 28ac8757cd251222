"""Behind a reverse proxy an answer is the one that came without: a proxy of ours, and nginx and HAProxy where they are.

Proxies buffer or not, cut a body into other chunks, put their own pages in place of an answer, and speak TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time

import pytest
from proxies import CERTS, Reverse, Tls, cert
from support import CHAT, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, ROOT, SOON, Server, answer, chunk, closed_port, fin

from ollama_stream import (
    AsyncClient, Client, ConnectError, ConnectionLost, IncompleteStream, OllamaError, ResponseError,
)  # fmt: skip
from ollama_stream._address import Unset
from ollama_stream.fixture import load
from ollama_stream.replay import serve

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")

NAMES = [
    "ollama-0.24.0/chat-stream",
    "ollama-0.24.0/chat-model-not-found",
    "ollama-0.24.0/chat-runner-killed",
    "ollama-0.24.0/generate-stream",
    "ollama-0.32.15/chat-joke-stream",
    "ollama-0.32.15/chat-tool-call",
    "ollama-0.32.15/chat-unicode",
    "ollama-0.32.15/embed",
    "ollama-0.32.15/error-busy",
    "ollama-0.32.15/error-empty-body",
    "ollama-0.32.15/error-no-done",
    "ollama-0.32.15/pull",
]
CUT = "ollama-0.24.0/chat-server-killed"


def recorded(name):
    return load(os.path.join(RECORDINGS, *name.split("/")) + ".exchange.jsonl")


# --- both colours -----------------------------------------------------------------------------------------------------


def judged(records, error):
    """What a call gave, as values that can be compared."""
    if isinstance(error, ResponseError):
        return records, (ResponseError, error.error, error.status_code)
    if isinstance(error, (ConnectionLost, IncompleteStream)):
        return records, (type(error), error.partial)
    return records, error and (type(error), str(error))


def made(client, request):
    """The recorded request, made again as a stream of dicts."""
    json = None if isinstance(request.json, Unset) else request.json
    return client.request(request.method, request.path, json, body=request.body, stream=True)


def outcome_sync(url, request, **settings):
    with Client(url, timeout=PATIENCE, **settings) as client:
        records = []
        try:
            for record in made(client, request):
                records.append(record)
        except OllamaError as error:
            return judged(records, error)
        return judged(records, None)


def outcome_async(url, request, **settings):
    async def main():
        async with AsyncClient(url, timeout=PATIENCE, **settings) as client:
            records = []
            try:
                async for record in made(client, request):
                    records.append(record)
            except OllamaError as error:
                return judged(records, error)
            return judged(records, None)

    return asyncio.run(main())


@pytest.fixture(params=[outcome_sync, outcome_async], ids=["sync", "async"])
def outcome(request):
    return request.param


CHAT_REQUEST = recorded("ollama-0.24.0/chat-stream").request


# --- a proxy of ours --------------------------------------------------------------------------------------------------

WAYS = [  # id, settings of the proxy
    ("as-it-comes", {}),
    ("chunked-anew", {"seed": 7}),
    ("buffered", {"buffered": True}),
]


@pytest.mark.each(4)
@pytest.mark.parametrize("settings", [row[1] for row in WAYS], ids=[row[0] for row in WAYS])
@pytest.mark.parametrize("name", NAMES)
def test_a_recording_comes_out_the_same(outcome, name, settings):
    fixture = recorded(name)
    with serve(fixture, level="any", repeat="all") as origin:
        with Server([Reverse(origin.port, **settings)]) as proxy:
            direct = outcome(origin.url, fixture.request)
            assert outcome(proxy.url, fixture.request) == direct
    assert direct[0] or direct[1]


def test_the_recordings_end_in_every_way():
    ends = set()
    for name in NAMES:
        fixture = recorded(name)
        with serve(fixture, level="any") as origin:
            _, error = outcome_sync(origin.url, fixture.request)
        ends.add(error and (error[0].__name__, error[2] if error[0] is ResponseError else ""))
    expected = {("ResponseError", 404), ("ResponseError", 503), ("ResponseError", -1), ("IncompleteStream", "")}
    assert ends == expected | {None}


@pytest.mark.parametrize("name", NAMES[:6])
def test_a_recording_comes_out_the_same_from_a_proxy_that_speaks_tls(outcome, name):
    fixture = recorded(name)
    with serve(fixture, level="any", repeat="all") as origin:
        with Server([Tls(), Reverse(origin.port, seed=3)]) as proxy:
            url = "https://localhost:%d" % proxy.port
            assert outcome(url, fixture.request, verify=cert("ca.pem")) == outcome(origin.url, fixture.request)


def test_a_cut_is_passed_on_by_a_proxy_that_does_not_buffer(outcome):
    fixture = recorded(CUT)
    with serve(fixture, level="any", repeat="all") as origin:
        with Server([Reverse(origin.port)]) as proxy:
            records, error = outcome(proxy.url, fixture.request)
            assert (records, error) == outcome(origin.url, fixture.request)
    assert error[0] is ConnectionLost and len(records) > 0


def test_an_answer_without_its_end_is_incomplete_behind_a_proxy_that_makes_the_cut_clean_fault_122(outcome):
    with Server(answer(HEAD, chunk(LINE), LAST_CHUNK)) as origin:
        with Server([Reverse(origin.port)]) as proxy:
            records, error = outcome(proxy.url, CHAT_REQUEST)
    assert len(records) == 1 and error[0] is IncompleteStream


def test_a_cut_is_a_page_of_a_proxy_that_buffers_fault_72(outcome):
    fixture = recorded(CUT)
    with serve(fixture, level="any") as origin, Server([Reverse(origin.port, buffered=True)]) as proxy:
        assert outcome(proxy.url, fixture.request) == ([], (ResponseError, "Bad Gateway", 502))


def test_a_server_that_is_not_there_is_a_page_fault_72(outcome):
    with Server([Reverse(closed_port())]) as proxy:
        assert outcome(proxy.url, CHAT_REQUEST) == ([], (ResponseError, "Bad Gateway", 502))


def test_a_silent_server_is_a_page_fault_72(outcome):
    with Server(answer()) as origin, Server([Reverse(origin.port, patience=0.1)]) as proxy:
        assert outcome(proxy.url, CHAT_REQUEST) == ([], (ResponseError, "Gateway Time-out", 504))


# --- nginx and HAProxy ------------------------------------------------------------------------------------------------

NGINX = """
daemon off; user %(user)s; worker_processes 1; pid %(folder)s/pid; error_log stderr crit;
events { worker_connections 64; }
http {
    access_log off; proxy_http_version 1.1; proxy_read_timeout %(patience)s; client_max_body_size 0;
    client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c;
    uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;
    ssl_certificate %(certs)s/localhost.pem; ssl_certificate_key %(certs)s/server.key;
    server {
        listen 127.0.0.1:%(plain)d; listen 127.0.0.1:%(tls)d ssl;
        location / { proxy_pass http://127.0.0.1:%(origin)d; proxy_buffering off; }
        location /buffered/ { proxy_pass http://127.0.0.1:%(origin)d/; proxy_buffering on; }
        location /private/ {
            auth_basic ollama; auth_basic_user_file %(folder)s/users;
            proxy_pass http://127.0.0.1:%(origin)d/; proxy_buffering off;
        }
    }
}
"""
HAPROXY = """
global
    maxconn 64
defaults
    mode http
    retries 0
    option abortonclose
    timeout connect 2s
    timeout client 10s
    timeout server %(patience)s
frontend plain
    bind 127.0.0.1:%(plain)d
    http-request replace-path /buffered/(.*) /\\1
    default_backend origin
frontend tls
    bind 127.0.0.1:%(tls)d ssl crt %(folder)s/both.pem
    default_backend origin
backend origin
    server origin 127.0.0.1:%(origin)d
"""
PROGRAMS = {"nginx": (NGINX, ["nginx", "-e", "stderr", "-c"]), "haproxy": (HAPROXY, ["haproxy", "-db", "-f"])}


class Running:
    """A proxy program before the server at a port, on two ports of its own."""

    def __init__(self, program, folder):
        self.program, self.folder = program, str(folder)
        self.plain, self.tls = closed_port(), closed_port()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.plain

    @contextlib.contextmanager
    def before(self, origin, patience="10s"):
        template, command = PROGRAMS[self.program]
        config = os.path.join(self.folder, "config")
        places = {"plain": self.plain, "tls": self.tls, "origin": origin, "folder": self.folder, "certs": CERTS}
        self._write("config", template % dict(places, user=getpass.getuser(), patience=patience))
        self._write("users", "user:{PLAIN}pw\n")
        with open(cert("localhost.pem")) as certificate, open(cert("server.key")) as key:
            self._write("both.pem", certificate.read() + key.read())
        process = subprocess.Popen([*command, config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self._wait(process)
            yield self
        finally:
            process.terminate()
            process.communicate()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def _wait(self, process):
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.communicate()[1].decode()
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.tls)) == 0:
                    return
            assert time.monotonic() < deadline, "%s does not listen" % self.program
            time.sleep(0.01)


@pytest.fixture(params=[
    pytest.param(program, marks=pytest.mark.skipif(not shutil.which(program), reason="no %s here" % program))
    for program in PROGRAMS
])  # fmt: skip
def program(request, tmp_path):
    return Running(request.param, tmp_path)


def test_recordings_come_out_the_same_from_a_real_proxy(program):
    fixtures = {name: recorded(name) for name in NAMES[::3]}
    for name, fixture in fixtures.items():
        with serve(fixture, level="any", repeat="all") as origin:
            direct = outcome_sync(origin.url, fixture.request)
            with program.before(origin.port):
                got = {}
                for prefix in ("", "/buffered"):
                    for outcome in (outcome_sync, outcome_async):
                        got[prefix, outcome.__name__] = outcome(program.url + prefix, fixture.request)
                for outcome in (outcome_sync, outcome_async):
                    url = "https://localhost:%d" % program.tls
                    got["TLS", outcome.__name__] = outcome(url, fixture.request, verify=cert("ca.pem"))
        assert got == {key: direct for key in got}, name


def test_a_record_comes_through_a_real_proxy_as_soon_as_it_is_sent_and_so_does_the_end(program):
    with Server(answer(HEAD, chunk(LINE))) as origin, program.before(origin.port):
        with Client(program.url).chat(stream=True, **CHAT) as stream:
            assert next(stream).message.content == "Hi"
            assert not origin.peer().gone.is_set()
        assert origin.peer().gone.wait(SOON)


def test_a_cut_behind_a_real_proxy_is_a_lost_connection(program, outcome):
    with Server(answer(HEAD, chunk(LINE), b"ff\r\n{", fin)) as origin, program.before(origin.port):
        records, error = outcome(program.url, CHAT_REQUEST)
    assert len(records) == 1 and error[0] is ConnectionLost


def test_a_server_that_a_real_proxy_cannot_reach_is_its_page(program, outcome):
    with program.before(closed_port()):
        records, error = outcome(program.url, CHAT_REQUEST)
    assert (records, error[0]) == ([], ResponseError)
    assert error[1:] in [("Bad Gateway", 502), ("Service Unavailable", 503)]


def test_a_server_that_a_real_proxy_has_waited_for_is_its_page(program, outcome):
    with Server(answer()) as origin, program.before(origin.port, "100ms"):
        assert outcome(program.url, CHAT_REQUEST) == ([], (ResponseError, "Gateway Time-out", 504))


def test_http_to_the_tls_port_of_a_real_proxy_is_an_error_fault_173(program, outcome):
    with Server(answer(GOOD)) as origin, program.before(origin.port):
        records, error = outcome("http://localhost:%d" % program.tls, CHAT_REQUEST)
        assert origin.peers == []
    page = (ResponseError, "The plain HTTP request was sent to HTTPS port", 400)
    assert records == [] and error[0] is ConnectionLost if program.program == "haproxy" else error == page


def test_https_to_the_plain_port_of_a_real_proxy_is_an_error_that_names_http_fault_173(program, outcome):
    with Server(answer(GOOD)) as origin, program.before(origin.port):
        url = "https://localhost:%d" % program.plain
        records, error = outcome(url, CHAT_REQUEST, verify=cert("ca.pem"))
        assert origin.peers == []
    assert (records, error[0]) == ([], ConnectError)
    assert "Write http:// in place of https://" in error[1]


def test_the_password_of_a_real_proxy_is_given_in_the_address(program, outcome):
    if program.program != "nginx":
        pytest.skip("the configuration of nginx alone asks for a password")
    with Server(answer(GOOD)) as origin, program.before(origin.port):
        assert outcome(program.url + "/private", CHAT_REQUEST) == ([], (ResponseError, "Authorization Required", 401))
        records, error = outcome("http://user:pw@127.0.0.1:%d/private" % program.plain, CHAT_REQUEST)
    assert (len(records), error) == (2, None)
