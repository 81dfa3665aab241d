"""Frames as no package sends them, to the servers: the examples of RFC 7692, reserved bits where they
must not be, what does not decompress, and bombs. Usage: frames.py PROGRAMS
"""

import base64
import contextlib
import itertools
import os
import pathlib
import re
import socket
import sys
import threading
import zlib

from checks import Checks, equal, start_server

SECONDS = 20
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
FIN = 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TAIL = b"\x00\x00\xff\xff"
MIB = 1 << 20
# What the servers take by default.
MESSAGE_LEN_MAX = 16 * MIB


def main():
    programs = pathlib.Path(sys.argv[1])
    bombs = {length: deflated_zeros(length) for length in [MESSAGE_LEN_MAX, MESSAGE_LEN_MAX + 1, 1 << 30]}
    every = [
        checks
        for name in ["autobahn_server", "blocking_autobahn_server"]
        for checks in [frame_checks(programs / name), bomb_checks(programs / name, bombs)]
    ]
    sys.exit(1 if any(checks.failures for checks in every) else 0)


class Client:
    """A connection whose every byte is in our hand."""

    def __init__(self, port, offer="permessage-deflate", answer="permessage-deflate"):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.received = b""
        self.inflater = zlib.decompressobj(wbits=-15)
        extensions = f"Sec-WebSocket-Extensions: {offer}\r\n" if offer else ""
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"{extensions}\r\n".encode()
        )
        while b"\r\n\r\n" not in self.received:
            self.receive()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        answers = re.findall(r"(?im)^Sec-WebSocket-Extensions: *(.*?)\s*$", head.decode())
        equal(answers, [answer] if answer else [], "answer")

    def receive(self):
        received = self.socket.recv(1 << 16)
        if not received:
            raise AssertionError("the end, without a Close")
        self.received += received

    def take(self, length):
        while len(self.received) < length:
            self.receive()
        taken, self.received = self.received[:length], self.received[length:]
        return taken

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def frame(self):
        """The next frame: the byte with FIN, the reserved bits and the opcode, and the payload."""
        first, length = self.take(2)
        equal(length & 0x80, 0, "a server's frame is not masked")
        if length >= 126:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        return first, self.take(length)

    def message(self):
        """The next message, in one frame; the echo of one that was sent."""
        first, payload = self.frame()
        if first & 0x0F == CLOSE:
            raise AssertionError(f"closed: {payload}")
        equal(first & (FIN | RSV2 | RSV3), FIN, "FIN, RSV2, RSV3")
        if first & RSV1:
            payload = self.inflater.decompress(payload) + self.inflater.decompress(TAIL)
        return first & 0x0F, payload

    def echoed(self, wanted, opcode=TEXT):
        equal(self.message() == (opcode, wanted), True, f"the echo of {wanted[:40]}")

    def close_code(self):
        """The code of the Close that comes next. Messages may come before it."""
        while True:
            first, payload = self.frame()
            if first & 0x0F == CLOSE:
                equal(first, FIN | CLOSE, "the bits of the Close")
                return int.from_bytes(payload[:2], "big")


