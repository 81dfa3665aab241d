"""Compressed conversations with the `websockets` package, in both directions. Usage: peers.py PROGRAMS"""

import collections
import contextlib
import itertools
import logging
import os
import pathlib
import sys
import threading
import urllib.parse

from websockets.exceptions import ConnectionClosed
from websockets.extensions.base import ServerExtensionFactory
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.sync.client import connect
from websockets.sync.server import serve

from checks import Checks, Program, equal, start_server
from messages import messages

SECONDS = 10
HEADER = "Sec-WebSocket-Extensions"
WINDOWS = range(8, 16)


def main():
    programs = pathlib.Path(sys.argv[1])
    # What the peer of a broken connection logs is not a result.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    every = [
        *(client_checks(programs, name) for name in ["autobahn_server", "blocking_autobahn_server"]),
        *(server_checks(programs, name) for name in ["autobahn_client", "blocking_autobahn_client"]),
        command_checks(programs / "tidings"),
    ]
    sys.exit(1 if any(checks.failures for checks in every) else 0)


# ---- a `websockets` whose peer echoes, whichever of them is the server ----


def pieces(data, cuts):
    bounds = [0, *cuts, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def send(peer, data, cuts):
    peer.send(pieces(data, cuts) if cuts else data)


class Counting:
    """Stands in front of a connection's extensions and counts what its data frames have on the wire."""

    def __init__(self, extensions):
        self.extensions = extensions
        self.payload_len = 0
        self.compressed = 0

    def decode(self, frame, max_size=None):
        if frame.opcode < 8:
            self.payload_len += len(frame.data)
            self.compressed += frame.rsv1
        for extension in reversed(self.extensions):
            frame = extension.decode(frame, max_size=max_size)
        return frame

    def encode(self, frame):
        for extension in self.extensions:
            frame = extension.encode(frame)
        return frame


def counted(peer):
    """Has the connection count from now on."""
    counting = Counting(peer.protocol.extensions)
    peer.protocol.extensions = [counting]
    return counting


def assert_compression(peer, compresses, takeover):
    """Whether our end compresses within the agreement, with or without context."""
    counting = counted(peer)

    def echo_len(data, cuts=()):
        before = counting.payload_len
        send(peer, data, cuts)
        if peer.recv(SECONDS) != data:
            raise AssertionError(f"{len(data)} of {type(data)} came back otherwise")
        return counting.payload_len - before

    text = "compressible " * 500
    length = echo_len(text)
    equal(length < 500, compresses, f"compressed: {len(text)} bytes took {length}")
    equal(echo_len(text.encode(), [0, 1, 3000, 6500]) <= length, True, "fragments took no more")
    echo_len("")
    # Short enough for the smallest window, even doubled.
    novel = os.urandom(90).hex()
    first, second = echo_len(novel), echo_len(novel)
    if not compresses:
        equal((first, second, counting.compressed), (180, 180, 0))
    elif takeover:
        equal(second < 40, True, f"with context, a repetition took {second}")
    else:
        equal(90 < second < 150, True, f"without context, a repetition took {second}")
    # In reach of larger windows only: whoever refers further back than agreed is found out here.
    far = os.urandom(1000)
    for distance in [0, 100, 300, 600, 3000, 12000, 20000]:
        echo_len(far + os.urandom(distance) + far)


def assert_same_echoes(peer, seed, count):
    waiting = collections.deque()
    waiting_len = received = 0

    def receive():
        nonlocal waiting_len, received
        sent = waiting.popleft()
        waiting_len -= len(sent)
        if peer.recv(SECONDS) != sent:
            raise AssertionError(f"message {received} of seed {seed}, of {len(sent)}, came back otherwise")
        received += 1

    for data, cuts in messages(seed, count):
        send(peer, data, cuts)
        waiting.append(data)
        waiting_len += len(data)
        while len(waiting) > 200 or waiting_len > 1 << 20:
            receive()
    while waiting:
        receive()
    equal(received, count, "messages received")


@contextlib.contextmanager
def about(what):
    """Tells which parameters a failure is about."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def has_no_context(answer, side):
    return f"{side}_no_context_takeover" in (answer or "")


# ---- the servers, seen by `websockets` clients ----


def expected_answer(offer, takeover=True, window_bits=15):
    """What a server must answer that likes contexts and windows of this many bits."""
    # Nobody compresses in 256 bytes: zlib takes 512.
    if offer.get("server_max_window_bits") == 8:
        return None
    answer = ["permessage-deflate"]
    if not takeover or offer.get("server_no_context_takeover"):
        answer.append("server_no_context_takeover")
    if not takeover or offer.get("client_no_context_takeover"):
        answer.append("client_no_context_takeover")
    server = min(window_bits, offer.get("server_max_window_bits") or 15)
    if offer.get("server_max_window_bits") or server < 15:
        answer.append(f"server_max_window_bits={server}")
    hint = offer.get("client_max_window_bits", True)
    client = min(window_bits, 15 if hint is True else hint or 15)
    if hint is not None and client < 15:
        answer.append(f"client_max_window_bits={client}")
    return "; ".join(answer)


@contextlib.contextmanager
def client(url, offers, **options):
    """A client with these offers, or with none, and the server's answer."""
    factories = offers and [ClientPerMessageDeflateFactory(**offer) for offer in offers]
    settings = {"proxy": None, "close_timeout": SECONDS, "max_size": None, "max_queue": None, **options}
    with connect(url, compression=None, extensions=factories, **settings) as peer:
        yield peer, peer.response.headers.get(HEADER)
        peer.close()
        equal(peer.protocol.close_rcvd and peer.protocol.close_rcvd.code, 1000, "close code")


def client_checks(programs, name):
    checks = Checks(f"websockets client, {name}")

    @contextlib.contextmanager
    def testee(*arguments):
        server = start_server(programs / name, "127.0.0.1:0", *arguments)
        try:
            yield server.url
            # What it tells of itself is one line; more would be errors.
            equal(server.process.poll(), None, "exit code")
            equal((len(server.stdout.splitlines()), server.stderr), (1, ""), server.stdout)
        finally:
            server.kill()

    def offer_and_talk(url, offer, **config):
        with about(offer), client(url, [offer]) as (peer, answer):
            equal(answer, expected_answer(offer, **config), "answer")
            assert_compression(peer, answer is not None, not has_no_context(answer, "server"))

    def all_offers():
        offers = itertools.product([False, True], [False, True], [None, *WINDOWS], [None, True, *WINDOWS[1:]])
        names = [
            "server_no_context_takeover", "client_no_context_takeover",
            "server_max_window_bits", "client_max_window_bits",
        ]
        with testee() as url:
            for offer in offers:
                offer_and_talk(url, dict(zip(names, offer)))

    def all_servers():
        for takeover, window_bits in itertools.product([True, False], WINDOWS[1:]):
            arguments = ["--window-bits", str(window_bits), *([] if takeover else ["--no-takeover"])]
            with about(arguments), testee(*arguments) as url:
                for own, other in itertools.product([None, 8, 9, 12, 15], [None, True, 9, 12, 15]):
                    offer = {"server_max_window_bits": own, "client_max_window_bits": other}
                    offer_and_talk(url, offer, takeover=takeover, window_bits=window_bits)
                with client(url, [{}]) as (peer, answer):
                    equal(answer, expected_answer({}, takeover, window_bits))
                    assert_same_echoes(peer, window_bits, 200)

    def no_offer():
        with testee() as url, client(url, None) as (peer, answer):
            equal(answer, None)
            assert_compression(peer, False, False)

    def many():
        with testee() as url, client(url, [{}]) as (peer, answer):
            equal(answer, "permessage-deflate")
            assert_same_echoes(peer, 1, 10_000)

    def pings():
        with testee() as url, client(url, [{}]) as (peer, _):
            def fragments():
                yield "compressible " * 100
                peer.protocol.send_ping(b"inside")
                yield "compressible " * 100

            peer.send(fragments())
            equal(peer.recv(SECONDS), "compressible " * 200)
            equal(peer.ping(b"after").wait(SECONDS), True, "a pong came")

    checks.check("all 324 offers get the right answer, and both keep to it", all_offers)
    checks.check("so do offers to servers with smaller windows and without contexts", all_servers)
    checks.check("who offers nothing is not sent compressed messages", no_offer)
    checks.check("10,000 random messages come back, with contexts", many)
    checks.check("pings inside of compressed messages do no harm", pings)
    return checks


# ---- the clients, seen by `websockets` servers ----


class Chosen(ServerExtensionFactory):
    """Negotiates as the factory that was chosen for this connection, or not at all."""

    name = ServerPerMessageDeflateFactory.name

    def __init__(self):
        self.factory = None

    def process_request_params(self, params, accepted_extensions):
        return self.factory.process_request_params(params, accepted_extensions)


def with_echoes(program, arguments, configs, body):
    """Runs a client that echoes: it asks for the number of cases, opens a connection for each, and
    one to end. `body(peer, config, offer, answer)` gets the server's end of each case, whose
    configuration is an element of `configs`; with `None` the server does not compress.
    """
    chosen = Chosen()
    trouble = []
    cases = 0

    def case(request):
        url = urllib.parse.urlsplit(request.path)
        number = urllib.parse.parse_qs(url.query).get("case")
        return url.path, configs[int(number[0]) - 1] if number else None

    def choose(connection, request):
        _, config = case(request)
        chosen.factory = None if config is None else ServerPerMessageDeflateFactory(**config)
        connection.protocol.available_extensions = None if config is None else [chosen]

    def handle(peer):
        nonlocal cases
        path, config = case(peer.request)
        if path == "/getCaseCount":
            peer.send(str(len(configs)))
        if path != "/runCase":
            return
        cases += 1
        try:
            with about(config):
                body(peer, config, peer.request.headers.get(HEADER), peer.response.headers.get(HEADER))
                peer.close()
                equal(peer.protocol.close_rcvd and peer.protocol.close_rcvd.code, 1000, "close code")
        except Exception as error:
            trouble.append(error)

    settings = {"close_timeout": SECONDS, "max_size": None, "max_queue": None, "compression": None}
    with serve(handle, "127.0.0.1", 0, process_request=choose, extensions=[chosen], **settings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Program(program, f"ws://127.0.0.1:{server.socket.getsockname()[1]}", "agent", *arguments)
        try:
            code = client.exit_code(200)
        finally:
            client.kill()
            server.shutdown()
    if trouble:
        raise trouble[0]
    equal((code, client.stdout, client.stderr), (0, "", ""), "exit code, stdout, stderr")
    equal(cases, len(configs), "cases")


def server_checks(programs, name):
    checks = Checks(f"{name}, websockets server")
    program = programs / name

    def talk(peer, _config, _offer, answer):
        # Where it cannot keep to the window it does not compress.
        compresses = answer is not None and "client_max_window_bits=8" not in answer
        assert_compression(peer, compresses, not has_no_context(answer, "client"))

    def all_servers():
        names = [
            "server_no_context_takeover", "client_no_context_takeover",
            "server_max_window_bits", "client_max_window_bits",
        ]
        sets = itertools.product([False, True], [False, True], [None, *WINDOWS[1:]], [None, *WINDOWS])

        def body(peer, config, offer, answer):
            equal(offer, "permessage-deflate; client_max_window_bits")
            talk(peer, config, offer, answer)

        with_echoes(program, [], [dict(zip(names, config)) for config in sets], body)

    def asks():
        for takeover, bits in itertools.product([True, False], WINDOWS):
            arguments = ["--window-bits", str(bits), *([] if takeover else ["--no-takeover"])]
            flags = "" if takeover else "server_no_context_takeover; client_no_context_takeover; "
            wanted = f"permessage-deflate; {flags}server_max_window_bits={bits}; client_max_window_bits={bits}"

            def body(peer, config, offer, answer):
                equal(offer, wanted)
                # The package does not compress in 256 bytes either.
                equal(answer, wanted if bits > 8 else None)
                talk(peer, config, offer, answer)
                assert_same_echoes(peer, bits, 200)

            with about(arguments):
                with_echoes(program, arguments, [{}], body)

    def many():
        def body(peer, config, _offer, answer):
            equal(answer, "permessage-deflate")
            assert_same_echoes(peer, 2, 10_000)

        with_echoes(program, [], [{}], body)

    checks.check("the answers of 288 servers are kept to", all_servers)
    checks.check("it asks for windows and for no contexts, and gets them", asks)
    checks.check("a server that does not compress is not sent compressed messages",
                 lambda: with_echoes(program, [], [None], talk))
    checks.check("10,000 random messages come back, with contexts", many)
    return checks


# ---- `tidings ws --compress` ----


def command_checks(program):
    checks = Checks("tidings ws --compress, websockets server")
    no_context = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    def lines(config, wanted):
        sent = ["short", "", "compressible " * 1000, "電書は便り" * 500, "x" * 60_000] * 2
        answers, trouble, counts = [], [], threading.Event()

        def handle(peer):
            try:
                answers.append(peer.response.headers.get(HEADER))
                counting = counted(peer)
                counts.set()
                with contextlib.suppress(ConnectionClosed):
                    for _ in sent:
                        peer.send(peer.recv(SECONDS))
                # Only those that are longer than 1 KiB.
                equal(counting.compressed, 6 if wanted else 0, "compressed messages")
                equal(counting.payload_len < 3000, bool(wanted), f"{counting.payload_len} bytes")
                with contextlib.suppress(ConnectionClosed):
                    peer.recv(SECONDS)
            except Exception as error:
                trouble.append(error)

        extensions = [] if config is None else [ServerPerMessageDeflateFactory(**config)]
        settings = {"close_timeout": SECONDS, "max_queue": None, "compression": None, "extensions": extensions}
        with serve(handle, "127.0.0.1", 0, **settings) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
            client = Program(program, "ws", url, "--compress", "--linger", "0.5")
            try:
                equal(counts.wait(SECONDS), True, "a connection")
                client.say(*sent)
                client.end_input()
                equal(client.exit_code(SECONDS), 0, f"exit code; {client.stderr}")
            finally:
                client.kill()
                server.shutdown()
        if trouble:
            raise trouble[0]
        equal(answers, [wanted])
        equal(client.stdout == "".join(f"{line}\n" for line in sent), True, "all lines came back")
        compressed = ", compressed" if wanted else ""
        equal(client.stderr, f"connected{compressed}\nclosed: 1000 (normal closure)\n")

    for config, wanted in [
        ({}, no_context),
        ({"server_max_window_bits": 12, "client_max_window_bits": 12},
         f"{no_context}; server_max_window_bits=12; client_max_window_bits=12"),
        ({"client_max_window_bits": 9}, f"{no_context}; client_max_window_bits=9"),
        (None, None),
    ]:
        checks.check(f"{config}: the answer is kept to, lines go both ways", lambda: lines(config, wanted))
    return checks


if __name__ == "__main__":
    main()
