// Compressed conversations with the `ws` package, in both directions. Usage: node peers.mjs PROGRAMS

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

import { Program, check, finish, setSubject, startServer, within } from '../harness/checks.mjs';
import { withServer } from '../harness/ws.mjs';
import { messages } from './messages.mjs';

const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws');

const [programs] = process.argv.slice(2);
const program = (name) => path.join(programs, name);

const NO_OR_YES = [undefined, true];
const WINDOWS = [8, 9, 10, 11, 12, 13, 14, 15];

for (const name of ['autobahn_server', 'blocking_autobahn_server']) {
  setSubject(`ws client, ${name}`);
  await clientChecks(name);
}
for (const name of ['autobahn_client', 'blocking_autobahn_client']) {
  setSubject(`${name}, ws server`);
  await serverChecks(name);
}
setSubject('tidings ws --compress, ws server');
await commandChecks();
finish();

// ---- a `ws` whose peer echoes, whichever of them is the server ----

/** Keeps what it receives until `next` asks for it. */
function keeping(socket) {
  const received = [];
  let wake = () => {};
  socket.on('message', (data, binary) => { received.push({ data, binary }); wake(); });
  socket.on('close', () => wake());
  socket.on('error', (error) => { socket.trouble = error; });
  socket.closed = new Promise((resolve) => { socket.on('close', (code, reason) => resolve({ code, reason: `${reason}` })); });
  socket.next = async () => {
    while (received.length === 0) {
      if (socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await socket.closed;
        throw new Error(`closed with ${code} ${reason} ${socket.trouble ?? ''}`);
      }
      await new Promise((resolve) => { wake = resolve; });
    }
    return received.shift();
  };
  socket.end = async () => {
    socket.close(1000);
    assert.equal((await socket.closed).code, 1000);
    assert.equal(received.length, 0, 'messages that nobody sent');
  };
  return socket;
}

function sendInFragments(peer, { data, binary, cuts }) {
  let start = 0;
  for (const cut of cuts) {
    peer.send(data.subarray(start, cut), { binary, fin: false });
    start = cut;
  }
  peer.send(data.subarray(start), { binary, fin: true });
}

function assertSame(sent, back, what) {
  assert.equal(back.binary, sent.binary, `${what}: binary`);
  assert.ok(sent.data.equals(back.data), `${what}: ${sent.data.length} bytes came back otherwise, as ${back.data.length}`);
}

/** Sends one message, and tells how many bytes its echo takes. */
async function echoLength(peer, data, binary = false, cuts = []) {
  const before = peer._socket.bytesRead;
  sendInFragments(peer, { data, binary, cuts });
  assertSame({ data, binary }, await peer.next(), 'echo');
  return peer._socket.bytesRead - before;
}

/** Whether our end compresses within the agreement: `compresses`, and `takeover` of its context. */
async function assertCompression(peer, { compresses, takeover }) {
  const text = Buffer.from('compressible '.repeat(500));
  const length = await echoLength(peer, text);
  assert.ok(compresses ? length < 500 : length >= text.length, `${text.length} bytes took ${length}`);
  assert.ok((await echoLength(peer, text, true, [0, 1, 3000, 6500])) <= length + 8, 'fragments took more');
  await echoLength(peer, Buffer.alloc(0));
  // Short enough for the smallest window, even doubled.
  const novel = Buffer.from(randomBytes(90).toString('hex'));
  const first = await echoLength(peer, novel);
  const second = await echoLength(peer, novel);
  if (!compresses) assert.ok(first > 180, `a message that must not be compressed took ${first}`);
  else if (takeover) assert.ok(second < 40, `with context, a repetition took ${second}`);
  else assert.ok(second > 90 && second < 150, `without context, a repetition took ${second}`);
  // In reach of larger windows only: whoever refers further back than agreed is found out here.
  const far = randomBytes(1000);
  for (const distance of [0, 100, 300, 600, 3000, 12000, 20000]) {
    await echoLength(peer, Buffer.concat([far, randomBytes(distance), far]), true);
  }
}

