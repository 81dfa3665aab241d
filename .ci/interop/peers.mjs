// Conversations of the examples and of `tidings ws` with the `ws` package, in both directions, with
// and without TLS. Usage: node peers.mjs PROGRAMS CERTIFICATES

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';

import { Program, check, finish, setSubject, startServer, until } from '../harness/checks.mjs';
import { connect, keeping, withServer } from '../harness/ws.mjs';

const [programs, certificates] = process.argv.slice(2);
const program = (name) => path.join(programs, name);
const certificate = (name) => path.join(certificates, name);

const CJK = '電書は便り';
const TEXTS = ['', 'a', 'hello', CJK, '🎉🏳️‍🌈 e\u0301', '\0', '\ufeffa mark'];
const MESSAGE_LEN_MAX = 1 << 20;
const LENGTHS = [1, 2, 125, 126, 127, 128, 65535, 65536, 65537, MESSAGE_LEN_MAX];
const CLOSES = [[1000, ''], [1001, 'leaving'], [3000, CJK], [4999, 'r'.repeat(123)]];
const NAMES = { 1000: ' (normal closure)', 1001: ' (going away)' };
const NOT_UTF8 = [Buffer.of(0xff), Buffer.of(0xc0, 0xaf), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xe9)];

const server = await startServer(program('echo_server'), '127.0.0.1:0');
setSubject('ws client, echo_server');
await clientChecks(server.url);
setSubject('echo_client, ws server');
await serverChecks();
setSubject('ws client, tls_echo');
await tlsClientChecks();
setSubject('tidings ws, ws server with TLS');
await tlsServerChecks();
finish();

function bytes(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8)));
}

// ---- what holds for a `ws` whose peer echoes, whichever of them is the server ----

async function echoChecks(withPeer) {
  await check('texts come back, empty ones too', () => withPeer(async (peer) => {
    for (const text of TEXTS) await echoed(peer, text);
  }));
  await check('texts and binaries of all lengths come back', () => withPeer(async (peer) => {
    for (const length of [0, ...LENGTHS]) {
      await echoed(peer, 'x'.repeat(length));
      await echoed(peer, bytes(length));
    }
  }));
  await check('fragments become one message, cut inside characters, empty ones too', () => withPeer(async (peer) => {
    const text = Buffer.from(CJK);
    for (const [i, byte] of text.entries()) {
      peer.send(Buffer.of(byte), { binary: false, fin: false });
      if (i % 4 === 0) peer.send('', { fin: false });
    }
    peer.send('', { fin: true });
    assert.equal(await peer.next(), CJK);
    for (const piece of [1, 125, 4096, 65536]) {
      const whole = bytes(piece * 5);
      for (let i = 0; i < 5; i += 1) peer.send(whole.subarray(i * piece, (i + 1) * piece), { fin: i === 4 });
      assert.deepEqual(await peer.next(), whole);
    }
  }));
  await check('a ping is answered with its payload, also inside a message', () => withPeer(async (peer) => {
    for (const payload of [Buffer.of(), Buffer.from('ping'), bytes(125)]) {
      peer.send('be', { fin: false });
      peer.ping(payload);
      assert.deepEqual((await once(peer, 'pong'))[0], payload);
      peer.send('tween', { fin: true });
      assert.equal(await peer.next(), 'between');
    }
  }));
  await check('500 messages at once come back in order', () => withPeer(async (peer) => {
    for (let i = 0; i < 500; i += 1) peer.send(i % 2 ? `message ${i}` : bytes(i));
    for (let i = 0; i < 500; i += 1) assert.deepEqual(await peer.next(), i % 2 ? `message ${i}` : bytes(i));
  }));
  await check('50 messages of 64 KiB at once come back in order', () => withPeer(async (peer) => {
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 << 16, i));
    for (const message of messages) peer.send(message);
    for (const message of messages) assert.ok((await peer.next()).equals(message));
  }));
}

async function echoed(peer, message) {
  peer.send(message);
  const back = await peer.next();
  assert.ok(typeof message === 'string' ? back === message : message.equals(back), `${message.length} bytes came back as ${back.length}`);
}

