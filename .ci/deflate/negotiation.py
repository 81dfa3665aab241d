"""Opening handshakes that go wrong elsewhere: offers as no package writes them, to the servers, and
answers that must not be accepted, to the clients. Usage: negotiation.py PROGRAMS
"""

import base64
import hashlib
import pathlib
import re
import socket
import sys

from checks import Checks, Program, equal, start_server

SECONDS = 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADER = "Sec-WebSocket-Extensions"
PLAIN = "permessage-deflate"
NONE = None

# Lines of the request, and the one line of the answer; `NONE`: it opens without compression; a
# number: the status that refuses it.
OFFERS = [
    # RFC 7692, 7.1: what is there.
    ([PLAIN], PLAIN),
    ([f"{PLAIN}; client_max_window_bits"], PLAIN),
    ([f"{PLAIN}; client_max_window_bits=15"], PLAIN),
    ([f"{PLAIN}; client_max_window_bits=8"], f"{PLAIN}; client_max_window_bits=8"),
    ([f"{PLAIN}; server_max_window_bits=15"], f"{PLAIN}; server_max_window_bits=15"),
    ([f"{PLAIN}; server_max_window_bits=9"], f"{PLAIN}; server_max_window_bits=9"),
    ([f"{PLAIN}; server_no_context_takeover"], f"{PLAIN}; server_no_context_takeover"),
    ([f"{PLAIN}; client_no_context_takeover"], f"{PLAIN}; client_no_context_takeover"),
    ([f"{PLAIN}; client_max_window_bits=11; server_max_window_bits=10; client_no_context_takeover"
      "; server_no_context_takeover"],
     f"{PLAIN}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
     "; client_max_window_bits=11"),
    # A window of 256 bytes is one of 512 to zlib.
    ([f"{PLAIN}; server_max_window_bits=8"], NONE),
    # RFC 7692, 7: what must be declined.
    ([f"{PLAIN}; x"], NONE),
    ([f"{PLAIN}; x=10"], NONE),
    ([f"{PLAIN}; server_max_window_bits"], NONE),
    ([f"{PLAIN}; server_max_window_bits=7"], NONE),
    ([f"{PLAIN}; server_max_window_bits=16"], NONE),
    ([f"{PLAIN}; server_max_window_bits=010"], NONE),
    ([f"{PLAIN}; server_max_window_bits=+10"], NONE),
    ([f"{PLAIN}; server_max_window_bits=10.0"], NONE),
    ([f"{PLAIN}; server_max_window_bits=0xa"], NONE),
    ([f"{PLAIN}; server_max_window_bits=266"], NONE),
    ([f"{PLAIN}; server_max_window_bits=4294967306"], NONE),
    ([f"{PLAIN}; client_max_window_bits=7"], NONE),
    ([f"{PLAIN}; client_max_window_bits=16"], NONE),
    ([f"{PLAIN}; client_max_window_bits=x"], NONE),
    ([f"{PLAIN}; server_no_context_takeover=true"], NONE),
    ([f"{PLAIN}; client_no_context_takeover=1"], NONE),
    ([f"{PLAIN}; server_no_context_takeover; server_no_context_takeover"], NONE),
    ([f"{PLAIN}; client_no_context_takeover; client_no_context_takeover"], NONE),
    ([f"{PLAIN}; server_max_window_bits=10; server_max_window_bits=10"], NONE),
    ([f"{PLAIN}; client_max_window_bits; client_max_window_bits=10"], NONE),
    ([f"{PLAIN}; client_max_window_bits; client_max_window_bits"], NONE),
    # Several offers: the first that can be kept.
    ([f"{PLAIN}; server_max_window_bits=8, {PLAIN}"], PLAIN),
    ([f"{PLAIN}; x, {PLAIN}; client_max_window_bits=10"], f"{PLAIN}; client_max_window_bits=10"),
    ([f"{PLAIN}; server_max_window_bits=10, {PLAIN}"], f"{PLAIN}; server_max_window_bits=10"),
    ([f"{PLAIN}; x, {PLAIN}; y, {PLAIN}; server_max_window_bits=99"], NONE),
    ([f"x-webkit-deflate-frame, {PLAIN}"], PLAIN),
    ([f"x; a=1; b=\"2\", {PLAIN}; server_no_context_takeover, y"], f"{PLAIN}; server_no_context_takeover"),
    (["x-webkit-deflate-frame", "bbf-usp-protocol; eid=\"a\""], NONE),
    (["permessage-bzip2, permessage-deflate2"], NONE),
    ([f"{PLAIN}; x, " * 200 + f"{PLAIN}; server_max_window_bits=11"], f"{PLAIN}; server_max_window_bits=11"),
    # Several lines are one list.
    ([f"{PLAIN}; x", PLAIN], PLAIN),
    (["x", f"{PLAIN}; client_max_window_bits=9"], f"{PLAIN}; client_max_window_bits=9"),
    ([f"{PLAIN}; server_max_window_bits=8", "y", f"{PLAIN}; server_max_window_bits=12, {PLAIN}"],
     f"{PLAIN}; server_max_window_bits=12"),
    # RFC 6455, 9.1: quoted values are the same values.
    ([f'{PLAIN}; server_max_window_bits="10"'], f"{PLAIN}; server_max_window_bits=10"),
    ([f'{PLAIN}; client_max_window_bits="1\\0"'], f"{PLAIN}; client_max_window_bits=10"),
    ([f'{PLAIN}; server_max_window_bits="8", {PLAIN}; server_max_window_bits="\\9"'],
     f"{PLAIN}; server_max_window_bits=9"),
    ([f'{PLAIN}; server_max_window_bits="16"'], NONE),
    ([f'{PLAIN}; server_no_context_takeover="x"'], NONE),
    # RFC 9110, 5.6.1 and 5.6.3: space around separators, empty elements.
    ([f"{PLAIN} ;  server_max_window_bits=10\t;client_no_context_takeover  "],
     f"{PLAIN}; client_no_context_takeover; server_max_window_bits=10"),
    ([f",, {PLAIN};client_max_window_bits , ,"], PLAIN),
    (["", PLAIN], PLAIN),
    # Names of parameters and of the extension are case-sensitive.
    ([f"{PLAIN}; Server_Max_Window_Bits=10"], NONE),
    (["Permessage-Deflate"], NONE),
    # RFC 6455, 9.1: a malformed list of extensions fails the handshake.
    ([""], 400),
    ([","], 400),
    ([f"{PLAIN};"], 400),
    ([f"{PLAIN}; ; client_max_window_bits"], 400),
    ([f"{PLAIN}; =10"], 400),
    ([f"{PLAIN}; server_max_window_bits="], 400),
    ([f'{PLAIN}; server_max_window_bits="10'], 400),
    ([f'{PLAIN}; server_max_window_bits=""'], 400),
    ([f'{PLAIN}; server_max_window_bits="1 0"'], 400),
    ([f"{PLAIN} client_max_window_bits"], 400),
    ([f"{PLAIN}/2"], 400),
    ([PLAIN, f"{PLAIN}; ="], 400),
]

