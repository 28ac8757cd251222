# SPDX-License-Identifier: MIT
"""Where to connect, through which proxy, with which credentials: decided without I/O.

In come what the user wrote (``host=``, ``proxy=``, ``headers=``) and a mapping of environment variables. What
cannot be used is a ``RequestError`` that names the argument or variable; no error and no repr shows a secret.

    host=, OLLAMA_HOST                    parse_address   Address
    proxy=, HTTP_PROXY ... NO_PROXY       choose_proxy    Proxy, or None for a direct connection
    OLLAMA_API_KEY                        read_api_key    "Bearer ...", or None where it must not travel
    headers=                              check_headers   (name, value), ...

Departures from how Ollama reads OLLAMA_HOST: what it would drop (a bad port, a query) is refused; ``user:pw@`` is
Basic authentication; the scheme may be upper case; ``ollama.com`` without a scheme is https however it is spelled;
``unix:///path`` and ``/path`` are unix sockets; "any address" is dialled as loopback.
"""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Tuple, Union

from ._errors import ConnectError, RequestError, check_origin, check_type, connect_error, misfit, printable
from ._syntax import HEX_DIGITS, NAME_BYTES, TOKEN_BYTES, ZONE_BYTES, consists_of, has_controls, is_token

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

DEFAULT_PORT = 11434
SCHEME_PORTS = {"http": 80, "https": 443}
VARIABLES = tuple(
    "OLLAMA_HOST OLLAMA_API_KEY HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy REQUEST_METHOD".split()
)
HOST_FORMS = "Forms that work: gpu-box:11434, [::1]:11434, https://example.com/ollama, unix:///run/ollama.sock"
PROXY_FORMS = "Forms that work: proxy.example:3128, http://user:password@proxy.example:3128"

SECRET_WORDS = ("auth", "cookie", "credential", "key", "passw", "secret", "session", "signature", "token")
AROUND = " \t\r\n\"'"  # what shells and env files leave around a value
MAX_SHOWN_URL = 200  # characters


class Unset:
    """The type of ``UNSET``: an argument that was not given, where None means something else."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


class Address(NamedTuple):
    """Where the server is. ``host`` is what to dial: lower case, no brackets, a zone id after ``%``."""

    scheme: str
    host: str
    port: int
    path: str = ""
    unix: Optional[str] = None
    auth: Optional[str] = None
    source: str = "host"

    def __repr__(self) -> str:
        return "%s(%r, auth=%s, source=%r)" % (type(self).__name__, self.url, self.auth and "***", self.source)

    @property
    def url(self) -> str:
        """The base URL without credentials; a zone id is written ``%25eth0`` (RFC 6874, 2)."""
        if self.unix is not None:
            return "unix://" + self.unix
        return "%s://%s:%d%s" % (self.scheme, format_host(self.host), self.port, self.path)

    @property
    def host_header(self) -> str:
        """The value of the Host field, without a zone id (RFC 6874, 4) and mostly without the scheme's own port."""
        host = format_host(self.host.partition("%")[0])
        # Ollama answers 403 to "Host: [::1]", but not to "Host: [::1]:80".
        if self.port == SCHEME_PORTS[self.scheme] and not host.startswith("["):
            return host
        return "%s:%d" % (host, self.port)

    @property
    def is_loopback(self) -> bool:
        """Whether this is the same machine, as far as the name tells: 127/8, ::1, localhost, a unix socket."""
        name = self.host.rstrip(".")
        ip = parse_ip(self.host.partition("%")[0])
        return name == "localhost" or name.endswith(".localhost") or (ip is not None and ip.is_loopback)


class Proxy(Address):
    """The address of an HTTP proxy, reached in the clear or over TLS; ``source`` is "proxy" or a variable's name."""

    __slots__ = ()


def parse_address(value: Optional[str], source: str = "host") -> Address:
    """Read a server address in any form that OLLAMA_HOST takes (Ollama, envconfig), and a few more.

    Blanks and quotes around it are dropped; nothing, or nothing left, is ``http://127.0.0.1:11434``. A bare number is
    a host, as it is for Ollama: see ``hint_at_port``. Raises RequestError, which names ``source``.
    """
    if value is not None and not isinstance(value, str):
        raise RequestError("%s must be a str, not %s. %s" % (source, type(value).__name__, HOST_FORMS))
    text = (value or "").strip(AROUND)
    if not text:
        return Address("http", "127.0.0.1", DEFAULT_PORT, source="the default")
    try:
        return parse_unix(text, source) or parse_tcp(text, source)
    except RequestError as error:
        raise RequestError("%s='%s': %s. %s" % (source, redact_url(text), error, HOST_FORMS)) from None


