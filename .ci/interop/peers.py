"""Conversations of the examples and of `tidings ws` with the `websockets` package, in both
directions, with and without TLS. Usage: peers.py PROGRAMS CERTIFICATES
"""

import contextlib
import http
import logging
import pathlib
import socket
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.sync.client import connect
from websockets.sync.server import serve

import blocking
from checks import Checks, Program, equal, start_server, until

SECONDS = 10
CJK = "電書は便り"
TEXTS = ["", "a", "hello", CJK, "🎉🏳️‍🌈 e\u0301", "\0", "\ufeffa mark"]
MESSAGE_LEN_MAX = 1 << 20
LENGTHS = [1, 2, 125, 126, 127, 128, 65535, 65536, 65537, MESSAGE_LEN_MAX]
CLOSES = [(1000, ""), (1001, "leaving"), (3000, CJK), (4999, "r" * 123)]
NAMES = {1000: " (normal closure)", 1001: " (going away)"}


def main():
    programs, certificates = map(pathlib.Path, sys.argv[1:])
    # What the peer of a broken connection logs is not a result.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    every = [
        client_checks(programs / "echo_server"),
        server_checks(programs),
        tls_client_checks(programs / "tls_echo", certificates),
        tls_server_checks(programs / "tidings", certificates),
    ]
    sys.exit(1 if any(checks.failures for checks in every) else 0)


# ---- what holds for a `websockets` whose peer echoes, whichever of them is the server ----


def echoed(peer, message):
    peer.send(message)
    back = peer.recv(SECONDS)
    if back != message:
        raise AssertionError(f"{message[:40]!r} of {len(message)} came back as {back[:40]!r}")


def content(length):
    return bytes((i * 31 + (i >> 8)) & 0xFF for i in range(length))


def pings(peer):
    for payload in [b"", b"ping", content(125)]:
        if not peer.ping(payload).wait(SECONDS):
            raise AssertionError("no pong with the payload of the ping")


def echo_checks(checks, with_peer):
    def texts(peer):
        for text in TEXTS:
            echoed(peer, text)

    def lengths(peer):
        for length in [0, *LENGTHS]:
            echoed(peer, "x" * length)
            echoed(peer, content(length))

    def fragments(peer):
        for sent, text in [
            (["frag", "", "ment"], True),
            (list(CJK), True),
            ([bytes([byte]) for byte in CJK.encode()], True),
            ([content(70_000), b"", content(3)], False),
        ]:
            peer.send(sent, text=text)
            whole = type(sent[0])().join(sent)
            equal(peer.recv(SECONDS, decode=False), whole.encode() if whole == str(whole) else whole)

    def received_in_pieces(peer):
        peer.send("x" * 300_000)
        equal("".join(peer.recv_streaming()), "x" * 300_000)

    def ping(peer):
        pings(peer)

        def pieces():
            yield "be"
            peer.protocol.send_ping(b"inside")
            yield "tween"

        peer.send(pieces())
        equal(peer.recv(SECONDS), "between")

    def pipelined(peer):
        messages = [content(i) if i % 2 else f"message {i}" for i in range(500)]
        for message in messages:
            peer.send(message)
        equal([peer.recv(SECONDS) for _ in messages], messages)

    for name, body in [
        ("texts come back, empty ones too", texts),
        ("texts and binaries of all lengths come back", lengths),
        ("fragments become one message, cut inside characters, empty ones too", fragments),
        ("a message can be received as a stream", received_in_pieces),
        ("a ping is answered with its payload, and does no harm inside a message", ping),
        ("500 messages at once come back in order", pipelined),
    ]:
        checks.check(name, lambda: with_peer(body))


def received_close(connection):
    """The code and the reason of the Close frame that comes next, or has come; 1006 for none."""
    try:
        raise AssertionError(f"received {connection.recv(SECONDS)[:40]!r}")
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