# What a client must not accept, whatever it offered, and the close code that tells so. `NONE`: RFC
# 6455, 4.1 item 5 fails the handshake before there is anything to close.
ANSWERS = [
    ("x", NONE, "another extension"),
    (f"{PLAIN}, {PLAIN}", NONE, "two of them"),
    (f"{PLAIN}\r\n{HEADER}: {PLAIN}", NONE, "two of them in two lines"),
    (f"{PLAIN}, x", NONE, "another one besides"),
    (f"{PLAIN};", NONE, "no list"),
    (f"{PLAIN}; x", 1010, "an unknown parameter"),
    (f"{PLAIN}; server_no_context_takeover; server_no_context_takeover", 1010, "a parameter twice"),
    (f"{PLAIN}; server_no_context_takeover=1", 1010, "a value for a flag"),
    (f"{PLAIN}; server_max_window_bits", 1010, "a window without a number"),
    (f"{PLAIN}; client_max_window_bits", 1010, "our window without a number"),
    (f"{PLAIN}; server_max_window_bits=16", 1010, "too large a window"),
    (f"{PLAIN}; client_max_window_bits=7", 1010, "too small a window"),
    (f"{PLAIN}; client_max_window_bits=09", 1010, "a leading zero"),
]

# To an offer of no contexts and 10 bits.
DEMANDED = f"{PLAIN}; server_no_context_takeover; server_max_window_bits=10"
UNMET = [
    (f"{PLAIN}; server_max_window_bits=10", 1010, "not server_no_context_takeover"),
    (f"{PLAIN}; server_no_context_takeover", 1010, "not server_max_window_bits"),
    (f"{PLAIN}; server_no_context_takeover; server_max_window_bits=11", 1010, "a larger window"),
    (f"{DEMANDED}; client_max_window_bits=11", 1010, "a larger window of ours"),
]