async function assertSameEchoes(peer, seed, count) {
  const waiting = [];
  let waitingLength = 0;
  let received = 0;
  const receive = async () => {
    const sent = waiting.shift();
    waitingLength -= sent.data.length;
    assertSame(sent, await peer.next(), `message ${received} of seed ${seed}`);
    received += 1;
  };
  for (const message of messages(seed, count)) {
    sendInFragments(peer, message);
    waiting.push(message);
    waitingLength += message.data.length;
    while (waiting.length > 200 || waitingLength > 1 << 20) await receive();
  }
  while (waiting.length > 0) await receive();
  assert.equal(received, count);
}

/** Every set of parameters that the package knows. */
function* parameterSets() {
  for (const serverNoContextTakeover of NO_OR_YES) {
    for (const clientNoContextTakeover of NO_OR_YES) {
      for (const serverMaxWindowBits of [undefined, ...WINDOWS]) {
        for (const clientMaxWindowBits of [undefined, false, ...WINDOWS]) {
          yield { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold: 0 };
        }
      }
    }
  }
}

/** Tells which parameters a failure is about. */
async function about(parameters, body) {
  try {
    await body();
  } catch (error) {
    throw new Error(`${JSON.stringify(parameters)}: ${error.message}`);
  }
}

// ---- the servers, seen by `ws` clients ----

/** The required answer of a server that likes contexts and windows of this many bits. */
function expectedAnswer(offer, { takeover = true, windowBits = 15 }) {
  // Nobody compresses in 256 bytes: zlib takes 512.
  if (offer.serverMaxWindowBits === 8) return undefined;
  const answer = ['permessage-deflate'];
  if (!takeover || offer.serverNoContextTakeover) answer.push('server_no_context_takeover');
  if (!takeover || offer.clientNoContextTakeover) answer.push('client_no_context_takeover');
  const server = Math.min(windowBits, offer.serverMaxWindowBits ?? 15);
  if (offer.serverMaxWindowBits || server < 15) answer.push(`server_max_window_bits=${server}`);
  const client = Math.min(windowBits, offer.clientMaxWindowBits || 15);
  if (offer.clientMaxWindowBits !== false && client < 15) answer.push(`client_max_window_bits=${client}`);
  return answer.join('; ');
}

/** Opens a connection with this offer; `answer` is the header of the server. */
async function connect(url, perMessageDeflate) {
  const client = keeping(new WebSocket(url, [], { perMessageDeflate }));
  client.on('upgrade', ({ headers }) => { client.answer = headers['sec-websocket-extensions']; });
  await once(client, 'open');
  return client;
}

async function clientChecks(name) {
  async function withTestee(args, body) {
    const server = await startServer(program(name), '127.0.0.1:0', ...args);
    await body(server.url);
    assert.equal(server.process.exitCode, null);
    assert.equal(server.stderr, '');
    // What it tells of itself is one line; more would be errors.
    assert.equal(server.stdout.trim().split('\n').length, 1, server.stdout);
    await server.kill();
  }
  async function offerAndTalk(url, offer, config) {
    await about(offer, async () => {
      const client = await connect(url, offer);
      const answer = expectedAnswer(offer, config);
      assert.equal(client.answer, answer);
      await assertCompression(client, {
        compresses: answer !== undefined,
        takeover: !answer?.includes('server_no_context_takeover'),
      });
      await client.end();
    });
  }

  await check('all 360 offers get the right answer, and both keep to it', () => withTestee([], async (url) => {
    for (const offer of parameterSets()) await offerAndTalk(url, offer, {});
  }), 120);
  await check('so do offers to servers with smaller windows and without contexts', async () => {
    for (const takeover of [true, false]) {
      for (const windowBits of WINDOWS.slice(1)) {
        const args = ['--window-bits', windowBits, ...(takeover ? [] : ['--no-takeover'])];
        await withTestee(args, async (url) => {
          for (const serverMaxWindowBits of [undefined, 8, 9, 12, 15]) {
            for (const clientMaxWindowBits of [undefined, false, 8, 9, 12, 15]) {
              const offer = { serverMaxWindowBits, clientMaxWindowBits, threshold: 0 };
              await offerAndTalk(url, offer, { takeover, windowBits });
            }
          }
        });
      }
    }
  }, 120);
  await check('a server that would have to compress in 256 bytes does not start', async () => {
    const server = new Program(program(name), '127.0.0.1:0', '--window-bits', '8');
    assert.equal(await server.exitCode(), 1);
    assert.match(server.stderr, /window/i);
  });
  await check('who offers nothing is not sent compressed messages', () => withTestee([], async (url) => {
    const client = await connect(url, false);
    assert.equal(client.answer, undefined);
    await assertCompression(client, { compresses: false });
    await client.end();
  }));
  await check('10,000 random messages come back, with contexts', () => withTestee([], async (url) => {
    const client = await connect(url, { threshold: 0 });
    assert.equal(client.answer, 'permessage-deflate');
    await assertSameEchoes(client, 1, 10_000);
    await client.end();
  }), 120);
  await check('2,000 random messages come back, of which the client compresses the long ones', () => withTestee([], async (url) => {
    const client = await connect(url, { threshold: 1024 });
    await assertSameEchoes(client, 2, 2000);
    await client.end();
  }), 60);
  await check('500 random messages come back, for each window and without contexts', async () => {
    for (const windowBits of WINDOWS.slice(1)) {
      for (const takeover of [true, false]) {
        const args = ['--window-bits', windowBits, ...(takeover ? [] : ['--no-takeover'])];
        await about(args, () => withTestee(args, async (url) => {
          const client = await connect(url, { threshold: 0 });
          assert.equal(client.answer, expectedAnswer({}, { takeover, windowBits }));
          await assertSameEchoes(client, 100 + windowBits, 500);
          await client.end();
        }));
      }
    }
  }, 120);
}