def hint_at_port(address: Address) -> str:
    """What to add to the error of a failed connection when the host is a port number; "" for other hosts."""
    # Such a host may even resolve: to the C library, 11434 is the IPv4 address 0.0.44.170.
    if parse_port(address.host) is None:
        return ""
    return "%s names a host called %s; for a port write 127.0.0.1:%s" % (address.source, address.host, address.host)


def choose_proxy(address: Address, proxy: Union[str, None, Unset], environ: Mapping[str, str]) -> Optional[Proxy]:
    """The proxy for this address: the one given, none for None, what the variables say for UNSET.

    Loopback and unix sockets are never proxied. The variables are read as Go does (golang.org/x/net/http/httpproxy):
    upper case first, no ALL_PROXY, and no HTTP_PROXY in a CGI program, where a request's ``Proxy`` field sets it.
    Raises RequestError for that, and for a proxy that cannot be used, such as SOCKS.
    """
    if proxy is None:
        return None
    if not isinstance(proxy, Unset):
        given = parse_proxy(proxy, "proxy")
        return None if address.is_loopback else given
    source, value = read_variable(environ, address.scheme.upper() + "_PROXY")
    if address.is_loopback or not value.strip():
        return None
    if address.scheme == "http" and environ.get("REQUEST_METHOD"):
        raise RequestError("%s is not trusted in a CGI program (REQUEST_METHOD is set): give proxy=" % source)
    if any(is_exempt(entry.strip(), address) for entry in read_variable(environ, "NO_PROXY")[1].split(",")):
        return None
    return parse_proxy(value, source)


def read_api_key(address: Address, environ: Mapping[str, str]) -> Optional[str]:
    """The value of an Authorization field made from OLLAMA_API_KEY: "Bearer ...", or None.

    The key goes over https to any host, and in the clear to this machine only. Raises RequestError, without the key
    in it, where the key would go but cannot stand in a header field.
    """
    key = environ.get("OLLAMA_API_KEY", "").strip(AROUND)
    if not key or not (address.scheme == "https" or address.is_loopback):
        return None
    return check_header("Authorization", "Bearer " + key, "OLLAMA_API_KEY")[1]


def read_environment(environ: Mapping[str, str]) -> Tuple[Tuple[str, Optional[str]], ...]:
    """The variables that decide anything here, to be compared with an earlier reading; holds secrets."""
    return tuple((name, environ.get(name)) for name in VARIABLES)


def redact_location(location: str) -> str:
    """A Location field for an error text: no userinfo, query or fragment, nothing unprintable, 200 characters."""
    text = strip_query(location)
    before, slashes, rest = text.partition("//") if "//" in text else ("", "", text)
    authority, slash, path = rest.partition("/")
    return printable(before + slashes + authority.rpartition("@")[2] + slash + path, MAX_SHOWN_URL)


def check_header(name: str, value: str, argument: str = "headers") -> Tuple[str, str]:
    """A header field that may be sent (RFC 9110, 5.1 and 5.5), without blanks around the value.

    The name is a token, the value Latin-1 without control characters but tabs, so without folded lines. Raises
    RequestError, which names ``argument`` and the field; the value is shown unless the name looks like a secret's.
    """
    if not isinstance(name, str):
        raise misfit(RequestError, argument, "names that are strings", type(name).__name__)
    if not isinstance(value, str):
        raise misfit(RequestError, "%s.%s" % (argument, printable(name, MAX_SHOWN_URL)), "a string", type(value).__name__)
    if not is_token(name):
        # Only the good part is shown: the rest may be the value, as in {"Authorization: Bearer abc": ""}.
        good = name[: len(name) - len(name.lstrip(TOKEN_BYTES.decode("latin-1")))]
        raise RequestError("%s: not a field name (RFC 9110, 5.1): '%s...'" % (argument, good[:MAX_SHOWN_URL]))
    value = value.strip(" \t")
    if has_controls(value, but="\t") or max(value, default="") > "\xff":
        shown = "not shown" if names_secret(name) else "'%s'" % printable(value, MAX_SHOWN_URL)
        raise RequestError("%s: the value of %s has a control or non-Latin-1 character: %s" % (argument, name, shown))
    return name, value


def names_secret(name: str) -> bool:
    """Whether the name of a field or a parameter looks like that of a credential."""
    return any(word in name.lower() for word in SECRET_WORDS)


def check_headers(headers: Any) -> Tuple[Tuple[str, str], ...]:
    """The header fields of a call or a client; a value of None leaves the field out. Raises RequestError."""
    if headers is None:
        return ()
    check_type(headers, "headers", Mapping, "a mapping of names to strings")
    return tuple(check_header(name, value) for name, value in headers.items() if value is not None)