def main():
    programs = pathlib.Path(sys.argv[1])
    every = [
        *(server_checks(programs, name) for name in ["autobahn_server", "blocking_autobahn_server"]),
        *(client_checks(programs, *client) for client in [
            ("autobahn_client", [], [], ANSWERS),
            ("blocking_autobahn_client", [], [], ANSWERS),
            ("tidings", ["ws"], ["--compress"], ANSWERS),
            ("autobahn_client", [], ["--no-takeover", "--window-bits", "10"], UNMET),
            ("blocking_autobahn_client", [], ["--no-takeover", "--window-bits", "10"], UNMET),
        ]),
    ]
    sys.exit(1 if any(checks.failures for checks in every) else 0)


def head_of(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(1 << 16)
        if not received:
            raise AssertionError(f"the end after {head!r}")
        head += received
    head, _, rest = head.partition(b"\r\n\r\n")
    return head.decode(), rest


def server_checks(programs, name):
    checks = Checks(name)
    server = start_server(programs / name, "127.0.0.1:0")

    def offer(lines, wanted):
        with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
            extensions = "".join(f"{HEADER}: {line}\r\n" for line in lines)
            connection.sendall(
                f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
                f"{extensions}\r\n".encode()
            )
            head, _ = head_of(connection)
            status = int(head.split()[1])
            equal(status, wanted if isinstance(wanted, int) else 101, "status")
            answers = re.findall(rf"(?im)^{HEADER}: *(.*?)\s*$", head)
            equal(answers, [wanted] if isinstance(wanted, str) else [], "answer")

    for lines, wanted in OFFERS:
        shown = " | ".join(line if len(line) < 150 else line[:30] + " ..." for line in lines)
        told = {None: "declined"}.get(wanted, wanted)
        checks.check(f"[{shown}] -> {told}", lambda: offer(lines, wanted))
    server.kill()
    return checks


def client_checks(programs, name, before, after, answers):
    """A client whose first connection is answered wrongly."""
    checks = Checks(" ".join([name, *before, *after]))

    def answer(extensions, wanted):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(SECONDS)
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            client = Program(programs / name, *before, url, *after)
            try:
                with listener.accept()[0] as connection:
                    connection.settimeout(SECONDS)
                    head, _ = head_of(connection)
                    equal(f"{HEADER}: {PLAIN}".lower() in head.lower(), True, f"an offer in {head!r}")
                    key = re.search(r"(?im)^Sec-WebSocket-Key: *(\S+)", head).group(1)
                    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
                    connection.sendall(
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n"
                        f"{HEADER}: {extensions}\r\n\r\n".encode()
                    )
                    frame = b""
                    while received := connection.recv(1 << 16):
                        frame += received
                equal(client.exit_code(SECONDS), 1, "exit code")
            finally:
                client.kill()
        equal(re.search("(?i)extension|compression|answer", client.stderr) is None, False, client.stderr)
        equal("panicked" in client.stderr, False, client.stderr)
        equal(close_code(frame), wanted, "close code")

    for extensions, wanted, what in answers:
        shown = extensions.replace("\r\n", " | ")
        how = f"refused with {wanted}" if wanted else "refused"
        checks.check(f"the answer [{shown}], {what}, is {how}", lambda: answer(extensions, wanted))
    return checks


def close_code(frame):
    """The code of a masked Close frame with nothing after it; `None` for no frame."""
    if not frame:
        return None
    equal((frame[:1], frame[1] & 0x80, len(frame)), (b"\x88", 0x80, 6 + (frame[1] & 0x7F)), "a Close frame")
    return int.from_bytes(bytes(byte ^ frame[2 + i] for i, byte in enumerate(frame[6:8])), "big")


if __name__ == "__main__":
    main()
