"""Conversations with the `websockets` package, in both directions. Usage: peers.py BINARY"""

import http
import sys
import threading
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from checks import Checks, Program, equal, start_server, until

CJK = "電書は便り"
SECONDS = 5


def main():
    binary = sys.argv[1]
    demo = start_server(binary, "demo", "--listen", "127.0.0.1:0")
    try:
        failures = client_checks(f"ws://127.0.0.1:{demo.port}/chat")
    finally:
        demo.kill()
    failures += server_checks(binary)
    sys.exit(1 if failures else 0)


# ---- the demo's chat, seen by a `websockets` client ----


def client_checks(url):
    checks = Checks("websockets client, tidings server")

    def chat(**options):
        return connect(url, proxy=None, close_timeout=SECONDS, **options)

    def answered(client, sent, wanted):
        client.send(sent)
        equal(client.recv(SECONDS), wanted)

    def text():
        with chat() as one, chat() as two:
            for message in ["hello", CJK, "", "x" * 16 * 1024]:
                answered(one, message, message)
                equal(two.recv(SECONDS), message)

    def fragments():
        with chat() as client:
            answered(client, ["frag", "", "ment"], "fragment")
            answered(client, list(CJK), CJK)

    def ping():
        with chat() as client:
            for payload in [b"", b"ping", bytes(125)]:
                sent = time.monotonic()
                if not client.ping(payload).wait(SECONDS):
                    raise AssertionError("no pong with the payload of the ping")
                if time.monotonic() - sent > 2:
                    raise AssertionError("the pong is late")

    def close():
        for code in [1000, 3000, 4321]:
            with chat() as client:
                client.close(code, "bye")
                equal(closed(client), code, "the code that came back")

    def no_subprotocol():
        with chat(subprotocols=["v1", "v2"]) as client:
            equal(client.subprotocol, None)
            answered(client, "still fine", "still fine")

    def refused(message, code):
        with chat() as client:
            client.send(message)
            try:
                raise AssertionError(f"received {client.recv(SECONDS)!r}")
            except ConnectionClosed:
                equal(closed(client), code, "close code")

    checks.check("text comes back, short, empty and long, and reaches a second client", text)
    checks.check("fragments become one message", fragments)
    checks.check("a ping is answered with its payload", ping)
    checks.check("a close is answered with the same code", close)
    checks.check("subprotocols that the server does not know are not agreed on", no_subprotocol)
    checks.check("a binary message is answered with 1003", lambda: refused(b"\x01", 1003))
    checks.check("a message that is too long is answered with 1009", lambda: refused("x" * 16385, 1009))
    return checks.failures


def closed(connection):
    """The code of the Close frame that was received."""
    received = connection.protocol.close_rcvd
    return received and received.code


# ---- `tidings ws`, seen by a `websockets` server ----


def server_checks(binary):
    checks = Checks("tidings client, websockets server")

    def with_server(handler, body, arguments=(), **options):
        """Runs `tidings ws` with a server; what the handler raises counts as the check's."""
        trouble = []

        def handle(connection):
            try:
                handler(connection)
            except Exception as error:
                trouble.append(error)

        with serve(handle, "127.0.0.1", 0, close_timeout=SECONDS, **options) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            port = server.socket.getsockname()[1]
            client = Program(binary, "ws", f"ws://127.0.0.1:{port}/", *arguments)
            try:
                body(client)
            finally:
                client.kill()
                server.shutdown()
        if trouble:
            raise trouble[0]

    def lines():
        def echo(connection):
            for message in connection:
                connection.send(f"<{message}>")

        def body(client):
            wanted = ["one", "", CJK, "x" * 100_000]
            client.say(*wanted)
            client.end_input()
            equal(client.exit_code(), 0, "exit code")
            equal(client.stdout, "".join(f"<{line}>\n" for line in wanted), "stdout")
            equal(client.stderr.startswith("connected\nclosed: 1000"), True, client.stderr)

        with_server(echo, body, ["--linger", "0.5"])

    def subprotocol():
        def answer(connection):
            connection.send(f"{connection.subprotocol} {connection.request.headers['X-Token']}")
            connection.recv(SECONDS)

        def body(client):
            until("the server's view arrives", lambda: client.stdout == "v1 abc\n")
            until("stderr names it", lambda: "subprotocol v1" in client.stderr)
            client.say("enough")
            equal(client.exit_code(), 0, "exit code")

        arguments = ["--subprotocol", "v3", "--subprotocol", "v1", "--header", "X-Token: abc"]
        with_server(answer, body, arguments, subprotocols=["v2", "v1"])

    def close():
        def say_goodbye(connection):
            connection.close(4001, "the reason")
            equal(closed(connection), 4001, "the code that came back")

        def body(client):
            equal(client.exit_code(), 3, "exit code")
            line = client.stderr.splitlines()[-1]
            equal(line, "closed: 4001: the reason")

        with_server(say_goodbye, body)

    def unauthorized():
        def refuse(connection, _request):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?\n")

        def body(client):
            equal(client.exit_code(), 1, "exit code")
            for part in ["401 Unauthorized", "who are you?"]:
                equal(part in client.stderr, True, client.stderr)

        with_server(lambda connection: None, body, process_request=refuse)

    def fragments_and_ping():
        def speak(connection):
            connection.send(iter(["frag", "", "ment ", CJK]))
            for payload in [b"", b"ping", bytes(125)]:
                if not connection.ping(payload).wait(SECONDS):
                    raise AssertionError("no pong with the payload of the ping")
            connection.send("pinged")
            connection.recv(SECONDS)

        def body(client):
            until("all is shown", lambda: client.stdout == f"fragment {CJK}\npinged\n")
            client.say("enough")
            equal(client.exit_code(), 0, "exit code")

        with_server(speak, body)

    checks.check("lines go both ways, in order", lines)
    checks.check("a subprotocol is agreed on, a header arrives", subprotocol)
    checks.check("the code and the reason of the server are told", close)
    checks.check("a server that answers 401 gives exit code 1 and the answer", unauthorized)
    checks.check("fragments become one line, pings are answered", fragments_and_ping)
    return checks.failures


if __name__ == "__main__":
    main()