def parse_unix(text: str, source: str) -> Optional[Address]:
    is_url = text.lower().startswith("unix:/")
    path = text[len("unix:") :] if is_url else text
    # One slash or three begin an absolute path, two a host (RFC 3986, 3; POSIX.1-2017, 4.13).
    is_absolute = path.startswith("/") and (path.startswith("///") or not path.startswith("//"))
    if not is_url and not is_absolute:
        return None
    if not is_absolute or path.endswith("/") or not path.isprintable():
        raise RequestError("a unix socket is named by its absolute path, in printable characters")
    return Address("http", "localhost", SCHEME_PORTS["http"], unix="/" + path.lstrip("/"), source=source)


def parse_tcp(text: str, source: str) -> Address:
    scheme, auth, host, port, path = split_url(text)
    if not scheme and host == "ollama.com" and port in (None, 443):
        scheme = "https"
    port = port or SCHEME_PORTS.get(scheme, DEFAULT_PORT)
    return Address(scheme or "http", host or "127.0.0.1", port, path, None, auth, source)


def split_url(text: str) -> Tuple[str, Optional[str], str, Optional[int], str]:
    """``[scheme://][userinfo@][host][:port][/path]`` (RFC 3986, 3) as scheme, auth, host, port, path, all checked."""
    if " " in text or not text.isprintable():
        raise RequestError("it has a blank, a control character or one that cannot be printed")
    if any(char in text for char in "?#\\"):
        raise RequestError("it has a '?', '#' or backslash, which in a password are written %3F, %23 and %5C")
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text[2:] if text.startswith("//") else text
    scheme = scheme.lower()
    # Without the second condition "http:/gpu-box" would be a path on a host called http.
    if (separator and scheme not in SCHEME_PORTS) or rest.lower().startswith(("http:/", "https:/")):
        raise RequestError("it must begin with http:// or https://, once, or with the host")
    authority, slash, path = rest.partition("/")
    userinfo, _, netloc = authority.rpartition("@")
    host, port = split_port(netloc)
    auth, host = parse_userinfo(userinfo), check_host(host)
    number = parse_port(port)
    if port and number is None:
        raise RequestError("the port is no number from 1 to 65535")
    return scheme, auth, host, number, check_url_path(slash + path)


def split_port(netloc: str) -> Tuple[str, str]:
    """Host and port as they stand, "" for what is missing; several colons are an IPv6 address without a port."""
    if netloc.startswith("["):
        host, bracket, port = netloc[1:].partition("]")
        if not bracket or ":" not in host or (port and not port.startswith(":")):
            raise RequestError("an IPv6 address and a port are written [::1]:11434")
        return host, port[1:]
    if netloc.count(":") > 1:
        return netloc, ""
    host, _, port = netloc.partition(":")
    return host, port


def parse_port(text: str) -> Optional[int]:
    """The number from 1 to 65535 that a text is, None for any other text (U+00B2 is a digit too)."""
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536:
        return int(text)
    return None


def check_host(host: str) -> str:
    if ":" in host:
        host = check_ipv6(host)
    elif host:
        # Checked after IDNA, which turns one character into others, such as U+2100 into "a/c" (CVE-2019-9636).
        host = encode_host(host)
        labels = (host[:-1] if host.endswith(".") else host).split(".")
        if len(host) > 253 or not all(len(label) < 64 and consists_of(label, NAME_BYTES) for label in labels):
            raise RequestError("the host is no domain name, IPv4 address or IPv6 address")
    ip = parse_ip(host.partition("%")[0])
    if ip is not None and ip.is_unspecified:
        # A server listens on "any address"; only some systems let a client connect to it.
        return "::1" if ip.version == 6 else "127.0.0.1"
    return host


def check_ipv6(host: str) -> str:
    literal, percent, zone = host.partition("%")
    if zone.startswith("25") and zone != "25":
        zone = zone[2:]
    if parse_ip(literal) is None or (percent and not consists_of(zone, ZONE_BYTES)):
        raise RequestError("the host has several colons but is no IPv6 address; with a port that is [::1]:11434")
    return literal.lower() + percent + zone


def check_url_path(path: str) -> str:
    path = path[:-1] if path.endswith("/") else path
    if "@" in path:
        # Legal (RFC 3986, 3.3), but here the likelier reading is user:p/w@host, cut in the wrong place.
        raise RequestError("it has an '@' after a '/': in a password a '/' is written %2F, in a path an '@' is %40")
    if any(segment in ("", ".", "..") for segment in path.lower().replace("%2e", ".").split("/")[1:]):
        raise RequestError("the path has an empty, '.' or '..' segment")
    from urllib.parse import quote

    # A quote is encoded too: at the end of the URL it would be taken for one around it.
    return quote(check_escapes(path), safe="/%!$&()*+,;=:")