def fault_checks(checks, message_len_max, with_broken):
    """What a `websockets` does wrong, and the code that it is told."""
    wrong = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe9"]
    # The peer is still sending when it is told.
    lengths = [message_len_max + 1, message_len_max + (4 << 20)]
    faults = [
        ("texts that are not UTF-8", 1007,
         [lambda peer, text=text: peer.send(text, text=True) for text in wrong]),
        ("a text that is not UTF-8 from its second fragment on", 1007,
         [lambda peer: peer.send([b"\xe9", b"a", b""], text=True)]),
        ("a message that is too long, by a byte or by far", 1009,
         [lambda peer, length=length: peer.send(bytes(length)) for length in lengths]),
        ("fragments that are too long together", 1009,
         [lambda peer: peer.send([bytes(message_len_max), b"x"])]),
        ("a reserved bit", 1002,
         [lambda peer: peer.socket.sendall(bytes([0xC1, 0x80, 0, 0, 0, 0]))]),
    ]
    for name, code, deeds in faults:
        def body():
            for deed in deeds:
                def broken(peer):
                    echoed(peer, "before")
                    # The Close may come while it is still sending.
                    with contextlib.suppress(ConnectionClosed):
                        deed(peer)
                    equal(received_close(peer)[0], code, "close code")

                with_broken(broken)

        checks.check(f"{name} -> {code}", body)


# ---- `echo_server` and `tls_echo`, seen by `websockets` clients ----


def opened(url, **options):
    settings = {"proxy": None, "close_timeout": SECONDS, "max_size": None, **options}
    return (blocking.connect if "ssl" in options else connect)(url, **settings)


def client_checks(program):
    checks = Checks("websockets client, echo_server")
    server = start_server(program, "127.0.0.1:0")
    url = server.url

    def with_client(body):
        with opened(url) as client:
            body(client)

    def server_pings():
        with opened(url) as client:
            seen = []
            receive = client.protocol.recv_frame
            client.protocol.recv_frame = lambda frame: (seen.append(frame), receive(frame))[1]
            for payload in ["", "ping", "p" * 125]:
                client.send(f"/ping {payload}")
                wanted = (9, payload.encode())
                until("the ping arrives", lambda: wanted in [(f.opcode, bytes(f.data)) for f in seen])
            echoed(client, "after")

    def client_closes():
        for code, reason in CLOSES:
            with opened(url) as client:
                client.close(code, reason)
                equal(client.protocol.close_rcvd.code, code, "the code that came back")

    def server_closes():
        for code, reason in CLOSES:
            with opened(url) as client:
                client.send(f"/close {code} {reason}")
                equal(received_close(client), (code, reason))
        with opened(url) as client:
            client.send("/close")
            equal(received_close(client), (1005, ""))

    def many():
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(50) as pool:
            clients = list(pool.map(lambda _: stack.enter_context(opened(url)), range(50)))
            list(pool.map(lambda i: echoed(clients[i], f"client {i}"), range(50)))

    def subprotocols():
        for offered, agreed in [
            (["echo.v1"], "echo.v1"), (["x", "echo.v1", "echo.v2"], "echo.v2"), (["x"], None),
        ]:
            with opened(url, subprotocols=offered) as client:
                equal(client.subprotocol, agreed, "subprotocol")
                echoed(client, "fine")

    def no_compression():
        for compression in ["deflate", None]:
            with opened(url, compression=compression) as client:
                equal(client.protocol.extensions, [], "extensions")
                echoed(client, "compressible " * 1000)

    def origins():
        origin = url.replace("ws:", "http:").removesuffix("/")
        with opened(url, origin=origin) as client:
            echoed(client, "fine")
        refused(InvalidHandshake, "HTTP 403", url, origin="http://evil.example")

    def quiet():
        equal((server.process.poll(), server.stderr), (None, ""), "exit code and stderr")

    echo_checks(checks, with_client)
    fault_checks(checks, MESSAGE_LEN_MAX, with_client)
    for name, body in [
        ("the server pings, its payload arrives, and it goes on after the pong", server_pings),
        ("a close is answered with its code", client_closes),
        ("the server closes, its code and reason arrive", server_closes),
        ("50 connections at once", many),
        ("a subprotocol that both know is agreed on, or none", subprotocols),
        ("permessage-deflate is offered and not agreed on", no_compression),
        ("a page of another origin is refused with 403", origins),
        ("the server still runs, and wrote nothing to stderr", quiet),
    ]:
        checks.check(name, body)
    server.kill()
    return checks