// ---- the clients, seen by `ws` servers ----

/** The parameters of an answer; it is the first of the offers that the package accepts. */
function parametersOf(answer) {
  const parameters = Object.fromEntries(answer.split('; ').slice(1).map((parameter) => parameter.split('=')));
  return {
    takeover: !('client_no_context_takeover' in parameters),
    windowBits: Number(parameters.client_max_window_bits ?? 15),
  };
}

/**
 * Runs a client that echoes: it asks for the number of cases, opens a connection for each, and one
 * to end. `body` gets the server's end and the answer of each case, whose configuration is an element
 * of `configs`.
 */
async function withEchoes(name, args, configs, body) {
  const servers = configs.map((perMessageDeflate) => new WebSocketServer({ noServer: true, perMessageDeflate }));
  const plain = new WebSocketServer({ noServer: true });
  const trouble = [];
  const listener = http.createServer();
  listener.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url, 'ws://127.0.0.1');
    const number = Number(searchParams.get('case'));
    if (pathname !== '/runCase') {
      plain.handleUpgrade(request, socket, head, (peer) => {
        if (pathname === '/getCaseCount') peer.send(`${configs.length}`);
        peer.close(1000);
      });
      return;
    }
    const server = servers[number - 1];
    let answer;
    server.once('headers', (lines) => {
      answer = lines.find((line) => line.startsWith('Sec-WebSocket-Extensions: '))?.replace(/.*?: /, '');
    });
    server.handleUpgrade(request, socket, head, (peer) => {
      keeping(peer);
      const offer = request.headers['sec-websocket-extensions'];
      about(configs[number - 1], () => body(peer, { offer, answer, config: configs[number - 1] })).catch((error) => {
        trouble.push(error);
        peer.terminate();
      });
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = new Program(program(name), `ws://127.0.0.1:${listener.address().port}`, 'agent', ...args);
  try {
    const code = await within(110, 'the client', client.closed);
    if (trouble.length > 0) throw trouble[0];
    assert.deepEqual({ code, stdout: client.stdout, stderr: client.stderr }, { code: 0, stdout: '', stderr: '' });
  } finally {
    await client.kill();
    listener.closeAllConnections();
    listener.close();
  }
}

async function serverChecks(name) {
  const expected = (answer) => {
    const { takeover, windowBits } = parametersOf(answer);
    // Where it cannot keep to the window it does not compress.
    return { compresses: windowBits > 8, takeover };
  };
  await check('the answers of 360 servers are kept to', async () => {
    const configs = [...parameterSets()];
    let cases = 0;
    await withEchoes(name, [], configs, async (peer, { offer, answer }) => {
      assert.equal(offer, 'permessage-deflate; client_max_window_bits');
      await assertCompression(peer, expected(answer));
      await peer.end();
      cases += 1;
    });
    assert.equal(cases, 360);
  }, 120);
  await check('it asks for windows and for no contexts, and gets them', async () => {
    for (const windowBits of WINDOWS) {
      for (const takeover of [true, false]) {
        const args = ['--window-bits', windowBits, ...(takeover ? [] : ['--no-takeover'])];
        await withEchoes(name, args, [{ threshold: 0 }], async (peer, { offer, answer }) => {
          const flags = takeover ? '' : 'server_no_context_takeover; client_no_context_takeover; ';
          const wanted = `permessage-deflate; ${flags}server_max_window_bits=${windowBits}; client_max_window_bits=${windowBits}`;
          assert.equal(offer, wanted);
          assert.equal(answer, wanted);
          await assertCompression(peer, expected(answer));
          await assertSameEchoes(peer, 200 + windowBits, 300);
          await peer.end();
        });
      }
    }
  }, 120);
  await check('a server that does not compress is not sent compressed messages', () => (
    withEchoes(name, [], [false], async (peer, { answer }) => {
      assert.equal(answer, undefined);
      await assertCompression(peer, { compresses: false });
      await peer.end();
    })
  ));
  await check('10,000 random messages come back, with contexts', () => (
    withEchoes(name, [], [{ threshold: 0 }], async (peer, { answer }) => {
      assert.equal(answer, 'permessage-deflate');
      await assertSameEchoes(peer, 3, 10_000);
      await peer.end();
    })
  ), 120);
}

// ---- `tidings ws --compress` ----

async function commandChecks() {
  const first = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits';
  const fallback = 'permessage-deflate; client_no_context_takeover; client_max_window_bits';
  const NO_CONTEXT = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const answers = [
    [{}, NO_CONTEXT],
    [{ serverMaxWindowBits: 9, clientMaxWindowBits: 9 }, `${NO_CONTEXT}; client_max_window_bits=9; server_max_window_bits=9`],
    [{ clientMaxWindowBits: 8 }, `${NO_CONTEXT}; client_max_window_bits=8`],
    // It must keep its context, so it takes the fallback.
    [{ serverNoContextTakeover: false }, 'permessage-deflate; client_no_context_takeover'],
    [false, undefined],
  ];
  for (const [perMessageDeflate, expected] of answers) {
    await check(`${JSON.stringify(perMessageDeflate)}: the answer is kept to, lines go both ways`, () => (
      withServer({ perMessageDeflate: perMessageDeflate && { threshold: 0, ...perMessageDeflate } }, async (url, server) => {
        let answer;
        server.on('headers', (lines, request) => {
          assert.equal(request.headers['sec-websocket-extensions'], `${first}, ${fallback}`);
          answer = lines.find((line) => line.startsWith('Sec-WebSocket-Extensions: '))?.replace(/.*?: /, '');
        });
        const client = new Program(program('tidings'), 'ws', url, '--compress', '--linger', '0.5');
        const [peer] = await once(server, 'connection');
        let received = 0;
        peer.on('message', (data) => {
          received += data.length;
          peer.send(data.toString());
        });
        const bytesRead = once(peer, 'close').then(() => peer._socket?.bytesRead);
        const lines = ['short', '', 'compressible '.repeat(1000), '電書は便り'.repeat(500), 'x'.repeat(60_000), randomBytes(4000).toString('hex')];
        const socket = peer._socket;
        client.say(...lines, ...lines);
        client.endInput();
        assert.equal(await client.exitCode(), 0);
        await bytesRead;
        assert.equal(answer, expected);
        assert.equal(client.stdout, [...lines, ...lines, ''].join('\n'));
        assert.equal(client.stderr, `connected${expected ? ', compressed' : ''}\nclosed: 1000 (normal closure)\n`);
        // In a window of 8 bits it cannot compress itself.
        const compresses = expected && !expected.includes('client_max_window_bits=8');
        assert.ok(compresses ? socket.bytesRead < received / 5 : socket.bytesRead > received, `${received} bytes took ${socket.bytesRead}`);
      })
    ));
  }
}
