"""`websockets.asyncio` for callers that block: the same methods as in `websockets.sync`.

For TLS, where `websockets.sync` can hang: it waits for a socket while TLS has read what it waits for.
"""

import asyncio
import contextlib
import threading
from types import SimpleNamespace

from websockets.asyncio import client, server
from websockets.exceptions import ConnectionClosedOK

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def finished(coroutine, seconds=30):
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), loop).result()


class Connection:
    """A connection, from another thread than its loop's."""

    def __init__(self, connection):
        self.connection = connection
        self.protocol, self.subprotocol = connection.protocol, connection.subprotocol
        self.request = connection.request
        write = connection.transport.write
        self.socket = SimpleNamespace(sendall=lambda data: loop.call_soon_threadsafe(write, data))

    def send(self, message, text=None):
        finished(self.connection.send(message, text=text))

    def recv(self, seconds=None, decode=None):
        return finished(self.connection.recv(decode=decode), seconds)

    def recv_streaming(self):
        async def pieces():
            return [piece async for piece in self.connection.recv_streaming()]

        return finished(pieces())

    def __iter__(self):
        with contextlib.suppress(ConnectionClosedOK):
            while True:
                yield self.recv()

    def ping(self, payload):
        pong = finished(self.connection.ping(payload))

        async def answered():
            return await pong is not None

        return SimpleNamespace(wait=lambda seconds: finished(answered(), seconds))

    def close(self, code=1000, reason=""):
        finished(self.connection.close(code, reason))


@contextlib.contextmanager
def connect(url, **options):
    async def opened():
        return await client.connect(url, **options)

    connection = Connection(finished(opened()))
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def serve(handler, host, port, **options):
    """Runs a server; each call of the handler has a thread."""

    async def handle(connection):
        await asyncio.to_thread(handler, Connection(connection))

    async def opened():
        return await server.serve(handle, host, port, **options)

    async def closed():
        listening.close()
        await listening.wait_closed()

    listening = finished(opened())
    try:
        yield SimpleNamespace(port=listening.sockets[0].getsockname()[1])
    finally:
        finished(closed())
