// The `ws` package as the Node checks use it: clients and servers that keep what they receive.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';

import { until } from './checks.mjs';

const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws');

/** Opens a WebSocket; rejects if it is refused. See `keeping`. */
export async function connect(url, subprotocols = [], options = {}) {
  const client = keeping(new WebSocket(url, subprotocols, options));
  await once(client, 'open');
  return client;
}

/**
 * Keeps what a WebSocket receives until `next` asks for it, texts as strings. `closing` tells the
 * code and reason in the end; `end` closes and asserts that nothing is left over.
 */
export function keeping(socket) {
  const received = [];
  socket.on('message', (data, isBinary) => received.push(isBinary ? data : data.toString()));
  socket.next = async () => {
    await until('a message is received', () => received.length > 0);
    return received.shift();
  };
  socket.closing = once(socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
  // Whoever awaits it sees the error.
  socket.closing.catch(() => {});
  socket.end = async () => {
    socket.close(1000);
    assert.equal((await socket.closing).code, 1000);
    assert.deepEqual(received, [], 'messages that nobody sent');
  };
  return socket;
}

/**
 * Runs a server for as long as the body takes; it is told the URL. A server of Node's that listens
 * already may be among the options.
 */
export async function withServer(options, body) {
  const where = options.server ? {} : { host: '127.0.0.1', port: 0 };
  const server = new WebSocketServer({ ...where, ...options });
  if (!options.server) await once(server, 'listening');
  try {
    return await body(`ws://127.0.0.1:${server.address().port}/`, server);
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}