/** What a `ws` does wrong, and the code that it is told. */
async function faultChecks(messageLenMax, withPeer) {
  const faults = [
    ['texts that are not UTF-8', 1007, NOT_UTF8.map((text) => (peer) => peer.send(text, { binary: false }))],
    ['a text that is not UTF-8 from its second fragment on', 1007, [(peer) => {
      peer.send(Buffer.of(0xe9), { binary: false, fin: false });
      peer.send(Buffer.of(0x61), { binary: false, fin: false });
    }]],
    // The peer is still sending when it is told.
    ['a message that is too long, by a byte or by far', 1009, [1, 4 << 20].map((more) => (peer) => (
      peer.send(Buffer.alloc(messageLenMax + more))
    ))],
    ['fragments that are too long together', 1009, [(peer) => {
      peer.send(Buffer.alloc(messageLenMax), { fin: false });
      peer.send('x', { fin: true });
    }]],
    ['a reserved bit', 1002, [(peer) => peer._socket.write(Buffer.of(0xc1, 0x80, 0, 0, 0, 0))]],
  ];
  for (const [name, code, deeds] of faults) {
    await check(`${name} -> ${code}`, async () => {
      for (const deed of deeds) {
        await withPeer(async (peer) => {
          await echoed(peer, 'before');
          deed(peer);
          assert.equal((await peer.closing).code, code);
        });
      }
    });
  }
}

// ---- `echo_server`, seen by `ws` clients ----

async function clientChecks(url) {
  async function withClient(body) {
    const client = await connect(url);
    await body(client);
    await client.end();
  }
  await echoChecks(withClient);
  await check('the server pings, its payload arrives, and it goes on after the pong', () => withClient(async (client) => {
    for (const payload of ['', 'ping', 'p'.repeat(125)]) {
      client.send(`/ping ${payload}`);
      assert.equal((await once(client, 'ping'))[0].toString(), payload);
    }
    await echoed(client, 'after');
  }));
  await check('a close is answered with its code', async () => {
    for (const [code, reason] of CLOSES) {
      const client = await connect(url);
      client.close(code, reason);
      assert.equal((await client.closing).code, code);
    }
    const client = await connect(url);
    client.close();
    assert.equal((await client.closing).code, 1005, 'a close without a code');
  });
  await check('the server closes, its code and reason arrive', async () => {
    for (const [code, reason] of CLOSES) {
      const client = await connect(url);
      client.send(`/close ${code} ${reason}`);
      assert.deepEqual(await client.closing, { code, reason });
    }
    const client = await connect(url);
    client.send('/close');
    assert.deepEqual(await client.closing, { code: 1005, reason: '' });
  });
  await check('what was sent before the close is echoed before it', async () => {
    const client = await connect(url);
    for (let i = 0; i < 100; i += 1) client.send(`${i}`);
    client.close(1000);
    await client.closing;
    for (let i = 0; i < 100; i += 1) assert.equal(await client.next(), `${i}`);
  });
  await check('50 connections at once', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(url)));
    await Promise.all(clients.map((client, i) => echoed(client, `client ${i}`)));
    await Promise.all(clients.map((client) => client.end()));
  });
  await check('of the subprotocols offered, the one that the server likes best is agreed on', async () => {
    for (const [offered, agreed] of [[['echo.v1'], 'echo.v1'], [['x', 'echo.v1', 'echo.v2'], 'echo.v2']]) {
      const client = await connect(url, offered);
      assert.equal(client.protocol, agreed);
      await client.end();
    }
    await assert.rejects(connect(url, ['x']), /Server sent no subprotocol/);
  });
  await check('permessage-deflate is offered and not agreed on', async () => {
    for (const perMessageDeflate of [false, true, { threshold: 0, clientMaxWindowBits: 10 }]) {
      const client = await connect(url, [], { perMessageDeflate });
      assert.equal(client.extensions, '');
      await echoed(client, 'compressible '.repeat(1000));
      await client.end();
    }
  });
  await check('a page of another origin is refused with 403', async () => {
    await assert.rejects(connect(url, [], { origin: 'http://evil.example' }), /403/);
    const client = await connect(url, [], { origin: url.replace('ws:', 'http:').slice(0, -1) });
    await client.end();
  });
  await faultChecks(MESSAGE_LEN_MAX, async (body) => body(await connect(url)));
  await check('a frame that is not masked -> 1002', async () => {
    const client = await connect(url);
    client.send('hello', { mask: false });
    assert.equal((await client.closing).code, 1002);
  });
  await check('clients that vanish are survived', async () => {
    for (let i = 0; i < 10; i += 1) {
      const client = await connect(url);
      client.send('x'.repeat(100_000));
      client.terminate();
    }
    await withClient((client) => echoed(client, 'still there'));
    assert.equal(server.stderr, '');
    assert.equal(server.process.exitCode, null);
  });
}

// ---- `echo_client`, seen by a `ws` server ----

/** A server, the client, and the server's end of their connection. */
async function withEchoClient(args, body, options = {}) {
  await withServer(options, async (url, server) => {
    const client = new Program(program('echo_client'), url, ...args);
    const [socket] = await once(server, 'connection');
    await body(keeping(socket), client);
    await client.kill();
  });
}

/** The last line of `echo_client`. */
function closed(code, reason = '') {
  return `closed: ${code}${NAMES[code] ?? ''}${reason && `: ${reason}`}\n`;
}