def parse_userinfo(userinfo: str) -> Optional[str]:
    """``user:password``, percent-encoded, as an Authorization value; None where there is neither."""
    if not userinfo:
        return None
    from urllib.parse import unquote_to_bytes

    user, _, password = check_escapes(userinfo).partition(":")
    return basic_auth(unquote_to_bytes(user), unquote_to_bytes(password))


def basic_auth(user: bytes, password: bytes) -> str:
    """The Authorization value of a user and a password (RFC 7617, 2)."""
    from base64 import b64encode

    return "Basic " + b64encode(user + b":" + password).decode("ascii")


def check_escapes(text: str) -> str:
    if not all(len(part) >= 2 and consists_of(part[:2], HEX_DIGITS) for part in text.split("%")[1:]):
        raise RequestError("it has a '%' without two hexadecimal digits; a plain one is written %25")
    return text


def encode_host(name: str) -> str:
    # The codec takes quadratic time, so the length comes first.
    if len(name) > 253:
        raise RequestError("the host is longer than 253 characters")
    try:
        return name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        check_origin(error)
        raise RequestError("the host has no IDNA form (RFC 3490)") from error
    except LookupError as error:
        check_origin(error)
        why = "this Python has no codec for names beyond ASCII; write the one that begins with xn--"
        raise connect_error(name, why) from error


def name_for_system(host: str) -> Union[str, bytes]:
    """A host, which is ASCII since it was parsed, for ``getaddrinfo`` and TLS: they send text through the codec for names.

    Bytes need none: an address, which is no name and would load it in vain, or any host where this Python has none.
    """
    if parse_ip(host.partition("%")[0]) is not None and not sys.flags.bytes_warning:  # python -b: a loop logs it as text
        return host.encode("ascii")
    try:
        codecs.lookup("idna")
    except LookupError as error:
        check_origin(error)
        return host.encode("ascii")
    return host


def parse_ip(text: str) -> Union[IPv4Address, IPv6Address, None]:
    """The IP address that ``text`` is, an IPv4 one where it is mapped into IPv6; None for a name."""
    from ipaddress import IPv6Address, ip_address

    try:
        ip = ip_address(text)
    except ValueError as error:
        check_origin(error)
        return None
    return (ip.ipv4_mapped if isinstance(ip, IPv6Address) else None) or ip


def read_variable(environ: Mapping[str, str], name: str) -> Tuple[str, str]:
    source = name if environ.get(name) else name.lower()
    return source, environ.get(source) or ""


def parse_proxy(value: str, source: str) -> Proxy:
    if not isinstance(value, str):
        raise RequestError("%s must be a str or None, not %s. %s" % (source, type(value).__name__, PROXY_FORMS))
    try:
        scheme, auth, host, port, path = split_url(value.strip())
        if not host or path:
            raise RequestError("a proxy has a host, and no path")
    except RequestError as error:
        raise RequestError("%s='%s': %s. %s" % (source, redact_url(value), error, PROXY_FORMS)) from None
    return Proxy(scheme or "http", host, port or SCHEME_PORTS[scheme or "http"], auth=auth, source=source)


def is_exempt(entry: str, address: Address) -> bool:
    """Whether an entry of NO_PROXY covers it: ``*``, a network, or an IP address or domain, ``:port`` or not."""
    from ipaddress import ip_network

    if entry == "*":
        return True
    host = address.host.partition("%")[0]
    ip = parse_ip(host)
    try:
        # ip_network would also take 10.0.0.0/255.0.0.0, which Go does not.
        if ip is not None and "/" in entry and entry.rpartition("/")[2].isdigit():
            return ip in ip_network(entry, strict=False)
        name, port = split_port(entry)
        name = name[1:] if name.startswith("*.") else name
        domain = encode_host(name[1:] if name.startswith(".") else name)
    except (ValueError, ConnectError) as error:  # as RequestError is: an entry without sense is passed over
        check_origin(error)
        return False
    if not name or port not in ("", str(address.port)):
        return False
    if ip or parse_ip(name):
        return ip == parse_ip(name)
    # example.com covers its subdomains too; .example.com and *.example.com cover only these.
    return host.endswith("." + domain) or (host == domain and not name.startswith("."))


def format_host(host: str) -> str:
    return "[%s]" % host.replace("%", "%25") if ":" in host else host


def redact_url(value: str) -> str:
    """A wrong address for its error text; it need not parse, so whatever may be a password or a token goes."""
    head, separator, rest = value.partition("://")
    scheme, rest = (head + separator, rest) if separator and head.isalnum() else ("", value)
    hidden, at, rest = rest.rpartition("@")
    if at:
        # With a "?" before the "@", the "@" may be in a query and what follows it a token.
        rest = "***" if strip_query(hidden) != hidden else "***@" + rest
    return printable(scheme + strip_query(rest), MAX_SHOWN_URL)


def strip_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
