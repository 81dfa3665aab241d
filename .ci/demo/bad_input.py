"""What a server on the open internet gets: garbage, attacks and broken clients, over raw sockets.

A good WebSocket client and a good event stream stay connected throughout and must notice nothing.
Usage: bad_input.py BINARY
"""

import base64
import contextlib
import hashlib
import os
import re
import socket
import struct
import sys
import threading
import time

from checks import Checks, equal, start_server, until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MESSAGE_LEN_MAX = 16 * 1024
# How long the demo waits for a head and for the answer to a Close; what a busy machine may add.
HEAD_SECONDS = 10
CLOSE_SECONDS = 5
SLACK_SECONDS = 3
# Far above what the server needs, far below what a number in a header could make it take.
MEMORY_MAX = 64 << 20


def main():
    checks = Checks("bad input")
    server = start_server(sys.argv[1], "demo", "--listen", "127.0.0.1:0")
    try:
        run(checks, server)
    finally:
        server.kill()
    checks.finish()


def run(checks, server):
    port = server.port
    chat, stream = SteadyChat(port), SteadyStream(port)
    until("the good clients are connected", lambda: chat.echoed > 2 and stream.numbers)
    files_before = open_files(server)
    waiting = [Waiting(port, name, start, rest) for name, start, rest in slow_heads()]

    def check(name, body):
        def body_and_bystanders():
            body()
            equal(server.process.poll(), None, "exit code of the server")
            for bystander in (chat, stream):
                equal(bystander.trouble, None, type(bystander).__name__)

        checks.check(name, body_and_bystanders)

    for name, request, status, headers in requests(port):
        check(f"{name} -> {status}", lambda: refused(port, request, status, headers))
    check("a header of 1 MiB -> 431, or the end", lambda: refused_or_cut(port, huge_header(port)))
    check("an HTTP/2 preface -> the end", lambda: ended(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    check("a half head, then the end of input -> the end", lambda: ended(port, b"GET /chat HT", True))
    for name, frames, code in frame_faults():
        check(f"{name} -> {code}", lambda: closed_with(port, frames, code))
    for name, body in [
        ("a binary message -> 1003", binary_message),
        (f"a Close that is not answered -> ended after {CLOSE_SECONDS} s", unanswered_close),
        ("a frame in the packet of the handshake is not lost", frame_with_handshake),
        ("100 messages in one packet all arrive", many_in_one_packet),
        ("a frame that comes byte by byte is read", byte_by_byte),
        ("text after a Close is not delivered", lambda port: text_after_close(port, chat)),
        ("half of the connection is closed -> the end", half_close),
        ("half of the connection is closed inside a frame -> the end", half_close_in_frame),
        ("a reset is survived, also inside a frame", resets),
        ("50 connections that end at once are survived", crowd),
        ("a client that reads nothing holds nobody up", reads_nothing),
    ]:
        check(name, lambda: body(port))
    for client in waiting:
        check(f"{client.name} -> ended after {HEAD_SECONDS} s", client.assert_ended_in_time)

    def nothing_left():
        seconds = 12.0  # the client that read nothing has a write timeout of 10 s
        until("only the good WebSocket is left", lambda: stream.stats.get("websockets") == 1, seconds)
        until("only the good stream is left", lambda: stream.stats.get("event_streams") == 1)
        until("the files are closed", lambda: open_files(server) <= files_before, seconds)

    check("no connection is left over", nothing_left)
    check(f"the memory stays below {MEMORY_MAX >> 20} MiB", lambda: memory_is_bounded(server))
    check("the good clients noticed nothing", lambda: (chat.assert_served(), stream.assert_served()))

    def terminate():
        server.process.terminate()
        equal(server.exit_code(), 0, "exit code")
        equal(chat.wait_for_close(), 1001, "close code")
        stream.wait_for_end()
        equal(server.stderr, "", "stderr of the server")

    checks.check("SIGTERM: Close 1001, the stream ends, exit code 0, nothing on stderr", terminate)


# ---- what is sent instead of a good request ----


def head(port, *headers, line="GET /chat HTTP/1.1"):
    lines = [line, f"Host: 127.0.0.1:{port}", *headers, "", ""]
    return "\r\n".join(lines).encode()


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"


def requests(port):
    """(what it is, the bytes, the status, headers of the answer)"""
    client_hello = bytes.fromhex("16030100c8010000c40303") + os.urandom(32) + bytes(164)
    good = (*UPGRADE, KEY, VERSION)
    wants_13 = {"sec-websocket-version": "13", "upgrade": "websocket"}
    long = f"X: {'x' * 20_000}"
    many = [f"X-{number}: 1" for number in range(200)]
    other_key = "Sec-WebSocket-Key: "
    inspect = "POST /inspect HTTP/1.1"
    chunk = b"1c00\r\n" + b"0" * 7168 + b"\r\n0\r\n\r\n"
    return [
        ("garbage", b"\x00\xff\x01 garbage \xfe\r\n\r\n" * 10, 400, {}),
        ("a TLS client hello", client_hello, 400, {}),
        ("a header of 20 kB", head(port, *good, long), 431, {}),
        ("200 headers", head(port, *good, *many), 431, {}),
        ("no Key", head(port, *UPGRADE, VERSION), 400, {}),
        ("a short Key", head(port, *UPGRADE, VERSION, other_key + "c2hvcnQ="), 400, {}),
        ("a Key that is not base64", head(port, *UPGRADE, VERSION, other_key + "!" * 24), 400, {}),
        ("two Keys", head(port, *good, KEY), 400, {}),
        ("no Version", head(port, *UPGRADE, KEY), 426, wants_13),
        ("Version 8", head(port, *UPGRADE, KEY, "Sec-WebSocket-Version: 8"), 426, wants_13),
        ("no Upgrade", head(port, KEY, VERSION), 426, wants_13),
        ("no Host", b"GET /chat HTTP/1.1\r\n" + head(port, *good).split(b"\r\n", 2)[2], 400, {}),
        ("HTTP/1.0", head(port, *good, line="GET /chat HTTP/1.0"), 505, {}),
        ("POST", head(port, *good, line="POST /chat HTTP/1.1"), 405, {"allow": "GET"}),
        ("POST to the page", head(port, line="POST / HTTP/1.1"), 405, {"allow": "GET, HEAD"}),
        ("another Origin", head(port, *good, "Origin: http://evil.example"), 403, {}),
        ("the Origin of another port", head(port, *good, "Origin: http://127.0.0.1:1"), 403, {}),
        ("the opaque Origin", head(port, *good, "Origin: null"), 403, {}),
        ("a body", head(port, *good, "Content-Length: 5") + b"hello", 400, {}),
        ("a chunked body", head(port, *good, "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, {}),
        ("GET of the inspector", head(port, line="GET /inspect HTTP/1.1"), 405, {"allow": "POST"}),
        ("a body of 1 GiB", head(port, "Content-Length: 1073741824", line=inspect), 413, {}),
        ("a chunk of 7 KiB", head(port, "Transfer-Encoding: chunked", line=inspect) + chunk, 413, {}),
        ("an inspector of nobody's frames", head(port, line="POST /inspect?from=x HTTP/1.1"), 400, {}),
        ("bytes that are not hexadecimal", head(port, "Content-Length: 1", line=inspect) + b"x", 400, {}),
        ("an unknown path", head(port, *good, line="GET /nowhere HTTP/1.1"), 404, {}),
    ]


def huge_header(port):
    return head(port, f"X: {'x' * (1 << 20)}")


def slow_heads():
    """(what it is, what is sent at once, what is dripped for as long as the server takes it)"""
    return [
        ("a connection without a byte", b"", b""),
        ("a head that drips", b"GET /chat HTTP/1.1\r\nX: ", b"x"),
        ("a head that drips header by header", b"GET /chat HTTP/1.1\r\n", b"X: y\r\n"),
        ("a body that drips", b"POST /inspect HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n", b"0"),
    ]


# ---- what is sent after a good handshake ----


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None):
    """A frame; `length` is the number to write in its header, if not that of the payload."""
    length = len(payload) if length is None else length
    mask_bit = 0x80 if masked else 0
    if length < 126:
        size = bytes([mask_bit | length])
    elif length < 1 << 16:
        size = struct.pack("!BH", mask_bit | 126, length)
    else:
        size = struct.pack("!BQ", mask_bit | 127, length)
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if not masked:
        return first + size + payload
    key = os.urandom(4)
    return first + size + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


def frame_faults():
    """(what it is, the bytes, the close code)"""
    begun = frame(TEXT, b"begun", fin=False)
    key = os.urandom(4)
    half = b"x" * (MESSAGE_LEN_MAX // 2 + 1)
    return [
        ("an unmasked frame", frame(TEXT, b"hello", masked=False), 1002),
        *((f"reserved bit {bit}", frame(TEXT, b"hello", rsv=8 >> bit), 1002) for bit in (1, 2, 3)),
        *((f"reserved opcode {code}", frame(code), 1002) for code in (3, 7, 11, 15)),
        ("HTTP instead of a frame", b"GET / HTTP/1.1\r\n\r\n", 1002),
        ("a length of 2^63", frame(TEXT, length=1 << 63), 1002),
        ("a length of 2^64 - 1", frame(BINARY, length=(1 << 64) - 1), 1002),
        ("a length of 2^62", frame(TEXT, length=1 << 62), 1009),
        ("a length of 2^32", frame(TEXT, length=1 << 32), 1009),
        ("length 5 in two bytes", b"\x81\xfe\x00\x05" + key + b"hello", 1002),
        ("length 126 in eight bytes", b"\x81\xff" + struct.pack("!Q", 126) + key, 1002),
        ("text that is not UTF-8", frame(TEXT, b"caf\xe9 au lait"), 1007),
        ("a surrogate in UTF-8", frame(TEXT, b"\xed\xa0\x80"), 1007),
        ("an overlong character", frame(TEXT, b"\xc0\xaf"), 1007),
        ("text that ends inside a character", frame(TEXT, "é".encode()[:1]), 1007),
        ("bad UTF-8 across fragments",
         frame(TEXT, b"\xe9", fin=False) + frame(CONTINUATION, b"\x61", fin=False), 1007),
        # The rest of the frame never comes: the code must not wait for it.
        ("bad UTF-8 at the start of a frame", frame(TEXT, b"\xff", length=1000), 1007),
        ("a ping of 126 bytes", frame(PING, bytes(126)), 1002),
        ("a close of 126 bytes", frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
        ("a fragmented ping", frame(PING, b"x", fin=False), 1002),
        ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
        ("a continuation after the end", begun + frame(CONTINUATION) + frame(CONTINUATION), 1002),
        ("a message inside a message", begun + frame(TEXT, b"x"), 1002),
        ("a close with 1 byte", frame(CLOSE, b"\x03"), 1002),
        *((f"close code {code}", close_frame(code), 1002)
          for code in (0, 999, 1004, 1005, 1006, 1015, 5000, 65535)),
        ("a close reason that is not UTF-8", close_frame(1000, b"\xff"), 1007),
        ("a message of 16 KiB and a byte", frame(TEXT, b"x" * (MESSAGE_LEN_MAX + 1)), 1009),
        ("fragments of 16 KiB and two bytes",
         frame(TEXT, half, fin=False) + frame(CONTINUATION, half, fin=False), 1009),
        ("20,000 empty fragments",
         frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 20_000, 1008),
        ("1,000 pings at once", frame(PING, b"x") * 1000, 1008),
        ("1,000 pongs at once", frame(PONG, b"x") * 1000, 1008),
    ]


# ---- how a raw client goes about it ----


def connected(port, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(5)
    client.connect(("127.0.0.1", port))
    return client


class Frames:
    """An open WebSocket, frame by frame."""

    def __init__(self, port, first=b"", receive_buffer=None):
        self.socket = connected(port, receive_buffer)
        self.received = b""
        key = base64.b64encode(os.urandom(16))
        named = f"Sec-WebSocket-Key: {key.decode()}"
        self.socket.sendall(head(port, *UPGRADE, named, VERSION) + first)
        while b"\r\n\r\n" not in self.received:
            self._fill()
        answer, self.received = self.received.split(b"\r\n\r\n", 1)
        accept = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        equal(answer.split()[1], b"101", "status")
        equal(base64.b64encode(accept) in answer, True, "Sec-WebSocket-Accept")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def next(self):
        """The next frame as (opcode, payload), or None at the end."""
        while True:
            taken = self._take()
            if taken:
                return taken
            if not self._fill():
                return None

    def next_where(self, what, wanted, seconds=2):
        """The next frame that is wanted. The chat of others may come before, not an end."""
        end = time.monotonic() + seconds
        self.socket.settimeout(seconds)
        while time.monotonic() < end:
            received = self.next()
            if wanted(received):
                return received
            if received is None or received[0] == CLOSE:
                raise AssertionError(f"{received!r} instead of {what}")
        raise AssertionError(f"not within {seconds} s: {what}")

    def next_close(self):
        """The payload of the Close frame."""
        return self.next_where("a Close", lambda seen: seen and seen[0] == CLOSE)[1]

    def next_text(self, wanted):
        self.next_where(f"the text {wanted[:40]!r}", lambda seen: seen == (TEXT, wanted))

    def to_end(self):
        """Reads until the connection ends, with or without a Close."""
        self.next_where("the end", lambda seen: seen is None or seen[0] == CLOSE)

    def _fill(self):
        data = self.socket.recv(1 << 16)
        self.received += data
        return bool(data)

    def _take(self):
        if len(self.received) < 2:
            return None
        first, length = self.received[0], self.received[1]
        equal(first & 0x70, 0, "reserved bits of the server")
        equal(length & 0x80, 0, "mask bit of the server")
        start = 2
        if length == 126:
            start, length = 4, int.from_bytes(self.received[2:4], "big")
        elif length == 127:
            start, length = 10, int.from_bytes(self.received[2:10], "big")
        if len(self.received) < start + length:
            return None
        payload = self.received[start:start + length]
        self.received = self.received[start + length:]
        return first & 0x0F, payload


def read_to_end(client):
    received = b""
    while data := client.recv(1 << 16):
        received += data
    return received


def refused(port, request, status, headers):
    with connected(port) as client:
        client.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            data = client.recv(1 << 16)
            if not data:
                raise AssertionError(f"the connection ended after {received!r}")
            received += data
    line, *rest = received.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    equal(int(line.split()[1]), status, "status")
    seen = {name.lower(): value.strip() for name, value in (one.split(":", 1) for one in rest)}
    for name, value in headers.items():
        equal(seen.get(name), value, name)


def refused_or_cut(port, request):
    """A client that is still sending when it is refused may miss the answer."""
    with connected(port) as client:
        try:
            client.sendall(request)
            received = read_to_end(client)
        except (ConnectionResetError, BrokenPipeError):
            return
    equal(received.split()[1], b"431", "status")


def ended(port, start, shut_down=False):
    with connected(port) as client:
        client.sendall(start)
        if shut_down:
            client.shutdown(socket.SHUT_WR)
        client.settimeout(2)
        read_to_end(client)


def closed_with(port, data, code):
    """The Close comes with this code, soon, and then the connection ends."""
    with Frames(port) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
        payload = client.next_close()
        equal(int.from_bytes(payload[:2], "big"), code, "close code")
        payload[2:].decode("utf-8")
        equal(client.next(), None, "after the Close")


def binary_message(port):
    """No violation: the closing handshake is done in full."""
    with Frames(port) as client:
        client.send(frame(BINARY, b"x"))
        payload = client.next_close()
        equal(payload[:2], struct.pack("!H", 1003), "close code")
        client.send(frame(CLOSE, payload))
        equal(client.next(), None, "after the Close")


def unanswered_close(port):
    with Frames(port) as client:
        client.send(frame(BINARY, b"x"))
        client.next_close()
        started = time.monotonic()
        client.socket.settimeout(CLOSE_SECONDS + SLACK_SECONDS)
        equal(client.next(), None, "after the Close")
        seconds = time.monotonic() - started
        equal(seconds > CLOSE_SECONDS - 1, True, f"ended after {seconds:.1f} s already")


def frame_with_handshake(port):
    with Frames(port, first=frame(TEXT, b"early")) as client:
        client.next_text(b"early")


def many_in_one_packet(port):
    """The room answers while the rest of the packet waits to be read: nothing of it may be lost."""
    with Frames(port) as client:
        texts = [f"one of many, {number}".encode() for number in range(100)]
        client.send(b"".join(frame(TEXT, text) for text in texts))
        for text in texts:
            client.next_text(text)


def byte_by_byte(port):
    with Frames(port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(TEXT, "drip – drop".encode()):
            client.send(bytes([byte]))
            time.sleep(0.005)
        client.next_text("drip – drop".encode())


def text_after_close(port, chat):
    with Frames(port) as client:
        client.send(close_frame(1000) + frame(TEXT, b"a ghost speaks"))
        equal(client.next_close(), struct.pack("!H", 1000), "payload of the Close")
        equal(client.next(), None, "after the Close")
    echoed = chat.echoed
    until("the chat goes on", lambda: chat.echoed > echoed + 1)
    equal(b"a ghost speaks" in chat.others, False, "the ghost is heard")


def half_close(port):
    with Frames(port) as client:
        client.socket.shutdown(socket.SHUT_WR)
        client.to_end()


def half_close_in_frame(port):
    with Frames(port) as client:
        client.send(frame(TEXT, b"cut", length=100))
        client.socket.shutdown(socket.SHUT_WR)
        client.to_end()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def resets(port):
    for data in [b"", frame(TEXT, b"cut", length=100), frame(TEXT, b"begun", fin=False), b"\x81"]:
        with Frames(port) as client:
            client.send(data)
            reset(client.socket)
    for data in [b"", b"GET /ch", head(port, *UPGRADE, KEY, VERSION), head(port, line="GET /events HTTP/1.1")]:
        client = connected(port)
        client.sendall(data)
        reset(client)


def crowd(port):
    clients = [Frames(port) for _ in range(50)]
    for client in clients:
        client.send(frame(TEXT, b"we are many"))
    for number, client in enumerate(clients):
        if number % 2:
            reset(client.socket)
        else:
            client.socket.close()


def reads_nothing(port):
    """One client reads nothing while another sends 8 MiB to the room."""
    text = b"y" * MESSAGE_LEN_MAX
    with Frames(port, receive_buffer=4096), Frames(port) as speaker:
        message = frame(TEXT, text)
        for _ in range(512):
            speaker.send(message)
            speaker.next_text(text)


class Waiting(threading.Thread):
    """A client that is slow with its head, in the background."""

    def __init__(self, port, name, start, rest):
        super().__init__(daemon=True)
        self.name = name
        self.rest = rest
        self.client = connected(port)
        self.client.sendall(start)
        self.started = time.monotonic()
        self.seconds = None
        self.start()

    def run(self):
        self.client.settimeout(0.25)
        while time.monotonic() < self.started + HEAD_SECONDS + SLACK_SECONDS:
            try:
                if self.rest:
                    self.client.sendall(self.rest)
                # An answer, if there is one, comes before the end.
                if not self.client.recv(1 << 16):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return
        self.seconds = time.monotonic() - self.started

    def assert_ended_in_time(self):
        self.join(HEAD_SECONDS + SLACK_SECONDS + 1)
        if self.seconds is None:
            raise AssertionError(f"not ended after {HEAD_SECONDS + SLACK_SECONDS} s")
        if self.seconds < HEAD_SECONDS - 1:
            raise AssertionError(f"ended after {self.seconds:.1f} s already")


# ---- the good clients ----


class SteadyChat(threading.Thread):
    """Says something every 50 ms and expects to hear it within two seconds."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = Frames(port)
        self.trouble = None
        self.echoed = 0
        self.others = set()
        self.close_code = None
        self.start()

    def run(self):
        try:
            while self._say_and_hear(f"steady {self.echoed}".encode()):
                self.echoed += 1
                time.sleep(0.05)
        except Exception as error:
            self.trouble = f"after {self.echoed} messages: {type(error).__name__}: {error}"

    def _say_and_hear(self, text):
        self.client.socket.settimeout(2)
        self.client.send(frame(TEXT, text))
        while True:
            received = self.client.next()
            if received is None:
                raise AssertionError("the connection ended")
            opcode, payload = received
            if opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.client.send(frame(CLOSE, payload))
                return False
            if opcode == PING:
                self.client.send(frame(PONG, payload))
            elif payload == text:
                return True
            elif payload.startswith((b"steady", b"(")):
                raise AssertionError(f"{payload!r} instead of {text!r}")
            else:
                self.others.add(payload[:100])

    def assert_served(self):
        equal((self.trouble, self.close_code), (None, None), "trouble, close code")
        equal(self.echoed > 50, True, f"{self.echoed} messages")

    def wait_for_close(self):
        self.join(3)
        equal(self.trouble, None, "trouble")
        return self.close_code


class SteadyStream(threading.Thread):
    """Reads the events and expects one at least every three seconds, none missing."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = connected(port)
        self.client.sendall(head(port, line="GET /events HTTP/1.1"))
        self.trouble = None
        self.numbers = []
        self.stats = {}
        self.ended = False
        self.start()

    def run(self):
        try:
            self.client.settimeout(3)
            with self.client.makefile("rb") as lines:
                for line in lines:
                    self._read(line.decode("utf-8").strip())
            self.ended = True
        except Exception as error:
            self.trouble = f"after {self.numbers}: {type(error).__name__}: {error}"

    def _read(self, line):
        if match := re.fullmatch(r"id: ?[0-9a-f]+-(\d+)", line):
            number = int(match[1])
            if self.numbers and number != self.numbers[-1] + 1:
                raise AssertionError(f"event {number} after {self.numbers[-1]}")
            self.numbers.append(number)
        elif line.startswith("data:"):
            self.stats = {name: int(value) for name, value in re.findall(r'"(\w+)":(\d+)', line)}

    def assert_served(self):
        equal((self.trouble, self.ended), (None, False), "trouble, ended")
        equal(len(self.numbers) > 5, True, f"{len(self.numbers)} events")

    def wait_for_end(self):
        self.join(3)
        equal((self.trouble, self.ended), (None, True), "trouble, ended")


# ---- what the kernel says of the server ----


def open_files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory_is_bounded(server):
    """The most that was ever resident."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        most = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) << 10
    if most > MEMORY_MAX:
        raise AssertionError(f"{most >> 20} MiB were resident")


if __name__ == "__main__":
    main()