def refused(error, told, url, **options):
    try:
        with opened(url, **options):
            raise AssertionError("it was not refused")
    except error as refusal:
        equal(told in str(refusal), True, f"{told!r} in {refusal}")


def tls_client_checks(program, certificates):
    checks = Checks("websockets client, tls_echo")
    certificate = certificates / "tls_echo_py.pem"
    server = start_server(program, "127.0.0.1:0", certificate)
    trusting = ssl.create_default_context(cafile=certificate)

    def with_client(body):
        with opened(server.url, ssl=trusting) as client:
            body(client)

    def untrusted():
        doubting = ssl.create_default_context()
        refused(ssl.SSLCertVerificationError, "self-signed", server.url, ssl=doubting)
        other = server.url.replace("localhost", "127.0.0.1")
        refused(ssl.SSLCertVerificationError, "IP address mismatch", other, ssl=trusting)
        with_client(lambda client: echoed(client, "still there"))

    echo_checks(checks, with_client)
    fault_checks(checks, MESSAGE_LEN_MAX, with_client)
    checks.check("who does not trust it, or calls it by another name, does not connect", untrusted)
    server.kill()
    return checks


# ---- `echo_client` and `tidings ws`, seen by `websockets` servers ----


def with_server(handler, start, **options):
    """Runs a server, and `start(url)`; what the handler raises counts as the check's."""
    trouble = []

    def handle(connection):
        try:
            handler(connection)
        except Exception as error:
            trouble.append(error)

    settings = {"close_timeout": SECONDS, "max_size": None, **options}
    if "ssl" in options:
        with blocking.serve(handle, "127.0.0.1", 0, **settings) as server:
            start(f"wss://localhost:{server.port}/")
    else:
        with serve(handle, "127.0.0.1", 0, **settings) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                start(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/")
            finally:
                server.shutdown()
    if trouble:
        raise trouble[0]


def echo(connection):
    for message in connection:
        connection.send(message)


def server_checks(programs):
    checks = Checks("echo_client, websockets server")

    def with_client(arguments, handler, told=None, exit_code=0, **options):
        def start(url):
            client = Program(programs / "echo_client", url, *arguments)
            try:
                equal(client.exit_code(SECONDS), exit_code, f"exit code; {client.stderr}")
                if told is not None:
                    equal(client.stdout, told, "stdout")
                equal("panicked" in client.stderr, False, client.stderr)
            finally:
                client.kill()

        with_server(handler, start, **options)

    def closed(code, reason=""):
        return f"closed: {code}{NAMES.get(code, '')}{': ' if reason else ''}{reason}\n"

    def client_closes():
        for code, reason in CLOSES:
            def handler(connection):
                for _ in range(3):
                    connection.send(connection.recv(SECONDS))
                equal(received_close(connection), (code, reason))

            told = 'Pong(ControlPayload(are you there?))\nText("hello")\nText("grüß dich")\nText("你好")\n'
            with_client([str(code), reason], handler, told + closed(code, reason))

    def server_closes():
        for code, reason in CLOSES:
            def handler(connection):
                connection.close(code, reason)
                equal(connection.protocol.close_rcvd.code, code, "the code that came back")

            with_client(["echo"], handler, closed(code, reason))

    def many():
        def start(url):
            clients = [Program(programs / "echo_client", url) for _ in range(50)]
            for client in clients:
                equal(client.exit_code(15), 0, f"exit code; {client.stderr}")

        with_server(echo, start)

    def no_compression():
        def handler(connection):
            equal(connection.protocol.extensions, [], "extensions")
            echoed(connection, "compressible " * 1000)

        with_client(["echo"], handler, compression="deflate")

    def refusal():
        def refuse(connection, _request):
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "come back later\n")

        with_client([], lambda connection: None, "", exit_code=1, process_request=refuse)

    echo_checks(checks, lambda body: with_client(["echo"], body, closed(1000)))
    fault_checks(checks, 16 << 20, lambda body: with_client(["echo"], body, exit_code=1))
    for name, body in [
        ("the client pings, and its code and reason arrive", client_closes),
        ("the server closes, its code and reason arrive, its code comes back", server_closes),
        ("50 clients at once", many),
        ("a server that would compress does not", no_compression),
        ("a server that answers 503 gives exit code 1", refusal),
    ]:
        checks.check(name, body)
    return checks