async function serverChecks() {
  await echoChecks((body) => withEchoClient(['echo'], async (peer, client) => {
    await body(peer);
    await peer.end();
    assert.equal(await client.exitCode(), 0);
    assert.equal(client.stdout, closed(1000));
  }));
  await check('it takes 16 MiB, in one frame', () => withEchoClient(['echo'], async (peer) => {
    await echoed(peer, Buffer.alloc(16 << 20, 'm'));
  }));
  await check('the client pings, and its code and reason arrive', async () => {
    for (const [code, reason] of CLOSES) {
      await withEchoClient([`${code}`, reason], async (peer, client) => {
        peer.on('message', (data, binary) => peer.send(data, { binary }));
        assert.equal((await once(peer, 'ping'))[0].toString(), 'are you there?');
        assert.deepEqual(await peer.closing, { code, reason });
        assert.equal(await client.exitCode(), 0);
        assert.match(client.stdout, /^Pong\(.*are you there\?.*\)\nText\("hello"\)\nText\("grüß dich"\)\nText\("你好"\)\n/);
        assert.ok(client.stdout.endsWith(`\n${closed(code, reason)}`), client.stdout);
      });
    }
  });
  await check('the server closes, its code and reason arrive, its code comes back', async () => {
    for (const [code, reason] of CLOSES) {
      await withEchoClient(['echo'], async (peer, client) => {
        peer.close(code, reason);
        assert.equal((await peer.closing).code, code);
        assert.equal(await client.exitCode(), 0);
        assert.equal(client.stdout, closed(code, reason));
      });
    }
    await withEchoClient(['echo'], async (peer, client) => {
      peer.close();
      assert.equal((await peer.closing).code, 1005, 'a close without a code');
      assert.equal(await client.exitCode(), 0);
      assert.match(client.stdout, /^closed: 1005/);
    });
  });
  await check('50 clients at once', () => withServer({}, async (url, server) => {
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
    const clients = Array.from({ length: 50 }, () => new Program(program('echo_client'), url));
    for (const client of clients) {
      assert.equal(await client.exitCode(15), 0);
      assert.match(client.stdout, /"hello"[^]*"你好"\)\nclosed: 1000/);
    }
  }));
  const deflate = { perMessageDeflate: { threshold: 0 } };
  await check('a server that would compress does not', () => withEchoClient(['echo'], async (peer) => {
    assert.equal(peer.extensions, '');
    await echoed(peer, 'compressible '.repeat(1000));
  }, deflate));
  await check('frames right after the answer are not lost', () => withServer({}, async (url, server) => {
    server.on('connection', (socket) => {
      for (let i = 0; i < 10; i += 1) socket.send(`early ${i}`);
    });
    new Program(program('echo_client'), url, 'echo');
    const peer = keeping((await once(server, 'connection'))[0]);
    for (let i = 0; i < 10; i += 1) assert.equal(await peer.next(), `early ${i}`);
  }));
  await faultChecks(16 << 20, (body) => withEchoClient(['echo'], async (peer, client) => {
    await body(peer);
    assert.equal(await client.exitCode(), 1);
    assert.doesNotMatch(client.stderr, /panicked/);
  }));
  await check('a frame that is masked -> 1002', () => withEchoClient(['echo'], async (peer, client) => {
    peer.send('hello', { mask: true });
    assert.equal((await peer.closing).code, 1002);
    assert.equal(await client.exitCode(), 1);
  }));
  const answers = [
    ['a subprotocol that was not offered', (headers) => headers.push('Sec-WebSocket-Protocol: x'), /subprotocol/i],
    ['an extension that was not offered', (headers) => headers.push('Sec-WebSocket-Extensions: permessage-deflate'), /extension/i],
    ['a wrong Sec-WebSocket-Accept', (headers) => {
      const at = headers.findIndex((line) => line.startsWith('Sec-WebSocket-Accept'));
      headers[at] = 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=';
    }, /accept/i],
    ['no Upgrade', (headers) => headers.splice(headers.indexOf('Upgrade: websocket'), 1), /upgrade/i],
  ];
  for (const [name, change, told] of answers) {
    await check(`an answer with ${name} is not accepted`, () => withServer({}, async (url, server) => {
      server.on('headers', change);
      const client = new Program(program('tidings'), 'ws', url);
      assert.equal(await client.exitCode(), 1);
      assert.match(client.stderr, told);
      assert.equal(client.stdout, '');
    }));
  }
}

// ---- TLS ----

