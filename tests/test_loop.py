"""No coroutine of the client keeps its loop waiting: files are opened, read and looked at in other threads (fault 266).

A watcher notes what the thread of the loop asks of the file system, by the audit events of the interpreter and by patched
functions that have none.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import sys
import threading

import pytest
from proxies import Tls, cert
from support import CHAT, GOOD, Server, answer, asked_at_once, line, response

from ollama_stream import AsyncClient, Client, Image, Message, RequestError
from ollama_stream import _default

WATCHED = []  # (thread, what it has done) while a test watches; an audit hook stays for ever
SEEN = {"open", "os.listdir", "os.scandir", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen"}


def note(event, args):
    for thread, done in WATCHED:
        is_source = event == "open" and str(args[0]).endswith((".py", ".pyc", "__pycache__"))
        if event in SEEN and not is_source and threading.get_ident() == thread:
            done.append("%s %r" % (event, args[:1]))


sys.addaudithook(note)


@pytest.fixture
def watching(monkeypatch):
    """Runs a coroutine; returns what its thread did that waits for a disk or for a resolver."""

    def run(main):
        done = []

        def noting(name, function):
            def noted(*args, **options):
                if WATCHED and threading.get_ident() == thread:
                    done.append(name)
                return function(*args, **options)

            return noted

        thread = threading.get_ident()
        monkeypatch.setattr(os, "stat", noting("os.stat", os.stat))
        monkeypatch.setattr(ssl, "create_default_context", noting("ssl", ssl.create_default_context))

        async def watched():
            WATCHED.append((thread, done))
            try:
                return await main()
            finally:
                WATCHED.clear()

        asyncio.run(watched())
        return done

    return run


def test_the_watcher_sees(watching, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")

    async def main():
        path.read_bytes()
        os.stat(str(path))
        socket.getaddrinfo("127.0.0.1", 1)

    assert len(watching(main)) >= 3


IMAGE = b"\x89PNG\r\n"
WHOLE = response("200 OK", line("Hi", True))


async def plain(url, folder):
    await AsyncClient(url).chat(**CHAT)


async def resolved(url, folder):
    await AsyncClient(url.replace("127.0.0.1", "localhost")).chat(**CHAT)


async def streamed(url, folder):
    async for _ in AsyncClient(url).chat(stream=True, **CHAT):
        pass


async def uploaded(url, folder):
    await AsyncClient(url).create_blob(folder / "image.png")


async def listed(url, folder):
    await AsyncClient(url).request("GET", "/api/tags")


async def with_an_image(url, folder):
    message = {"role": "user", "content": "x", "images": [folder / "image.png"]}
    await AsyncClient(url).chat("m", [message])


async def with_an_image_by_name(url, folder):
    message = {"role": "user", "content": "x", "images": [str(folder / "image.png")]}
    await AsyncClient(url).chat("m", [message])


async def with_an_image_in_a_stream(url, folder):
    message = {"role": "user", "content": "x", "images": [folder / "image.png"]}
    async for _ in AsyncClient(url).chat("m", [message], stream=True):
        pass


async def with_an_image_in_a_record(url, folder):
    await AsyncClient(url).chat("m", [Message(role="user", content="x", images=[folder / "image.png"])])


async def with_an_image_object_in_a_record(url, folder):
    await AsyncClient(url).chat("m", [Message(role="user", content="x", images=[Image(value=folder / "image.png")])])


CALLS = [
    plain, resolved, streamed, uploaded, listed, with_an_image, with_an_image_by_name, with_an_image_in_a_stream,
    with_an_image_in_a_record, with_an_image_object_in_a_record,
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "266-" + call.__name__)
def test_a_coroutine_waits_for_no_file(watching, tmp_path, call):
    (tmp_path / "image.png").write_bytes(IMAGE)
    with Server(answer(WHOLE)) as server:
        assert watching(lambda: call(server.url, tmp_path)) == []
        if "image" in call.__name__:
            assert base64.b64encode(IMAGE) in server.peer().request_body


def test_an_image_that_is_not_there_is_an_error_of_the_await_and_all_else_of_the_call(tmp_path):
    message = {"role": "user", "content": "x", "images": [tmp_path / "no.png"]}
    with pytest.raises(RequestError, match=r"^messages\[0\].role: "):
        AsyncClient().chat("m", [dict(message, role="")])
    with pytest.raises(RequestError, match=r"^messages\[0\].images\[0\]: cannot be read: "):
        asyncio.run(AsyncClient().chat("m", [message]))


def test_messages_are_sent_as_they_were_at_the_call(tmp_path):
    (tmp_path / "image.png").write_bytes(IMAGE)
    messages = [{"role": "user", "content": "before", "images": [tmp_path / "image.png"]}]

    async def main(url):
        stream = AsyncClient(url).chat("m", messages, stream=True)
        messages[0]["content"] = "after"
        messages.append({"role": "user", "content": "later"})
        async for _ in stream:
            pass

    with Server(answer(GOOD)) as server:
        asyncio.run(main(server.url))
        assert [m["content"] for m in json.loads(server.peer().request_body)["messages"]] == ["before"]


@pytest.mark.parametrize("verify", [True, cert("ca.pem"), False], ids=str)
def test_a_coroutine_does_not_wait_for_certificates(watching, monkeypatch, verify):
    monkeypatch.setenv("SSL_CERT_FILE", cert("ca.pem"))
    with Server([Tls(), *answer(GOOD)]) as server:
        client = AsyncClient("https://localhost:%d" % server.port, verify=verify)

        async def main():
            await client.chat(**CHAT)

        assert watching(main) == []


def test_many_threads_that_use_it_first_share_one_default_client_fault_268(monkeypatch):
    class Slow(Client):
        def __init__(self):
            super().__init__()
            made.append(self)
            threading.Event().wait(0.01)

    made = []
    monkeypatch.setattr(_default, "Client", Slow)
    monkeypatch.setattr(_default, "_made", None)
    clients = asked_at_once(_default.default_client)
    assert len(set(map(id, clients))) == len(made) == 1
