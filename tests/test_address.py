"""Where to connect, through which proxy and with which credentials: tables of what a user may write.

The ids of HOSTS follow Ollama's own reading of OLLAMA_HOST, row by row; "departs" marks where ours is another.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import os
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support

from ollama_stream import _address
from ollama_stream._address import (
    HOST_FORMS,
    PROXY_FORMS,
    UNSET,
    Address,
    Proxy,
    check_header,
    choose_proxy,
    hint_at_port,
    parse_address,
    read_api_key,
    read_environment,
    redact_location,
)
from ollama_stream._errors import RequestError

SEEDS = support.seeds(20)
PASSWORD = "hunter2"


def basic(credentials):
    return "Basic " + base64.b64encode(credentials.encode("utf-8")).decode("ascii")


def table(rows):
    """Parameters out of (id, ...) rows; an empty table must not pass, nor one id stand for two rows."""
    ids = [row[0] for row in rows]
    assert rows and len(set(ids)) == len(ids)
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


# --- addresses ---

HOSTS = [  # id, value, url, what Host says
    ("unset", None, "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("empty", "", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("blanks", " \t\r\n ", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("empty in quotes", ' "" ', "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("IPv4", "1.2.3.4", "http://1.2.3.4:11434", "1.2.3.4:11434"),
    ("name", "example.com", "http://example.com:11434", "example.com:11434"),
    ("name and port", "example.com:1234", "http://example.com:1234", "example.com:1234"),
    ("fault_158 only a port", ":1234", "http://127.0.0.1:1234", "127.0.0.1:1234"),
    ("fault_158 :11434", ":11434", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("only a colon", ":", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("empty port", "host:", "http://host:11434", "host:11434"),
    ("empty port after a scheme", "http://host:", "http://host:80", "host"),
    ("highest port", "host:65535", "http://host:65535", "host:65535"),
    ("port with zeros", "host:00080", "http://host:80", "host"),
    ("bare number is a host", "11434", "http://11434:11434", "11434:11434"),
    ("small bare number", "1234", "http://1234:11434", "1234:11434"),
    ("IPv6 in brackets", "[::1]", "http://[::1]:11434", "[::1]:11434"),
    ("bare IPv6", "::1", "http://[::1]:11434", "[::1]:11434"),
    ("fault_158 IPv6 and port", "[::1]:1337", "http://[::1]:1337", "[::1]:1337"),
    ("bare IPv6 that ends like a port", "::1:1337", "http://[::1:1337]:11434", "[::1:1337]:11434"),
    ("IPv6 in upper case", "[FE80::A]:1", "http://[fe80::a]:1", "[fe80::a]:1"),
    ("IPv6 keeps port 80 in Host", "[::1]:80", "http://[::1]:80", "[::1]:80"),
    ("fault_158 bare zone", "fe80::1%eth0", "http://[fe80::1%25eth0]:11434", "[fe80::1]:11434"),
    ("fault_158 zone and port", "[fe80::1%eth0]:1", "http://[fe80::1%25eth0]:1", "[fe80::1]:1"),
    ("fault_158 departs: zone without port", "[fe80::1%eth0]", "http://[fe80::1%25eth0]:11434", "[fe80::1]:11434"),
    ("fault_158 zone in a URL", "http://[fe80::1%25eth0]:1", "http://[fe80::1%25eth0]:1", "[fe80::1]:1"),
    ("zone keeps its case", "fe80::A%Eth0.1", "http://[fe80::a%25Eth0.1]:11434", "[fe80::a]:11434"),
    ("zone 25", "fe80::1%25", "http://[fe80::1%2525]:11434", "[fe80::1]:11434"),
    ("fault_158 departs: any IPv4", "0.0.0.0", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("any IPv4 and port", "http://0.0.0.0:1", "http://127.0.0.1:1", "127.0.0.1:1"),
    ("fault_158 departs: any IPv6", "[::]", "http://[::1]:11434", "[::1]:11434"),
    ("any IPv6 in full", "[0:0:0:0:0:0:0:0]:1", "http://[::1]:1", "[::1]:1"),
    ("any IPv4 mapped", "::ffff:0.0.0.0", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("quotes and blanks", ' " 1.2.3.4 " ', "http://1.2.3.4:11434", "1.2.3.4:11434"),
    ("single quotes", "'1.2.3.4'", "http://1.2.3.4:11434", "1.2.3.4:11434"),
    ("last newline", "1.2.3.4\r\n", "http://1.2.3.4:11434", "1.2.3.4:11434"),
    ("http", "http://1.2.3.4", "http://1.2.3.4:80", "1.2.3.4"),
    ("fault_158 https", "https://1.2.3.4", "https://1.2.3.4:443", "1.2.3.4"),
    ("http and port", "http://h:4321", "http://h:4321", "h:4321"),
    ("https and port", "https://h:4321", "https://h:4321", "h:4321"),
    ("http on 443", "http://h:443", "http://h:443", "h:443"),
    ("https on 80", "https://h:80", "https://h:80", "h:80"),
    ("only http", "http://", "http://127.0.0.1:80", "127.0.0.1"),
    ("only https", "https://", "https://127.0.0.1:443", "127.0.0.1"),
    ("https IPv6", "https://[::1]", "https://[::1]:443", "[::1]:443"),
    ("path", "example.com/ollama", "http://example.com:11434/ollama", "example.com:11434"),
    ("fault_158 path and slash", "https://example.com/ollama/", "https://example.com:443/ollama", "example.com"),
    ("fault_158 slash", "example.com/", "http://example.com:11434", "example.com:11434"),
    ("fault_158 prefix", "host/prefix/", "http://host:11434/prefix", "host:11434"),
    ("fault_215 path is encoded", "h/\xfc/a^b", "http://h:11434/%C3%BC/a%5Eb", "h:11434"),
    ("encoded path is kept", "h/a%2fb%20c", "http://h:11434/a%2fb%20c", "h:11434"),
    ("signs in a path", "h/~a.b-c_d/!$&()*+,;=:", "http://h:11434/~a.b-c_d/!$&()*+,;=:", "h:11434"),
    ("quote in a path", "h/a'/", "http://h:11434/a%27", "h:11434"),
    ("dots in a path", "h/.well/..b/c...", "http://h:11434/.well/..b/c...", "h:11434"),
    ("departs: //host", "//host:1", "http://host:1", "host:1"),
    ("only //", "//", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("ollama.com", "ollama.com", "https://ollama.com:443", "ollama.com"),
    ("departs: ollama.com/", "ollama.com/", "https://ollama.com:443", "ollama.com"),
    ("departs: ollama.com:443", "ollama.com:443", "https://ollama.com:443", "ollama.com"),
    ("departs: OLLAMA.COM", "OLLAMA.COM", "https://ollama.com:443", "ollama.com"),
    ("departs: //ollama.com", "//ollama.com", "https://ollama.com:443", "ollama.com"),
    ("http://ollama.com", "http://ollama.com", "http://ollama.com:80", "ollama.com"),
    ("ollama.com:80", "ollama.com:80", "http://ollama.com:80", "ollama.com"),
    ("another host on 443", "example.com:443", "http://example.com:443", "example.com:443"),
    ("departs: HTTP", "HTTP://h", "http://h:80", "h"),
    ("departs: HTTPS", "HTTPS://H", "https://h:443", "h"),
    ("underscore", "my_ollama-1:1", "http://my_ollama-1:1", "my_ollama-1:1"),
    ("root dot", "Example.com.", "http://example.com.:11434", "example.com.:11434"),
    ("IDNA", "http://B\xfccher.example", "http://xn--bcher-kva.example:80", "xn--bcher-kva.example"),
    ("IDNA in upper case", "A.B\xdcCHER.C", "http://a.xn--bcher-kva.c:11434", "a.xn--bcher-kva.c:11434"),
    ("IDNA that becomes an IP", "\uff11\uff12\uff17.0.0.1", "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("longest label", "a" * 63, "http://%s:11434" % ("a" * 63), "a" * 63 + ":11434"),
    ("longest name", "a." * 126 + "a", "http://%s:11434" % ("a." * 126 + "a"), "a." * 126 + "a:11434"),
    ("departs: unix URL", "unix:///run/ollama.sock", "unix:///run/ollama.sock", "localhost"),
    ("departs: unix, one slash", "unix:/run/ollama.sock", "unix:///run/ollama.sock", "localhost"),
    ("departs: UNIX", "UNIX:///run/A.sock", "unix:///run/A.sock", "localhost"),
    ("departs: absolute path", "/path", "unix:///path", "localhost"),
    ("three slashes are one", "///path", "unix:///path", "localhost"),
    ("unix path is taken as it stands", "/a b/\xfc%20?#@:1", "unix:///a b/\xfc%20?#@:1", "localhost"),
    ("host called unix", "unix:8080", "http://unix:8080", "unix:8080"),
    ("empty user", "http://@host", "http://host:80", "host"),
]


@pytest.mark.parametrize("value, url, host_header", table(HOSTS))
def test_a_host_is_read_as(value, url, host_header):
    address = parse_address(value)
    assert (address.url, address.host_header, address.auth) == (url, host_header, None)


@pytest.mark.parametrize("value, url, host_header", table(HOSTS))
def test_the_url_of_an_address_is_read_as_the_same_address(value, url, host_header):
    address = parse_address(value)
    assert parse_address(url) == address._replace(source="host")


FIELDS = [  # id, value, address
    ("default", None, Address("http", "127.0.0.1", 11434, source="the default")),
    ("blank", " ", Address("http", "127.0.0.1", 11434, source="the default")),
    ("all", "https://u:p@H:1/x", Address("https", "h", 1, "/x", None, basic("u:p"), "OLLAMA_HOST")),
    ("zone", "[fe80::1%eth0]", Address("http", "fe80::1%eth0", 11434, source="OLLAMA_HOST")),
    ("unix", "/a.sock", Address("http", "localhost", 80, unix="/a.sock", source="OLLAMA_HOST")),
]


@pytest.mark.parametrize("value, address", table(FIELDS))
def test_an_address_has_all_its_fields(value, address):
    assert parse_address(value, "OLLAMA_HOST") == address


CREDENTIALS = [  # id, value, user:password
    ("fault_218 URL", "http://user:pw@host", "user:pw"),
    ("fault_218 URL and port", "http://user:pw@host:1", "user:pw"),
    ("fault_218 no scheme", "user:pw@host", "user:pw"),
    ("no password", "http://user@host", "user:"),
    ("no user", "http://:pw@host", ":pw"),
    ("percent-encoded", "http://us%40er:p%3Aw%2F%25@host", "us@er:p:w/%"),
    ("colon in the password", "http://user:p:w@host", "user:p:w"),
    ("plain @ in the password", "http://user:p@w@host", "user:p@w"),
    ("not ASCII", "http://\xfc:p%C3%BC@host", "\xfc:p\xfc"),
    ("IPv6", "http://user:pw@[::1]:1", "user:pw"),
]


@pytest.mark.parametrize("value, credentials", table(CREDENTIALS))
def test_user_and_password_become_basic_authentication(value, credentials):
    assert parse_address(value).auth == basic(credentials)


@pytest.mark.parametrize("value, credentials", table(CREDENTIALS))
def test_user_and_password_are_in_no_text_of_an_address(value, credentials):
    bare = parse_address(value[: value.find("://") + 3 if "://" in value else 0] + value.rpartition("@")[2])
    address = parse_address(value)
    assert (address.url, address.host_header) == (bare.url, bare.host_header)
    text = "Address(%r, auth=***, source='host')" % bare.url
    assert [repr(address), str(address), "%s" % (address,), "{}".format(address)] == [text] * 4


BLANK = "it has a blank, a control character or one that cannot be printed"
SIGNS = "it has a '?', '#' or backslash, which in a password are written %3F, %23 and %5C"
SCHEME = "it must begin with http:// or https://, once, or with the host"
PORT = "the port is no number from 1 to 65535"
HOST = "the host is no domain name, IPv4 address or IPv6 address"
COLONS = "the host has several colons but is no IPv6 address; with a port that is [::1]:11434"
BRACKETS = "an IPv6 address and a port are written [::1]:11434"
SEGMENTS = "the path has an empty, '.' or '..' segment"
AT = "it has an '@' after a '/': in a password a '/' is written %2F, in a path an '@' is %40"
PERCENT = "it has a '%' without two hexadecimal digits; a plain one is written %25"
UNIX = "a unix socket is named by its absolute path, in printable characters"
LONG = "the host is longer than 253 characters"
IDNA = "the host has no IDNA form (RFC 3490)"

WRONG_HOSTS = [  # id, value, as the error shows it, reason
    ("fault_158 :abc", ":abc", ":abc", PORT),
    ("fault_158 :-1", ":-1", ":-1", PORT),
    ("fault_158 :66000", ":66000", ":66000", PORT),
    ("fault_158 host:65536", "host:65536", "host:65536", PORT),
    (":0", ":0", ":0", PORT),
    ("host:0", "host:0", "host:0", PORT),
    ("host:+80", "host:+80", "host:+80", PORT),
    ("http://host:bad", "http://host:bad", "http://host:bad", PORT),
    ("https://host:-1", "https://host:-1", "https://host:-1", PORT),
    ("[::1]:bad", "[::1]:bad", "[::1]:bad", PORT),
    ("port of Arabic digits", "h:\u0661", "h:\u0661", PORT),
    ("port of a superscript", "h:\xb2", "h:\xb2", PORT),
    ("port of 5,000 digits", "h:" + "1" * 5000, "h:" + "1" * 195 + "...", PORT),
    ("unix:rel.sock", "unix:rel.sock", "unix:rel.sock", PORT),
    ("ftp", "ftp://h", "ftp://h", SCHEME),
    ("ws", "WS://h", "WS://h", SCHEME),
    ("no scheme before ://", "://h", "://h", SCHEME),
    ("one slash", "http:/h:1", "http:/h:1", SCHEME),
    ("one slash, upper case", "HTTPS:/h", "HTTPS:/h", SCHEME),
    ("two schemes", "http://http://h", "http://http://h", SCHEME),
    ("a:b:c", "a:b:c", "a:b:c", COLONS),
    ("::1 with port 11434", "::1:11434", "::1:11434", COLONS),
    ("IPv6 of no sense", "[:::]", "[:::]", COLONS),
    ("empty zone", "fe80::1%", "fe80::1%", COLONS),
    ("zone with a bracket", "[fe80::1%[]", "[fe80::1%[]", COLONS),
    ("zone on IPv4", "1.2.3.4%eth0", "1.2.3.4%eth0", HOST),
    ("http://[", "http://[", "http://[", BRACKETS),
    ("bracket left open", "[::1", "[::1", BRACKETS),
    ("text after a bracket", "[::1]x", "[::1]x", BRACKETS),
    ("name in brackets", "[localhost]", "[localhost]", BRACKETS),
    ("IPv4 in brackets", "[127.0.0.1]:1", "[127.0.0.1]:1", BRACKETS),
    ("bracket at the end", "host]", "host]", HOST),
    ("fault_154 empty label", "a..b", "a..b", HOST),
    ("fault_154 first label empty", ".a", ".a", HOST),
    ("fault_154 only a dot", ".", ".", HOST),
    ("fault_154 long label", "a" * 64, "a" * 64, HOST),
    ("fault_154 254 characters", "a." * 127, "a." * 98 + "a...", LONG),
    ("fault_154 300 characters", "a." * 150, "a." * 98 + "a...", LONG),
    ("long name that is not ASCII", "\xfc." * 150, "\xfc." * 98 + "\xfc...", LONG),
    ("long only in IDNA", "\xfcbcdef." * 36, "\xfcbcdef." * 28 + "\xfc...", HOST),
    ("empty label, not ASCII", "\xfc..b", "\xfc..b", IDNA),
    ("IDNA that makes a slash", "a\u2100b", "a\u2100b", HOST),
    ("star", "*.example.com", "*.example.com", HOST),
    ("percent in a name", "ex%41mple", "ex%41mple", HOST),
    ("local host", "local host", "local host", BLANK),
    ("fault_213 CRLF", "http://a\r\nX: y", "http://a\\r\\nX: y", BLANK),
    ("fault_213 LF in the host", "a\nb", "a\\nb", BLANK),
    ("fault_213 NUL", "a\0b", "a\\x00b", BLANK),
    ("fault_213 CR in the port", "a:1\r1", "a:1\\r1", BLANK),
    ("fault_213 space in the scheme", "ht tp://a", "ht tp://a", BLANK),
    ("fault_213 space in the path", "a/b c", "a/b c", BLANK),
    ("fault_213 LF in the path", "a/b\nc", "a/b\\nc", BLANK),
    ("fault_213 NUL in a unix path", "/a\0b", "/a\\x00b", UNIX),
    ("no-break space", "a\xa0b", "a\\xa0b", BLANK),
    ("text direction", "a\u202eb", "a\\u202eb", BLANK),
    ("surrogate", "a\udc80b", "a\\udc80b", BLANK),
    ("surrogate in a unix path", "/a\udc80b", "/a\\udc80b", UNIX),
    ("backslash", "http:\\\\h", "http:\\\\h", SIGNS),
    ("backslash in the path", "h/a\\b", "h/a\\b", SIGNS),
    ("fault_217 query", "http://host?x=1", "http://host", SIGNS),
    ("fault_217 query and port", "http://host:1?x=1", "http://host:1", SIGNS),
    ("fault_217 query and path", "http://host/p?x=1", "http://host/p", SIGNS),
    ("fault_217 fragment", "http://host/p#x", "http://host/p", SIGNS),
    ("fault_217 ..", "h/a/../b", "h/a/../b", SEGMENTS),
    ("fault_217 .. at the end", "h/..", "h/..", SEGMENTS),
    ("fault_217 .", "h/./b", "h/./b", SEGMENTS),
    ("fault_217 .. encoded", "h/%2E%2e/b", "h/%2E%2e/b", SEGMENTS),
    ("fault_217 //", "h//b", "h//b", SEGMENTS),
    ("fault_217 // at the end", "h/a//", "h/a//", SEGMENTS),
    ("http//h", "http//h", "http//h", SEGMENTS),
    ("bad escape in the path", "h/a%2", "h/a%2", PERCENT),
    ("@ in the path", "h/@b", "***@b", AT),
    ("unix with a host", "unix://host/a", "unix://host/a", UNIX),
    ("unix without a path", "unix:///", "unix:///", UNIX),
    ("unix folder", "/run/", "/run/", UNIX),
    ("only a slash", "/", "/", UNIX),
    ("fault_218 bad port", "http://u:hunter2@h:bad", "http://***@h:bad", PORT),
    ("fault_218 bad scheme", "ftp://u:hunter2@h", "ftp://***@h", SCHEME),
    ("fault_218 no scheme", "u:hunter2@h:bad", "***@h:bad", PORT),
    ("fault_218 :// in it", "u:hunter2://hunter2@h", "***@h", SCHEME),
    ("fault_218 slash in it", "http://u:80/hunter2@h", "http://***@h", AT),
    ("fault_218 hash in it", "http://u:hunter2#hunter2@h", "http://***", SIGNS),
    ("fault_218 blank in it", "http://u:hunter2 @h", "http://***@h", BLANK),
    ("fault_218 bad escape in it", "http://u:hunter2%zz@h", "http://***@h", PERCENT),
    ("fault_218 query", "http://u:hunter2@h?token=hunter2", "http://***@h", SIGNS),
    ("fault_218 @ in the query", "http://h?token=a@hunter2", "http://***", SIGNS),
]


@pytest.mark.parametrize("value, shown, reason", table(WRONG_HOSTS))
def test_a_wrong_host_is_refused_by_name_and_reason(value, shown, reason):
    with pytest.raises(RequestError) as caught:
        parse_address(value, "OLLAMA_HOST")
    assert str(caught.value) == "OLLAMA_HOST='%s': %s. %s" % (shown, reason, HOST_FORMS)
    assert PASSWORD not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", [11434, b"host", Path("/a.sock"), ["host"]], ids=repr)
def test_a_host_that_is_no_text_is_refused(value):
    with pytest.raises(RequestError) as caught:
        parse_address(value)
    assert str(caught.value) == "host must be a str, not %s. %s" % (type(value).__name__, HOST_FORMS)


@pytest.mark.parametrize("form", HOST_FORMS.partition(": ")[2].split(", "))
def test_the_forms_an_error_offers_work(form):
    assert parse_address(form).url.startswith(("http://", "https://", "unix://"))


LOOPBACK = [  # id, value, is it
    ("default", None, True),
    ("127.0.0.1", "127.0.0.1", True),
    ("127.9.9.9", "127.9.9.9:1", True),
    ("::1", "[::1]:1", True),
    ("::1 in full", "0:0:0:0:0:0:0:1", True),
    ("mapped", "[::ffff:127.0.0.2]:1", True),
    ("mapped in hexadecimal", "::ffff:7f00:1", True),
    ("zone", "::1%lo", True),
    ("any", "0.0.0.0", True),
    ("localhost", "LocalHost", True),
    ("localhost and root dot", "localhost.", True),
    ("under localhost", "https://a.localhost", True),
    ("unix", "/a", True),
    ("128.0.0.1", "128.0.0.1", False),
    ("private", "192.168.1.1", False),
    ("mapped private", "::ffff:10.0.0.1", False),
    ("fe80::1", "fe80::1%lo", False),
    ("name that ends alike", "notlocalhost", False),
    ("localhost below a domain", "localhost.example", False),
    ("127 as a name", "127.0.0.1.example", False),
    ("short IPv4", "127.1", False),
]


@pytest.mark.parametrize("value, is_loopback", table(LOOPBACK))
def test_loopback_is_this_machine_for_certain(value, is_loopback):
    assert parse_address(value).is_loopback is is_loopback


HINTS = [  # id, value, source, hint
    ("variable", "11434", "OLLAMA_HOST", "OLLAMA_HOST names a host called 11434; for a port write 127.0.0.1:11434"),
    ("argument", "http://8080", "host", "host names a host called 8080; for a port write 127.0.0.1:8080"),
    ("no port number", "65536", "host", ""),
    ("zero", "0", "host", ""),
    ("name", "gpu-box:11434", "host", ""),
    ("IPv4", "1.2.3.4", "host", ""),
    ("default", None, "host", ""),
]


@pytest.mark.parametrize("value, source, hint", table(HINTS))
def test_a_host_that_is_a_port_number_has_a_hint(value, source, hint):
    assert hint_at_port(parse_address(value, source)) == hint


def test_addresses_and_proxies_pickle_and_copy():
    address = parse_address("https://u:p@h/x")
    proxy = choose_proxy(address, "u:p@proxy", {})
    for value in (address, proxy):
        assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)


# --- proxies ---

REMOTE = parse_address("http://example.com:8080")
REMOTE_TLS = parse_address("https://example.com")

PROXIES = [  # id, value, proxy
    ("URL", "http://p:3128", Proxy("http", "p", 3128, auth=None, source="proxy")),
    ("upper case and slash", " HTTP://P:3128/ ", Proxy("http", "p", 3128, auth=None, source="proxy")),
    ("no scheme", "p:3128", Proxy("http", "p", 3128, auth=None, source="proxy")),
    ("no port", "p", Proxy("http", "p", 80, auth=None, source="proxy")),
    ("TLS", "https://p", Proxy("https", "p", 443, auth=None, source="proxy")),
    ("IPv6", "[fd00::5]:1", Proxy("http", "fd00::5", 1, auth=None, source="proxy")),
    ("credentials", "http://user:p%40w@p:3128", Proxy("http", "p", 3128, auth=basic("user:p@w"), source="proxy")),
    ("credentials without a scheme", "user:pw@p:3128", Proxy("http", "p", 3128, auth=basic("user:pw"), source="proxy")),
    ("None", None, None),
    ("nothing set", UNSET, None),
]


@pytest.mark.parametrize("value, proxy", table(PROXIES))
def test_a_proxy_is_read_as(value, proxy):
    assert [choose_proxy(address, value, {}) for address in (REMOTE, REMOTE_TLS)] == [proxy, proxy]


def test_fault_218_a_proxys_credentials_are_in_no_text_of_it():
    proxy = choose_proxy(REMOTE, "http://user:hunter2@[fd00::5]:3128", {})
    assert proxy.url == "http://[fd00::5]:3128"
    assert repr(proxy) == str(proxy) == "Proxy('http://[fd00::5]:3128', auth=***, source='proxy')"


WRONG_PROXIES = [  # id, value, as the error shows it, reason
    ("socks5", "socks5://u:hunter2@p:1080", "socks5://***@p:1080", SCHEME),
    ("socks", "socks://p", "socks://p", SCHEME),
    ("bad port", "http://u:hunter2@p:bad", "http://***@p:bad", PORT),
    ("empty", "", "", "a proxy has a host, and no path"),
    ("only a scheme", "http://", "http://", "a proxy has a host, and no path"),
    ("only a port", ":3128", ":3128", "a proxy has a host, and no path"),
    ("path", "http://p:3128/proxy.pac", "http://p:3128/proxy.pac", "a proxy has a host, and no path"),
    ("CRLF", "p\r\nX: y", "p\\r\\nX: y", BLANK),
]


@pytest.mark.parametrize("address", [REMOTE, parse_address(None)], ids=["remote", "loopback"])
@pytest.mark.parametrize("value, shown, reason", table(WRONG_PROXIES))
def test_a_wrong_proxy_argument_is_refused(value, shown, reason, address):
    with pytest.raises(RequestError) as caught:
        choose_proxy(address, value, {})
    assert str(caught.value) == "proxy='%s': %s. %s" % (shown, reason, PROXY_FORMS)


def test_a_proxy_that_is_no_text_is_refused():
    with pytest.raises(RequestError) as caught:
        choose_proxy(REMOTE, 3128, {})
    assert str(caught.value) == "proxy must be a str or None, not int. " + PROXY_FORMS


@pytest.mark.parametrize("address, name", [(REMOTE, "http_proxy"), (REMOTE_TLS, "HTTPS_PROXY")])
def test_a_wrong_proxy_variable_is_refused_by_its_name(address, name):
    with pytest.raises(RequestError) as caught:
        choose_proxy(address, UNSET, {name: "socks5h://u:hunter2@p"})
    assert str(caught.value) == "%s='socks5h://***@p': %s. %s" % (name, SCHEME, PROXY_FORMS)


VARIABLES = [  # id, address, variables, proxy URL and variable, or None
    ("HTTP_PROXY", REMOTE, {"HTTP_PROXY": "a:1"}, ("http://a:1", "HTTP_PROXY")),
    ("http_proxy", REMOTE, {"http_proxy": "a:1"}, ("http://a:1", "http_proxy")),
    ("HTTPS_PROXY", REMOTE_TLS, {"HTTPS_PROXY": "https://a"}, ("https://a:443", "HTTPS_PROXY")),
    ("https_proxy", REMOTE_TLS, {"https_proxy": "a:1"}, ("http://a:1", "https_proxy")),
    ("upper case first", REMOTE, {"http_proxy": "a:1", "HTTP_PROXY": "b:2"}, ("http://b:2", "HTTP_PROXY")),
    ("empty upper case", REMOTE, {"http_proxy": "a:1", "HTTP_PROXY": ""}, ("http://a:1", "http_proxy")),
    ("blank", REMOTE, {"HTTP_PROXY": " "}, None),
    ("other scheme: http", REMOTE, {"HTTPS_PROXY": "a:1"}, None),
    ("other scheme: https", REMOTE_TLS, {"HTTP_PROXY": "a:1"}, None),
    ("ALL_PROXY", REMOTE, {"ALL_PROXY": "a:1", "all_proxy": "a:1"}, None),
    ("NO_PROXY", REMOTE, {"HTTP_PROXY": "a:1", "NO_PROXY": "example.com"}, None),
    ("no_proxy", REMOTE, {"HTTP_PROXY": "a:1", "no_proxy": "example.com"}, None),
    (
        "NO_PROXY first",
        REMOTE,
        {"HTTP_PROXY": "a:1", "NO_PROXY": "b", "no_proxy": "example.com"},
        ("http://a:1", "HTTP_PROXY"),
    ),
    ("exempt from a wrong proxy", REMOTE, {"HTTP_PROXY": "socks5://a", "NO_PROXY": "*"}, None),
    ("CGI and https", REMOTE_TLS, {"HTTPS_PROXY": "a:1", "REQUEST_METHOD": "GET"}, ("http://a:1", "HTTPS_PROXY")),
    ("no CGI", REMOTE, {"HTTP_PROXY": "a:1", "REQUEST_METHOD": ""}, ("http://a:1", "HTTP_PROXY")),
    ("CGI and no proxy", REMOTE, {"REQUEST_METHOD": "GET"}, None),
]


@pytest.mark.parametrize("address, variables, expected", table(VARIABLES))
def test_fault_178_the_proxy_variables_are_read_as_go_reads_them(address, variables, expected):
    proxy = choose_proxy(address, UNSET, variables)
    assert (proxy and (proxy.url, proxy.source)) == expected


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_cgi_program_does_not_trust_http_proxy(name):
    with pytest.raises(RequestError) as caught:
        choose_proxy(REMOTE, UNSET, {name: "http://u:hunter2@a", "NO_PROXY": "*", "REQUEST_METHOD": "GET"})
    text = "%s is not trusted in a CGI program (REQUEST_METHOD is set): give proxy=" % name
    assert str(caught.value) == text
    assert choose_proxy(REMOTE, None, {name: "a", "REQUEST_METHOD": "GET"}) is None


def test_a_proxy_argument_passes_over_the_variables():
    variables = {"HTTP_PROXY": "socks5://a", "NO_PROXY": "*", "REQUEST_METHOD": "GET"}
    assert choose_proxy(REMOTE, "p:1", variables) == Proxy("http", "p", 1, auth=None, source="proxy")
    assert choose_proxy(REMOTE, None, {"HTTP_PROXY": "a:1"}) is None


@pytest.mark.parametrize("proxy", ["p:1", UNSET], ids=["argument", "variables"])
@pytest.mark.parametrize("value", [row[1] for row in LOOPBACK if row[2]])
def test_fault_178_loopback_is_never_proxied(value, proxy):
    variables = {"HTTP_PROXY": "socks5://a", "HTTPS_PROXY": "a:1", "REQUEST_METHOD": "GET"}
    assert choose_proxy(parse_address(value), proxy, variables) is None


EXEMPTIONS = [  # id, NO_PROXY, hosts that go direct, hosts that go through the proxy
    ("star", "a, *", ["http://example.com", "10.1.2.3", "[fd00::5]"], []),
    ("domain", "example.com", ["example.com", "a.example.com", "EXAMPLE.com:1"], ["xexample.com", "example.com.au"]),
    ("domain in upper case, blanks", "x , Example.COM ,y", ["example.com"], ["example.org"]),
    ("leading dot", ".example.com", ["a.example.com", "b.a.example.com"], ["example.com"]),
    ("star and dot", "*.example.com", ["a.example.com"], ["example.com"]),
    ("star inside", "a.*,*example.com", [], ["a.b", "aexample.com"]),
    ("domain and port", "example.com:8080", ["example.com:8080", "a.example.com:8080"], ["example.com"]),
    ("scheme's port", "example.com:80", ["http://example.com"], ["example.com:8080"]),
    ("empty port", "example.com:", ["example.com:8080"], []),
    ("IPv4", "10.1.2.3", ["10.1.2.3:1", "[::ffff:10.1.2.3]"], ["10.1.2.4", "a.10.1.2.3"]),
    ("IPv4 and port", "10.1.2.3:1", ["10.1.2.3:1"], ["10.1.2.3:2"]),
    ("IPv4 is no suffix", "2.3", [], ["10.1.2.3"]),
    ("IPv6", "fd00:0::5", ["[fd00::5]:1"], ["[fd00::6]"]),
    ("IPv6 with a zone", "fe80::1", ["fe80::1%eth0"], ["fe80::2%eth0"]),
    ("IPv6 and port", "[fd00::5]:1", ["[fd00::5]:1"], ["[fd00::5]:2"]),
    ("IPv4 network", "10.0.0.0/8", ["10.1.2.3"], ["11.0.0.1", "[fd00::5]", "example.com"]),
    ("IPv4 network with host bits", "10.9.9.9/8", ["10.1.2.3"], ["11.0.0.1"]),
    ("IPv6 network", "fd00::/8", ["[fd00::5]"], ["[fe80::1]", "10.1.2.3"]),
    ("whole IPv6", "::/0", ["[fe80::1]"], ["10.1.2.3"]),
    ("netmask", "10.0.0.0/255.0.0.0", [], ["10.1.2.3"]),
    ("bad entries", "10.0.0.0/33,/8,10.1.2.3/8:80,[,a:b:c,:80,,%,http://example.com", [], ["10.1.2.3", "example.com"]),
    ("no entry is no suffix", ",:80", [], ["http://example.com."]),
    ("IDNA", "b\xfccher.example", ["xn--bcher-kva.example", "a.b\xfccher.example"], ["example"]),
    ("bad IDNA", "\xfc..b," + "\xfc" * 300, [], ["example.com"]),
]


@pytest.mark.parametrize("no_proxy, direct, proxied", table(EXEMPTIONS))
def test_fault_178_no_proxy_exempts_as_in_go(no_proxy, direct, proxied):
    variables = {"HTTP_PROXY": "p", "HTTPS_PROXY": "p", "NO_PROXY": no_proxy}
    chosen = {host: choose_proxy(parse_address(host), UNSET, variables) for host in direct + proxied}
    assert [host for host, proxy in chosen.items() if proxy is None] == direct


# --- keys, headers, locations ---

KEYS = [  # id, host, does the key travel
    ("fault_224 plain http", "http://gpu-box", False),
    ("fault_224 plain http by default", "192.168.1.5", False),
    ("fault_224 http://ollama.com", "http://ollama.com", False),
    ("fault_224 ollama.com:80", "ollama.com:80", False),
    ("fault_224 name that ends alike", "http://notlocalhost", False),
    ("ollama.com", "ollama.com", True),
    ("https", "https://gpu-box:11434", True),
    ("default", None, True),
    ("localhost", "http://localhost:1", True),
    ("IPv6 loopback", "[::1]:1", True),
    ("unix", "unix:///a", True),
]


@pytest.mark.parametrize("host, travels", table(KEYS))
def test_the_key_does_not_travel_in_the_clear(host, travels):
    expected = "Bearer abc.123" if travels else None
    assert read_api_key(parse_address(host), {"OLLAMA_API_KEY": ' "abc.123"\n'}) == expected


@pytest.mark.parametrize("variables", [{}, {"OLLAMA_API_KEY": ""}, {"OLLAMA_API_KEY": " \n"}], ids=repr)
def test_no_key_makes_no_field(variables):
    assert read_api_key(REMOTE_TLS, variables) is None


@pytest.mark.parametrize("key", ["hunter2\r\nX: y", "hunter2\0", "hunter2\u2028", "hunter2\udc80"], ids=ascii)
def test_a_key_that_no_field_can_carry_is_refused_unseen(key):
    with pytest.raises(RequestError) as caught:
        read_api_key(REMOTE_TLS, {"OLLAMA_API_KEY": key})
    text = "OLLAMA_API_KEY: the value of Authorization has a control or non-Latin-1 character: not shown"
    assert str(caught.value) == text
    assert read_api_key(REMOTE, {"OLLAMA_API_KEY": key}) is None


def test_the_environment_changes_with_every_variable_that_is_read_and_no_other():
    first = read_environment({"PATH": "/bin"})
    names = [name for name, _ in first]
    assert first == tuple((name, None) for name in names)
    assert read_environment({"PATH": "/"}) == first
    assert all(read_environment({name: ""}) != first for name in names)


def test_every_variable_that_is_read_is_in_the_environment():
    class Recorder(dict):
        def get(self, name, default=None):
            read.add(name)
            return super().get(name, default)

    read = {"OLLAMA_HOST"}  # handed to parse_address by the client
    for address in (REMOTE, REMOTE_TLS):
        for variables in ({}, {"HTTP_PROXY": "p", "HTTPS_PROXY": "p"}):
            choose_proxy(address, UNSET, Recorder(variables))
            read_api_key(address, Recorder(variables))
    assert {name for name, _ in read_environment({})} == read


LOCATIONS = [  # id, location, shown
    ("whole", "https://example.com:1/a/b", "https://example.com:1/a/b"),
    ("fault_221 query", "https://example.com/a?token=hunter2", "https://example.com/a"),
    ("fault_221 query after the host", "https://example.com?token=a@hunter2", "https://example.com"),
    ("fragment", "https://example.com/a#hunter2", "https://example.com/a"),
    ("fault_219 userinfo", "https://u:hunter2@example.com/a", "https://example.com/a"),
    ("userinfo with @", "https://u:hunter2@hunter2@example.com", "https://example.com"),
    ("userinfo without a scheme", "//u:hunter2@example.com/a", "//example.com/a"),
    ("userinfo without slashes", "u:hunter2@example.com/a", "example.com/a"),
    ("@ in the path", "https://example.com/@me", "https://example.com/@me"),
    ("path", "/a/b", "/a/b"),
    ("relative", "b", "b"),
    ("empty", "", ""),
    ("controls", "http://a\x1b[2J\r\n\0\x85/b", "http://a\\x1b[2J\\r\\n\\x00\\x85/b"),
    ("text direction, surrogate", "/\u202e\udc80", "/\\u202e\\udc80"),
    ("as long as can be", "/" + "a" * 199, "/" + "a" * 199),
    ("longer", "/" + "a" * 200, "/" + "a" * 196 + "..."),
    ("long escapes", "\x1b" * 100, "\\x1b" * 49 + "\\..."),
]


@pytest.mark.parametrize("location, shown", table(LOCATIONS))
def test_a_location_is_shown_without_secrets(location, shown):
    assert redact_location(location) == shown


HEADERS = [  # id, name, value, field
    ("plain", "X-A", "b c", ("X-A", "b c")),
    ("blanks around", "a", " \tb\tc \t", ("a", "b\tc")),
    ("empty value", "a", "", ("a", "")),
    ("all signs", "!#$%&'*+-.^_`|~0aZ", "\x20!~\x80\xa0\xff", ("!#$%&'*+-.^_`|~0aZ", "!~\x80\xa0\xff")),
]


@pytest.mark.parametrize("name, value, field", table(HEADERS))
def test_a_header_field_is_kept_but_for_blanks_around(name, value, field):
    assert check_header(name, value) == field


BAD_VALUE = "headers: the value of %s has a control or non-Latin-1 character: %s"
BAD_NAME = "headers: not a field name (RFC 9110, 5.1): '%s...'"
WRONG_HEADERS = [  # id, name, value, error
    ("fault_214 CRLF", "a", "b\r\nX: y", BAD_VALUE % ("a", "'b\\r\\nX: y'")),
    ("fault_214 folded with CRLF", "a", "b\r\n c", BAD_VALUE % ("a", "'b\\r\\n c'")),
    ("fault_214 folded with LF", "a", "b\n\tc", BAD_VALUE % ("a", "'b\\n\\tc'")),
    ("fault_214 CR", "a", "b\r", BAD_VALUE % ("a", "'b\\r'")),
    ("fault_214 LF first", "a", "\nb", BAD_VALUE % ("a", "'\\nb'")),
    ("fault_214 NUL", "a", "b\0", BAD_VALUE % ("a", "'b\\x00'")),
    ("DEL", "a", "b\x7f", BAD_VALUE % ("a", "'b\\x7f'")),
    ("fault_215 not Latin-1", "a", "\u2028", BAD_VALUE % ("a", "'\\u2028'")),
    ("first beyond Latin-1", "a", "\u0100", BAD_VALUE % ("a", "'\u0100'")),
    ("surrogate", "a", "\udc80", BAD_VALUE % ("a", "'\\udc80'")),
    ("fault_222 Authorization", "Authorization", "hunter2\n", BAD_VALUE % ("Authorization", "not shown")),
    ("fault_222 Cookie", "COOKIE", "hunter2\n", BAD_VALUE % ("COOKIE", "not shown")),
    ("fault_222 X-Api-Key", "X-Api-Key", "hunter2\n", BAD_VALUE % ("X-Api-Key", "not shown")),
    ("fault_222 x-token-2", "x-token-2", "hunter2\n", BAD_VALUE % ("x-token-2", "not shown")),
    ("fault_222 My-Secret", "My-Secret", "hunter2\n", BAD_VALUE % ("My-Secret", "not shown")),
    ("fault_214 empty name", "", "b", BAD_NAME % ""),
    ("fault_214 space in the name", "a b", "c", BAD_NAME % "a"),
    ("fault_214 NUL in the name", "a\0", "c", BAD_NAME % "a"),
    ("fault_214 LF in the name", "a\n", "c", BAD_NAME % "a"),
    ("colon in the name", "a:", "c", BAD_NAME % "a"),
    ("name not ASCII", "a\xfc", "c", BAD_NAME % "a"),
    ("fault_222 field as a name", "Authorization: hunter2", "", BAD_NAME % "Authorization"),
    ("long value", "a", "b" * 300 + "\n", BAD_VALUE % ("a", "'" + "b" * 197 + "...'")),
    ("name of bytes", b"a", "c", "headers: expected names that are strings, got bytes"),
    ("value of None", "a", None, "headers.a: expected a string, got NoneType"),
    ("value of an int", "a", 1, "headers.a: expected a string, got int"),
]


@pytest.mark.parametrize("name, value, error", table(WRONG_HEADERS))
def test_a_wrong_header_field_is_refused(name, value, error):
    with pytest.raises(RequestError) as caught:
        check_header(name, value)
    assert str(caught.value) == error


def test_a_wrong_header_field_names_its_argument():
    with pytest.raises(RequestError, match="^auth: the value of a has "):
        check_header("a", "\0", "auth")


# --- whatever is written ---

ALPHABET = ["http://", "https://", "unix:", "://", "//", "/", ":", "@", "%", "%2e", "[", "]", "::1", "0", "1", "65536"]
ALPHABET += ["a", "localhost", "ollama.com", ".", "-", "?", "#", "\\", " ", "\r\n", "\0", "'", "*", ",", "/8"]
ALPHABET += ["10.0.0.0", "\xfc", "\xdf", "\xad", "\u3002", "\u2100", "\u200d", "\u202e", "\udc80", "\U0001f999"]
ALPHABET += ["xn--", "xn--a", "\uff0e"]


def scribble(rng):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(9)))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_written_there_is_an_address_or_a_request_error(seed):
    rng = random.Random(seed)
    for _ in range(20):
        value, variables = scribble(rng), {"HTTP_PROXY": scribble(rng), "NO_PROXY": scribble(rng)}
        try:
            address = parse_address(value)
        except RequestError as error:
            assert str(error).isprintable()
            continue
        assert 0 < address.port < 65536 and check_header("Host", address.host_header)
        assert address.host.partition("%")[0].isascii() and address.path.isascii()
        assert parse_address(address.url) == address._replace(auth=None, source="host")
        try:
            proxy = choose_proxy(address, UNSET, variables)
        except RequestError as error:
            assert str(error).isprintable()
        else:
            assert proxy is None or (0 < proxy.port < 65536 and proxy.host.partition("%")[0].isascii())


@pytest.mark.parametrize("seed", SEEDS)
def test_fault_222_a_password_is_never_shown(seed):
    rng = random.Random(seed)
    for _ in range(20):
        scheme = rng.choice(["", "http://", "https://", "ftp://", "socks5://", "//"])
        value = scheme + "u" + scribble(rng) + ":hunter2" + rng.choice(ALPHABET) + "@" + scribble(rng)
        texts = []
        for read in (parse_address, lambda text: choose_proxy(REMOTE, text, {})):
            try:
                result = read(value)
                texts += [result.url, repr(result)]
            except RequestError as error:
                texts += [str(error), repr(error)]
        assert [text for text in texts if PASSWORD in text] == []


def test_a_long_value_takes_linear_time():
    parts = ["a", "\xfc", "a.", "/", "/a", "1", ":", "%", "@", "[", "%2e", "\n"]
    values = [start + part * 10**5 for start in ("", "h:", "h/", "http://u:") for part in parts]
    started = time.process_time()
    for value in values:
        choose_proxy(REMOTE, UNSET, {"HTTP_PROXY": "p", "NO_PROXY": value})
        assert len(redact_location(value)) <= 200
        with contextlib.suppress(RequestError):
            parse_address(value)
    assert time.process_time() - started < 5  # one that is quadratic takes minutes


def test_importing_loads_nothing_heavy():
    heavy = ["asyncio", "email", "http.client", "ipaddress", "socket", "ssl", "urllib.parse", "urllib.request"]
    # The modules are those this one adds to what the error tree and typing bring along.
    code = (
        "import sys, json, typing; before = set(sys.modules); import %s; "
        "print(sorted(set(%r) & (set(sys.modules) - before)))"
    ) % (_address.__name__, heavy)
    environ = dict(os.environ, PYTHONPATH=str(Path(_address.__file__).resolve().parent.parent))
    assert subprocess.check_output([sys.executable, "-S", "-c", code], env=environ).strip() == b"[]"
