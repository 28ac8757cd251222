"""What the blocking client has to itself: signals, forks, the end of the program, a loop in a coroutine; the package.

What both clients do alike is in ``test_conformance``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading

import pytest
import support
from support import CHAT, DONE, HEAD, LAST_CHUNK, LINE, SOON, Server, answer, chunk, line, run_python

from ollama_stream import Client, StreamClosed
from ollama_stream._dial import make_socket


def chat(server):
    return Client(server.url).chat(stream=True, **CHAT)


def test_a_socket_is_kept_alive_fault_169():
    with make_socket(socket.AF_INET) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_program_may_end_with_an_open_stream_fault_192():
    program = (
        "import ollama_stream\n"
        "stream = ollama_stream.chat('m', [], stream=True)\n"
        "print(next(stream).message.content)\n"
    )  # fmt: skip
    with Server(answer(HEAD, chunk(LINE))) as server:
        end = run_python("-c", program, OLLAMA_HOST=server.url)
        assert server.peer().gone.wait(SOON)
    assert (end.stdout, end.stderr, end.returncode) == ("Hi\n", "", 0)


FORKING = """
import os, sys, ollama_stream
stream = ollama_stream.chat("m", [], stream=True)
next(stream)
child = os.fork()
if not child:
    stream.close()
    os._exit(0)
os.waitpid(child, 0)
print("the child has closed", flush=True)
print(stream.result().text)
"""


def test_a_child_process_that_closes_does_not_end_the_stream_of_its_parent_fault_193():
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    more = threading.Event()
    with Server(answer(HEAD, chunk(LINE), more, chunk(line("!")), chunk(DONE))) as server:
        with subprocess.Popen(
            [sys.executable, "-c", FORKING], env=support.environment(OLLAMA_HOST=server.url),
            stdout=subprocess.PIPE, universal_newlines=True,
        ) as process:  # fmt: skip
            first = process.stdout.readline()
            more.set()
            rest = process.stdout.read()
    assert (first, rest, process.returncode) == ("the child has closed\n", "Hi!\n", 0)


# --- in a coroutine ---------------------------------------------------------------------------------------------------


async def texts(stream):
    return [record.text async for record in stream]


def test_a_stream_that_is_open_cannot_be_read_by_a_coroutine_and_goes_on():
    with Server(answer(HEAD, chunk(LINE), chunk(DONE), LAST_CHUNK)) as server:
        with chat(server) as stream:
            with pytest.raises(StreamClosed) as raised:
                asyncio.run(texts(stream))
            assert [record.text for record in stream] == ["Hi", ""]
    assert str(raised.value) == "the stream was opened by a blocking call: read it with for, or use AsyncClient"


def test_a_stream_that_a_coroutine_has_read_can_be_read_by_nobody_else():
    with Server(answer(HEAD, chunk(LINE), chunk(DONE), LAST_CHUNK)) as server:
        stream = chat(server)
        assert asyncio.run(texts(stream)) == ["Hi", ""]
        for read in (list, lambda stream: asyncio.run(texts(stream))):
            with pytest.raises(StreamClosed) as raised:
                read(stream)
            assert str(raised.value) == "the stream has been read by another loop; call again for a new one"
        assert stream.result().text == "Hi"


# --- the package ------------------------------------------------------------------------------------------------------


def seconds_of(statement):
    program = "import time; start = time.process_time(); %s; print(time.process_time() - start)" % statement
    end = run_python("-c", program)
    assert end.stderr == ""
    return float(end.stdout)


def test_importing_the_package_costs_no_more_than_twice_what_json_and_dataclasses_cost():
    pairs = [(seconds_of("import ollama_stream"), seconds_of("import json, dataclasses")) for _ in range(3)]
    ours, theirs = (min(column) for column in zip(*pairs))  # of the processor's time; more is the machine's
    assert ours < 2 * theirs


def test_a_copy_of_the_folder_in_another_package_streams(tmp_path):
    vendored = tmp_path / "app" / "_vendor" / "renamed"
    source = os.path.join(support.ROOT, "ollama_stream")
    shutil.copytree(source, str(vendored), ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import sys\n"
        "from app._vendor.renamed import Client\n"
        "from app._vendor.renamed.transports import Replaying\n"
        "client = Client(transport=Replaying(sys.argv[1], level='any'))\n"
        "for part in client.chat('m', [], stream=True): print(part['message']['content'], end='')\n"
        "assert 'ollama_stream' not in sys.modules\n"
    )
    recorded = os.path.join(support.ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-one-word.exchange.jsonl")
    end = run_python("-c", program, recorded, PYTHONPATH=str(tmp_path))
    assert (end.stderr, end.returncode) == ("", 0)
    assert end.stdout == "Hello"


@support.lets_go_at_once
def test_leaving_a_loop_over_texts_that_have_a_name_closes_the_connection():
    with Server(answer(HEAD, chunk(LINE))) as server:
        texts = Client(server.url).stream_chat("m", "hi")
        for text in texts:
            break
        assert (text, server.peer().gone.wait(SOON)) == ("Hi", True)
        with pytest.raises(StreamClosed):
            next(iter(texts))


def test_texts_can_be_taken_one_by_one_and_closed():
    with Server(answer(HEAD, chunk(LINE), chunk(line("")), chunk(line("!")))) as server:
        texts = Client(server.url).stream_chat("m", "hi")
        assert [next(texts), next(texts)] == ["Hi", "!"]
        texts.close()
        assert server.peer().gone.wait(SOON)
