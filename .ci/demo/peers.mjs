// Conversations with the `ws` package, in both directions, and `tidings sse` with a server of
// Node's. Usage: node peers.mjs BINARY

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { Program, check, finish, setSubject, startServer, until, within } from '../harness/checks.mjs';
import { connect, withServer } from '../harness/ws.mjs';

const [binary] = process.argv.slice(2);

const CJK = '電書は便り';

const demo = await startServer(binary, 'demo', '--listen', '127.0.0.1:0');
const chat = `ws://127.0.0.1:${demo.port}/chat`;
setSubject('ws client, tidings server');
await clientChecks();
setSubject('tidings client, ws server');
await serverChecks();
setSubject('tidings sse');
await eventStreamChecks();
await demo.kill();
finish();

// ---- the demo's chat, seen by a `ws` client ----

async function clientChecks() {
  await check('text comes back, and reaches a second client', async () => {
    const [one, two] = [await connect(chat), await connect(chat)];
    one.send('hello');
    one.send(CJK);
    for (const client of [one, two]) {
      assert.equal(await client.next(), 'hello');
      assert.equal(await client.next(), CJK);
    }
    await Promise.all([one.end(), two.end()]);
  });
  await check('no subprotocol and no extension is agreed on', async () => {
    const client = await connect(chat);
    assert.equal(client.protocol, '');
    assert.equal(client.extensions, '');
    await client.end();
  });
  await check('fragments become one message, also cut inside a character', async () => {
    const client = await connect(chat);
    client.send('frag', { fin: false });
    client.send('', { fin: false });
    client.send('ment', { fin: true });
    assert.equal(await client.next(), 'fragment');
    const bytes = Buffer.from(CJK);
    for (const [i, byte] of bytes.entries()) {
      client.send(Buffer.of(byte), { binary: false, fin: i === bytes.length - 1 });
    }
    assert.equal(await client.next(), CJK);
    await client.end();
  });
  await check('an empty message is a message', async () => {
    const client = await connect(chat);
    client.send('');
    client.send('after');
    assert.equal(await client.next(), '');
    assert.equal(await client.next(), 'after');
    await client.end();
  });
  await check('a message of 16 KiB passes', async () => {
    const client = await connect(chat);
    const long = 'x'.repeat(16 * 1024);
    client.send(long);
    assert.equal(await client.next(), long);
    await client.end();
  });
  await check('a message of 16 KiB and a byte is answered with 1009', async () => {
    const client = await connect(chat);
    client.send('x'.repeat(16 * 1024 + 1));
    assert.equal((await client.closing).code, 1009);
  });
  await check('a ping is answered with its payload, also inside a message', async () => {
    const client = await connect(chat);
    for (const payload of ['', 'ping', 'p'.repeat(125)]) {
      client.send('be', { fin: false });
      client.ping(payload);
      const [pong] = await once(client, 'pong');
      assert.equal(pong.toString(), payload);
      client.send('tween', { fin: true });
      assert.equal(await client.next(), 'between');
    }
    await client.end();
  });
  await check('a close is answered with the same code', async () => {
    for (const code of [1000, 1001, 3000, 4321, 4999]) {
      const client = await connect(chat);
      client.close(code, 'bye');
      assert.equal((await client.closing).code, code);
    }
    const client = await connect(chat);
    client.close();
    assert.equal((await client.closing).code, 1005, 'a close without a code');
  });
  await check('a binary message is answered with 1003', async () => {
    const client = await connect(chat);
    client.send(Buffer.of(1, 2, 3));
    const { code, reason } = await client.closing;
    assert.deepEqual([code, reason], [1003, 'text only']);
  });
}

// ---- `tidings ws`, seen by a `ws` server ----