async function tlsClientChecks() {
  const file = certificate('tls_echo.pem');
  const server = await startServer(program('tls_echo'), '127.0.0.1:0', file);
  const ca = fs.readFileSync(file);
  async function withClient(body, options = {}) {
    const client = await connect(server.url, [], { ca, ...options });
    await body(client);
    await client.end();
  }
  await echoChecks(withClient);
  await faultChecks(MESSAGE_LEN_MAX, async (body) => body(await connect(server.url, [], { ca })));
  await check('TLS 1.2 is enough', () => withClient((client) => {
    assert.equal(client._socket.getProtocol(), 'TLSv1.2');
    return echoed(client, 'x'.repeat(100_000));
  }, { maxVersion: 'TLSv1.2' }));
  await check('a client that does not trust it, and one that calls it by another name, do not connect', async () => {
    await assert.rejects(connect(server.url), /self-signed certificate/);
    await assert.rejects(connect(server.url.replace('localhost', '127.0.0.1'), [], { ca }), /altnames/);
  });
  await check('a client without TLS gets no answer, and the next one with it does', async () => {
    await assert.rejects(connect(server.url.replace('wss://localhost', 'ws://127.0.0.1')));
    await withClient((client) => echoed(client, 'still there'));
  });
  await check('a close is answered with its code', async () => {
    for (const [code, reason] of CLOSES) {
      const client = await connect(server.url, [], { ca });
      client.close(code, reason);
      assert.equal((await client.closing).code, code);
    }
  });
}

async function tlsServerChecks() {
  await check('lines of all lengths go both ways', () => withTlsServer('localhost', async (url, server) => {
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
    const client = talk(url, '--ca', certificate('ca.pem'));
    const lines = [...TEXTS, ...LENGTHS.map((length) => 'x'.repeat(length))];
    client.say(...lines);
    const printed = lines.map((line) => `${line}\n`).join('');
    await until('all came back', () => client.stdout.length >= printed.length);
    client.endInput();
    assert.equal(await client.exitCode(), 0);
    assert.ok(client.stdout === printed);
    assert.match(client.stderr, /^connected\nclosed: 1000/);
  }));
  await check('a subprotocol is agreed on, a header and the name of the server arrive', () => withTlsServer('localhost', async (url, server) => {
    const client = talk(url, '--ca', certificate('ca.pem'), '--subprotocol', 'v1', '--header', 'X-Token: abc');
    const [socket, request] = await once(server, 'connection');
    assert.equal(socket.protocol, 'v1');
    assert.equal(request.headers['x-token'], 'abc');
    assert.equal(request.socket.servername, 'localhost');
    assert.equal(`wss://${request.headers.host}/`, url);
    socket.close(4001, 'seen');
    assert.equal(await client.exitCode(), 3);
    assert.match(client.stderr, /^connected, subprotocol v1\nclosed: 4001: seen$/m);
  }));
  await check('TLS 1.2 is enough', () => withTlsServer('localhost', async (url, server) => {
    const client = talk(url, '--ca', certificate('ca.pem'));
    const [socket] = await once(server, 'connection');
    assert.equal(socket._socket.getProtocol(), 'TLSv1.2');
    socket.close(1000);
    assert.equal(await client.exitCode(), 0);
  }, { maxVersion: 'TLSv1.2' }));
  await check('a certificate for another name is refused', () => withTlsServer('other', async (url) => {
    await refused(talk(url, '--ca', certificate('ca.pem')), /name/i);
  }));
  await check('a certificate that nobody trusts is refused', () => withTlsServer('localhost', async (url) => {
    await refused(talk(url), /certificate|issuer/i);
    await refused(talk(url, '--ca', certificate('other.pem')), /certificate|issuer/i);
  }));
  await check('a server without TLS is told', () => withServer({}, async (url) => {
    await refused(talk(url.replace('ws://127.0.0.1', 'wss://localhost'), '--ca', certificate('ca.pem')), /TLS/i);
  }));
  await check('a server that vanishes gives exit code 3', () => withTlsServer('localhost', async (url, server) => {
    const client = talk(url, '--ca', certificate('ca.pem'));
    const [socket] = await once(server, 'connection');
    socket.terminate();
    assert.equal(await client.exitCode(), 3);
    assert.match(client.stderr, /closed: 1006/);
  }));
}

function talk(url, ...options) {
  return new Program(program('tidings'), 'ws', url, '--linger', '0.3', ...options);
}

async function refused(client, told) {
  assert.equal(await client.exitCode(), 1);
  assert.match(client.stderr, told);
  assert.doesNotMatch(client.stderr, /connected/);
}

/** A server with this certificate, which is called localhost whatever its certificate says. */
async function withTlsServer(name, body, options = {}) {
  const listener = https.createServer({
    cert: fs.readFileSync(certificate(`${name}.pem`)), key: fs.readFileSync(certificate(`${name}.key`)), ...options,
  });
  // A client that refuses the certificate says so.
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    await withServer({ server: listener }, (_, server) => (
      body(`wss://localhost:${listener.address().port}/`, server)
    ));
  } finally {
    listener.closeAllConnections();
    listener.close();
  }
}