def frame(first, payload=b""):
    mask = os.urandom(4)
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 1 << 16:
        head = bytes([first, 0xFE]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + length.to_bytes(8, "big")
    key = int.from_bytes(mask * (length // 4 + 1), "big") >> (8 * (4 - length % 4))
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")


def message(payload, opcode=TEXT):
    """A compressed message in one frame."""
    return frame(FIN | RSV1 | opcode, payload)


def fragments(pieces, opcode=TEXT, first=RSV1):
    """A compressed message in several frames."""
    last = len(pieces) - 1
    return [
        frame((FIN if i == last else 0) | (0 if i else first | opcode), piece)
        for i, piece in enumerate(pieces)
    ]


def deflated(data, wbits=-15):
    compressor = zlib.compressobj(wbits=wbits)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


HELLO = bytes.fromhex("f248cdc9c90700")

# RFC 7692, 7.2.3, and what else a compressor may write for "Hello".
GOOD = [
    ("one message (7.2.3.1)", [message(HELLO)], 1),
    ("two fragments (7.2.3.1)", fragments([HELLO[:3], HELLO[3:]]), 1),
    ("every byte a fragment, and empty ones", fragments([b"", *(bytes([b]) for b in HELLO), b""]), 1),
    ("a context (7.2.3.2)", [message(HELLO), message(bytes.fromhex("f200110000"))], 2),
    ("a block without compression (7.2.3.3)", [message(bytes.fromhex("000500faff48656c6c6f00"))], 1),
    ("a block with BFINAL (7.2.3.4)", [message(bytes.fromhex("f348cdc9c9070000"))], 1),
    ("a block with BFINAL, and a context after it",
     [message(bytes.fromhex("f348cdc9c9070000")), message(bytes.fromhex("f200110000"))], 2),
    ("two blocks (7.2.3.5)", [message(bytes.fromhex("f248050000 00ffff cac9c90700"))], 1),
    ("two blocks, cut between them", fragments([bytes.fromhex("f248050000"), bytes.fromhex("00ffffcac9c90700")]), 1),
    ("empty blocks in front", [message(b"\x00" + TAIL + b"\x00" + TAIL + HELLO)], 1),
    ("no compression where it was agreed on", [frame(FIN | TEXT, b"Hello"), message(HELLO), frame(FIN | TEXT, b"Hello")], 3),
    ("fragments without compression", [frame(TEXT, b"He"), frame(FIN, b"llo")], 1),
    ("pings between fragments",
     [frame(RSV1 | TEXT, HELLO[:2]), frame(FIN | PONG, b"p"), frame(0, HELLO[2:4]), frame(FIN | PONG), frame(FIN, HELLO[4:])], 1),
]

LONG = deflated(bytes(range(256)) * 40)

# What must be refused, and how.
BAD = [
    ("RSV1 on a ping", 1002, [frame(FIN | RSV1 | PING, b"x")]),
    ("RSV1 on a pong", 1002, [frame(FIN | RSV1 | PONG)]),
    ("RSV1 on a Close", 1002, [frame(FIN | RSV1 | CLOSE, b"\x03\xe8")]),
    ("RSV1 on a ping inside of a compressed message", 1002, [frame(RSV1 | TEXT, HELLO[:2]), frame(FIN | RSV1 | PING)]),
    ("RSV1 on the last fragment", 1002, [frame(RSV1 | TEXT, HELLO[:2]), frame(FIN | RSV1, HELLO[2:])]),
    ("RSV1 on a fragment in the middle", 1002, [frame(RSV1 | TEXT, HELLO[:2]), frame(RSV1, HELLO[2:4])]),
    ("RSV1 on the second fragment only", 1002, [frame(TEXT, b"He"), frame(FIN | RSV1, HELLO)]),
    ("RSV2 on a compressed message", 1002, [frame(FIN | RSV1 | RSV2 | TEXT, HELLO)]),
    ("RSV3 on a compressed message", 1002, [frame(FIN | RSV1 | RSV3 | TEXT, HELLO)]),
    ("RSV2 alone", 1002, [frame(FIN | RSV2 | TEXT, b"Hello")]),
    ("a reserved type of block", 1007, [message(b"\x07\x00")]),
    ("a stored block with a wrong length", 1007, [message(bytes.fromhex("000500faf048656c6c6f00"))]),
    ("a match in front of the beginning", 1007, [message(bytes.fromhex("f200110000"))]),
    ("a dynamic block without codes", 1007, [message(b"\x04" + bytes(20))]),
    ("0xFF", 1007, [message(b"\xff" * 100, BINARY)]),
    ("a message that ends inside a block", 1007, [message(LONG[:50], BINARY)]),
    ("fragments that end inside a block", 1007, fragments([LONG[:20], LONG[20:50], b""], BINARY)),
    ("one that ends inside the length of a stored block", 1007, [message(bytes.fromhex("000500"), BINARY)]),
    ("a corrupt fragment, long before the last", 1007, [frame(RSV1 | BINARY, LONG + TAIL), frame(0, b"\x07\x00")]),
    ("a corrupt message after good ones", 1007, [message(HELLO), message(HELLO), message(b"\x07\x00")]),
    ("text that is not UTF-8", 1007, [message(deflated(b"Hello \xff!"))]),
    ("text that ends inside a character", 1007, [message(deflated("電".encode()[:2]))]),
    ("text whose character is cut by a wrong one", 1007, fragments([deflated("é".encode()[:1] + b"a") + TAIL, deflated(b"x")])),
]


def frame_checks(program):
    checks = Checks(program.name)
    server = start_server(program, "127.0.0.1:0")

    def good(frames, count):
        client = Client(server.port)
        client.send(*frames)
        for _ in range(count):
            client.echoed(b"Hello")
        client.send(frame(FIN | CLOSE, b"\x03\xe8"))
        equal(client.close_code(), 1000, "close code")

    def cut(frames, count):
        """As `good`, a byte at a time."""
        client = Client(server.port)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"".join(frames):
            client.send(bytes([byte]))
        for _ in range(count):
            client.echoed(b"Hello")

    def bad(frames, code, **agreement):
        client = Client(server.port, **agreement)
        client.send(*frames)
        equal(client.close_code(), code, "close code")

    def cuts():
        data = os.urandom(3000) * 3 + "電書は便り".encode() * 500
        payload = deflated(data)
        client = Client(server.port)
        for length in [1, 2, 7, 100, 1000]:
            pieces = [payload[i : i + length] for i in range(0, len(payload), length)]
            client.send(*fragments(pieces, BINARY))
            client.echoed(data, BINARY)

    def characters():
        text = "電書は便り🎉" * 300
        client = Client(server.port)
        for length in [1, 2, 3, 5]:
            # Each fragment ends where its part of the text does, inside of characters too.
            compressor = zlib.compressobj(wbits=-15)
            parts = [text.encode()[i : i + length] for i in range(0, len(text.encode()), length)]
            pieces = [compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH) for part in parts[:100]]
            pieces.append(compressor.compress(b"".join(parts[100:])) + compressor.flush(zlib.Z_SYNC_FLUSH))
            pieces[-1] = pieces[-1].removesuffix(TAIL)
            client.send(*fragments(pieces))
            client.echoed(text.encode())

    def no_context():
        """Where no context was agreed on, a message that refers to the one before is corrupt."""
        offer = "permessage-deflate; client_no_context_takeover"
        client = Client(server.port, offer, offer)
        client.send(message(HELLO), message(HELLO))
        client.echoed(b"Hello")
        client.echoed(b"Hello")
        client.send(message(bytes.fromhex("f200110000")))
        equal(client.close_code(), 1007, "close code")

    def still():
        good([message(HELLO)], 1)
        equal((server.process.poll(), server.stderr), (None, ""), "exit code and stderr")

    for name, frames, count in GOOD:
        checks.check(f"{name} is Hello", lambda: good(frames, count))
        checks.check(f"{name} is Hello, a byte at a time", lambda: cut(frames, count))
    checks.check("a message cut into fragments anywhere", cuts)
    checks.check("fragments cut inside of characters", characters)
    checks.check("RSV1 without an agreement -> 1002", lambda: bad([message(HELLO)], 1002, offer=None, answer=None))
    declined = "permessage-deflate; server_max_window_bits=8"
    checks.check("RSV1 where the offer was declined -> 1002", lambda: bad([message(HELLO)], 1002, offer=declined, answer=None))
    for name, code, frames in BAD:
        checks.check(f"{name} -> {code}", lambda: bad(frames, code))
    checks.check("a match in an earlier message, without a context -> 1007", no_context)
    checks.check("the server still echoes, and wrote nothing to stderr", still)
    server.kill()
    return checks


# ---- bombs ----


def deflated_zeros(length):
    compressor = zlib.compressobj(wbits=-15, level=9)
    zeros = bytes(MIB)
    pieces = [compressor.compress(zeros[: min(MIB, length - at)]) for at in range(0, length, MIB)]
    return (b"".join(pieces) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def memory_peak(process):
    """In bytes."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def bomb_checks(program, bombs):
    checks = Checks(program.name)
    bomb = bombs[1 << 30]

    def told(port, frames):
        """Sends what may be refused before all of it is there."""
        client = Client(port)

        def send():
            with contextlib.suppress(OSError):
                for each in frames:
                    client.send(each)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        return client.close_code()

    def explode(frames, len_max):
        server = start_server(program, "127.0.0.1:0", "--max-message-len", str(len_max))
        try:
            # What any conversation needs is not counted.
            client = Client(server.port)
            client.send(message(HELLO))
            client.echoed(b"Hello")
            before = memory_peak(server.process)
            equal(told(server.port, frames), 1009, "close code")
            rise = memory_peak(server.process) - before
            if rise > len_max + MIB:
                raise AssertionError(f"the peak of memory rose by {rise / MIB:.2f} MiB, of {before / MIB:.2f}")
            for _ in range(3):
                equal(told(server.port, frames), 1009, "close code of another")
            client.send(message(HELLO))
            client.echoed(b"Hello")
            equal((server.process.poll(), server.stderr), (None, ""), "exit code and stderr")
        finally:
            server.kill()

    cuts = range(0, len(bomb), 16384)
    kinds = {
        "one frame": [message(bomb, BINARY)],
        "one frame of text": [message(bomb)],
        "fragments of 16 KiB": fragments([bomb[i : i + 16384] for i in cuts], BINARY),
        "fragments of 100 bytes": fragments([bomb[i : i + 100] for i in range(0, len(bomb), 100)], BINARY),
    }
    for (kind, frames), len_max in itertools.product(kinds.items(), [64 * 1024, MIB, MESSAGE_LEN_MAX]):
        name = f"1 GiB of zeros in {kind}, where {len_max // 1024} KiB are allowed -> 1009, in limit + 1 MiB"
        checks.check(name, lambda: explode(frames, len_max))

    def at_the_limit():
        server = start_server(program, "127.0.0.1:0")
        try:
            client = Client(server.port)
            client.send(message(bombs[MESSAGE_LEN_MAX], BINARY))
            client.echoed(bytes(MESSAGE_LEN_MAX), BINARY)
            equal(told(server.port, [message(bombs[MESSAGE_LEN_MAX + 1], BINARY)]), 1009)
        finally:
            server.kill()

    checks.check("zeros of the length that is allowed come back, one more -> 1009", at_the_limit)
    return checks


if __name__ == "__main__":
    main()