async function serverChecks() {
  await check('lines go both ways, in order', () => withServer({}, async (url, server) => {
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`<${data}>`));
    });
    const client = talk(url);
    const lines = ['one', '', CJK, 'x'.repeat(100_000), 'five'];
    client.say(...lines);
    client.endInput();
    assert.equal(await client.exitCode(), 0);
    assert.equal(client.stdout, lines.map((line) => `<${line}>\n`).join(''));
    assert.match(client.stderr, /^connected\nclosed: 1000/);
  }));
  await check('a line is shown when it comes, not at the end', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    socket.send('now');
    await until('stdout has the line', () => client.stdout === 'now\n');
    client.say('then');
    const [data] = await once(socket, 'message');
    assert.equal(data.toString(), 'then');
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
  const choice = { handleProtocols: (offered) => offered.has('v1') && 'v1' };
  await check('the server chooses among the subprotocols', () => withServer(choice, async (url, server) => {
    const client = talk(url, '--subprotocol', 'v2', '--subprotocol', 'v1');
    const [socket, request] = await once(server, 'connection');
    assert.match(request.headers['sec-websocket-protocol'], /^v2, ?v1$/);
    assert.equal(socket.protocol, 'v1');
    await until('the choice is told', () => client.stderr.includes('subprotocol v1'));
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
  await check('headers and the origin arrive', () => withServer({}, async (url, server) => {
    const client = talk(`${url}a/path?q=%20`, '--origin', 'http://origin.example',
      '--header', 'Authorization: Bearer abc:def', '--header', 'X-Two:2');
    const [, request] = await once(server, 'connection');
    assert.equal(request.url, '/a/path?q=%20');
    assert.equal(request.headers.authorization, 'Bearer abc:def');
    assert.equal(request.headers['x-two'], '2');
    assert.equal(request.headers.origin, 'http://origin.example');
    assert.equal(`ws://${request.headers.host}/`, url);
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
  await check('the code and the reason of the server are told', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    socket.close(4001, 'the reason');
    const [code] = await once(socket, 'close');
    assert.equal(code, 4001, 'answered with');
    assert.equal(await client.exitCode(), 3);
    assert.match(client.stderr, /^closed: 4001: the reason$/m);
  }));
  await check('a server that vanishes gives exit code 3', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    socket.terminate();
    assert.equal(await client.exitCode(), 3);
    assert.match(client.stderr, /closed: 1006/);
  }));
  const locked = { verifyClient: (_, answer) => answer(false, 401, 'who are you?', { 'X-Why': 'none' }) };
  await check('a server that answers 401 gives exit code 1 and the answer', () => withServer(locked, async (url) => {
    const client = talk(url);
    assert.equal(await client.exitCode(), 1);
    assert.match(client.stderr, /401 Unauthorized/);
    assert.match(client.stderr, /who are you\?/);
    assert.equal(client.stdout, '');
  }));
  await check('no server gives exit code 1', async () => {
    const url = await withServer({}, async (gone) => gone);
    const client = talk(url);
    assert.equal(await client.exitCode(), 1);
    assert.match(client.stderr, /refused/i);
  });
  await check('fragments become one line, also cut inside a character', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    const bytes = Buffer.from(CJK);
    for (const [i, byte] of bytes.entries()) {
      socket.send(Buffer.of(byte), { binary: false, fin: i === bytes.length - 1 });
      if (i % 4 === 0) socket.ping();
    }
    await until('stdout has the line', () => client.stdout === `${CJK}\n`);
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
  await check('a ping of the server is answered with its payload', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    for (const payload of ['', 'ping', 'p'.repeat(125)]) {
      socket.ping(payload);
      const [pong] = await once(socket, 'pong');
      assert.equal(pong.toString(), payload);
    }
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
  await check('a binary message is shown in hex, a message of 1 MiB whole', () => withServer({}, async (url, server) => {
    const client = talk(url);
    const [socket] = await once(server, 'connection');
    socket.send(Buffer.of(0, 1, 0xfe));
    const long = 'y'.repeat(1024 * 1024);
    socket.send(long);
    await until('both are shown', () => client.stdout === `binary (3 bytes): 0001fe\n${long}\n`);
    client.endInput();
    assert.equal(await client.exitCode(), 0);
  }));
}

function talk(url, ...options) {
  return new Program(binary, 'ws', url, '--linger', '0.3', ...options);
}

// ---- `tidings sse` ----

async function eventStreamChecks() {
  // [name, what the server writes, piece by piece, what the client prints]
  const streams = [
    ['fields, multi-line data and an id that stays',
      [': hello\nretry: 500\n\nevent: greeting\nid: 1\ndata: first\ndata:second\ndata\ndata:  two spaces\n\ndata: bare\n\n'],
      'event: greeting\nid: 1\ndata: first\ndata: second\ndata: \ndata:  two spaces\n\nid: 1\ndata: bare\n\n'],
    ['an id is reset, one with NUL and an unknown field are ignored',
      ['id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\0\ndata: c\nwhat: ever\n\n'],
      'id: 1\ndata: a\n\nid\ndata: b\n\ndata: c\n\n'],
    ['an event without data is not one', ['event: none\nid: 9\n\ndata: one\n\n'], 'id: 9\ndata: one\n\n'],
    ['all three line ends, CR LF cut between writes',
      ['data: a\r', '\ndata: b\r\n\r', '\n', 'data: c\r', 'data: d\r', '\r', 'data: e\n\n'],
      'data: a\ndata: b\n\ndata: c\ndata: d\n\ndata: e\n\n'],
    ['a byte order mark at the start is skipped', [Buffer.of(0xef, 0xbb), Buffer.from('\xbfdata: a\n\n', 'latin1')], 'data: a\n\n'],
    ['a character cut between writes is whole',
      pieces(`event: ${CJK}\nid: ${CJK}\ndata: ${CJK}\n\n`, 8),
      `event: ${CJK}\nid: ${CJK}\ndata: ${CJK}\n\n`],
    ['every byte in a write of its own', pieces(`id: 7\r\ndata: ${CJK} 🎉\r\n\r\n`, 1), `id: 7\ndata: ${CJK} 🎉\n\n`],
    ['a long line', [`data: ${'z'.repeat(500_000)}\n\n`], `data: ${'z'.repeat(500_000)}\n\n`],
  ];
  for (const [name, writes, printed] of streams) {
    await check(name, () => withEventServer(writes, async (url) => {
      const client = watch(url);
      assert.equal(await client.exitCode(10), 0);
      assert.equal(client.stdout, printed);
      assert.equal(client.stderr, 'connected\nthe event stream ended\n');
    }));
  }
  await check('an event is shown when it comes, not at the end', () => withEventServer(['data: now\n\n', null], async (url) => {
    const client = watch(url);
    await until('stdout has the event', () => client.stdout === 'data: now\n\n');
    await client.kill();
  }));
  await check('a stream that ends inside an event gives exit code 3, and no half event', () => withEventServer(['data: a\n\ndata: b\n'], async (url) => {
    const client = watch(url);
    assert.equal(await client.exitCode(), 3);
    assert.equal(client.stdout, 'data: a\n\n');
  }));
  await check('another media type or status gives exit code 1', async () => {
    await withEventServer(['data: a\n\n'], async (url) => {
      const client = watch(url);
      assert.equal(await client.exitCode(), 1);
      assert.match(client.stderr, /text\/plain/);
      assert.equal(client.stdout, '');
    }, { 'Content-Type': 'text/plain' });
    const client = watch(`http://127.0.0.1:${demo.port}/nowhere`);
    assert.equal(await client.exitCode(), 1);
    assert.match(client.stderr, /404/);
  });
  await check('the events of the demo come one after the other', async () => {
    const client = watch(`http://127.0.0.1:${demo.port}/events`);
    await until('three events', () => client.stdout.split('\n\n').length > 3);
    await client.kill();
    const numbers = [...client.stdout.matchAll(/^id: [0-9a-f]+-(\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
    assert.match(client.stdout, /^event: stats\nid: .*\ndata: \{"time_ms":\d+,.*\}\n\n/);
  });
}

function watch(url) {
  return new Program(binary, 'sse', '--once', url);
}

/** The bytes of a text in pieces of this length. */
function pieces(text, length) {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) => bytes.subarray(i * length, (i + 1) * length));
}

/** A server that sends these writes, a moment apart; with null at the end it stays open. */
async function withEventServer(writes, body, headers = {}) {
  const server = http.createServer(async (request, response) => {
    assert.equal(request.headers.accept, 'text/event-stream');
    request.socket.setNoDelay(true);
    response.writeHead(200, { 'Content-Type': 'Text/Event-Stream; charset=utf-8', ...headers });
    for (const bytes of writes) {
      if (bytes === null) return;
      response.write(bytes);
      await sleep(10);
    }
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await within(15, 'the event stream', body(`http://127.0.0.1:${server.address().port}/stream?x=1`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