def tls_server_checks(program, certificates):
    checks = Checks("tidings ws, websockets server with TLS")

    def talk(name, arguments, handler, lines=(), exit_code=0, **options):
        """Runs `tidings ws` with a server that has this certificate; gives stdout and stderr."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
        clients = []

        def start(url):
            client = Program(program, "ws", url, *arguments, "--linger", "1")
            clients.append(client)
            try:
                client.say(*lines)
                client.end_input()
                equal(client.exit_code(SECONDS), exit_code, f"exit code; {client.stderr}")
            finally:
                client.kill()

        with_server(handler, start, ssl=context, **options)
        return clients[0].stdout, clients[0].stderr

    trusting = ["--ca", certificates / "ca.pem"]

    def lines():
        sent = [*TEXTS, *("x" * length for length in LENGTHS)]
        stdout, stderr = talk("localhost", trusting, echo, sent)
        equal(stdout == "".join(f"{line}\n" for line in sent), True, "all lines came back")
        equal(stderr, "connected\nclosed: 1000 (normal closure)\n")

    def subprotocol():
        def handler(connection):
            token = connection.request.headers["X-Token"]
            connection.send(f"{connection.subprotocol} {token}")
            connection.close(4001, "seen")

        arguments = [*trusting, "--subprotocol", "v1", "--header", "X-Token: abc"]
        stdout, stderr = talk(
            "localhost", arguments, handler, exit_code=3, subprotocols=["v2", "v1"]
        )
        equal(stdout, "v1 abc\n")
        equal(stderr, "connected, subprotocol v1\nclosed: 4001: seen\n")

    def no_close_notify():
        """After both Closes the server ends TCP, and TLS is not told (RFC 6455, 7.1.1)."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / "localhost.pem", certificates / "localhost.key")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            client = Program(program, "ws", f"wss://localhost:{port}/", *trusting)
            listener.settimeout(SECONDS)
            with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                protocol = ServerProtocol()
                while not protocol.close_rcvd:
                    protocol.receive_data(connection.recv(1 << 16))
                    for event in protocol.events_received():
                        if isinstance(event, Request):
                            protocol.send_response(protocol.accept(event))
                            protocol.send_close(4001, "seen")
                    connection.sendall(b"".join(protocol.data_to_send()))
            equal(client.exit_code(), 3, f"exit code; {client.stderr}")
            equal(client.stderr, "connected\nclosed: 4001: seen\n")

    def not_trusted(name, arguments, told):
        stdout, stderr = talk(name, arguments, lambda _: None, exit_code=1)
        equal((stdout, told in stderr.lower()), ("", True), f"stdout, {told!r} in {stderr}")

    checks.check("lines of all lengths go both ways", lines)
    checks.check("a subprotocol is agreed on, a header arrives, the close is told", subprotocol)
    checks.check("a server that closes without a close_notify of TLS has closed well", no_close_notify)
    checks.check("a certificate for another name is refused", lambda: not_trusted("other", trusting, "name"))
    checks.check("a certificate that nobody trusts is refused", lambda: not_trusted("localhost", [], "issuer"))
    return checks


if __name__ == "__main__":
    main()
