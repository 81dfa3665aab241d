// `tidings sse` and `llm_tokens` with servers of Node: HTTP/1.1, TLS, HTTP/2, gzip, and streams that
// end in every way. Usage: node client.mjs PROGRAMS CERTIFICATES

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';

import { Program, check, finish, setSubject, until } from '../harness/checks.mjs';

const [programs, certificates] = process.argv.slice(2);
const program = (name) => path.join(programs, name);
const certificate = (name) => path.join(certificates, name);
const watch = (url, ...options) => new Program(program('tidings'), 'sse', url, ...options);
const STREAM = { 'Content-Type': 'text/event-stream' };
const EVENT = 'id: 1\ndata: one\n\n';

setSubject('tidings sse, Node');
await onceChecks();
await reconnectionChecks();
await requestChecks();
await jsonChecks();
await codingChecks();
await tlsChecks();
setSubject('llm_tokens');
await tokenChecks();
finish();

// ---- one stream: its end and the exit code ----

async function onceChecks() {
  const ends = [
    // [how it ends, what the server does, options, exit code, stdout, stderr]
    ['between two events', (response) => response.end(EVENT), [], 0, 'id: 1\ndata: one\n\n', /^connected\nthe event stream ended\n$/],
    ['inside an event', (response) => response.end(`${EVENT}data: tw`), [], 3, 'id: 1\ndata: one\n\n', /8 bytes into an event/],
    ['with a chunk cut off', (response) => { response.write(EVENT); setTimeout(() => response.destroy(), 100); }, [], 3, 'id: 1\ndata: one\n\n', /the connection broke/],
    ['short of its length', (response) => { response.socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\n${EVENT}`); }, [], 3, 'id: 1\ndata: one\n\n', /the connection broke/],
    ['with a word of silence', (response) => response.write(EVENT), ['--idle-timeout', '0.5'], 3, 'id: 1\ndata: one\n\n', /silent/],
    ['before it begins: 204', (response) => response.writeHead(204).end(), [], 0, '', /204/],
    ['before it begins: 503', (response) => response.writeHead(503).end('no room\x1b[2J'), [], 1, '', /503[^]*no room\\u\{1b\}/],
    ['before it begins: another type', (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'), [], 1, '', /text\/html.*\nhint: is the path right\?\n<p>/],
  ];
  for (const [name, respond, options, code, stdout, stderr] of ends) {
    await check(`a stream that ends ${name} gives exit code ${code}`, () => withServer((_, response) => {
      response.setHeader('Content-Type', 'text/event-stream');
      response.socket.setNoDelay(true);
      respond(response);
    }, async (url) => {
      const client = watch(url, '--once', ...options);
      assert.equal(await client.exitCode(), code);
      assert.equal(client.stdout, stdout);
      assert.match(client.stderr, stderr);
    }));
  }
  await check('nobody there, or no such name, gives exit code 1', async () => {
    for (const url of ['http://127.0.0.1:1/', 'http://nowhere.invalid/']) {
      const client = watch(url, '--once');
      assert.equal(await client.exitCode(20), 1);
      assert.match(client.stderr, /there was no response: .+/);
    }
  });
  await check('what cannot be asked for gives exit code 2 at once', async () => {
    for (const [told, ...options] of [
      [/ftp:\/\/x\/: the URL does not begin with http/, 'ftp://x/'], [/URL/, 'nonsense'], [/header host/, 'http://x/', '--header', 'Host: y'],
      [/--last-event-id: .*no control characters/, 'http://x/', '--last-event-id', 'a\nb'],
    ]) {
      const client = watch(...options);
      assert.equal(await client.exitCode(), 2);
      assert.match(client.stderr, told);
    }
  });
  await check('a reader that has enough ends it quietly', () => withServer(async (_, response) => {
    response.writeHead(200, STREAM);
    for (let i = 0; i < 100 && !response.destroyed; i += 1) {
      response.write(EVENT);
      await sleep(20);
    }
  }, async (url) => {
    const client = watch(url);
    await once(client.process.stdout, 'data');
    client.process.stdout.destroy();
    assert.equal(await client.exitCode(), 0);
    assert.equal(client.stderr, 'connected\n');
  }));
}

// ---- coming back ----

async function reconnectionChecks() {
  await check('a client comes back with the last event ID until it is told to stop', async () => {
    const ids = [];
    await withServer((request, response) => {
      ids.push(request.headers['last-event-id']);
      switch (ids.length) {
        case 1: return response.writeHead(200, STREAM).end('retry: 200\nid: é1\ndata: one\n\n');
        case 2: response.writeHead(200, STREAM).write('data: two\n\ndata: lost'); return setTimeout(() => response.destroy(), 50);
        case 3: return response.writeHead(502).end();
        case 4: return response.writeHead(200, STREAM).end('id\ndata: three\n\n');
        default: return response.writeHead(204).end();
      }
    }, async (url) => {
      const client = watch(url);
      assert.equal(await client.exitCode(20), 0);
      assert.equal(client.stdout, 'id: é1\ndata: one\n\nid: é1\ndata: two\n\nid\ndata: three\n\n');
      assert.equal((client.stderr.match(/; trying again in [\d.]+ s$/gm) ?? []).length, 4);
      const latin1 = Buffer.from('é1').toString('latin1');
      assert.deepEqual(ids, [undefined, latin1, latin1, latin1, undefined]);
    });
  }, 30);
  await check('a client gives up after as many attempts as it was told', () => withServer((request) => {
    request.socket.destroy();
  }, async (url) => {
    const client = watch(url, '--attempts', '1');
    assert.equal(await client.exitCode(10), 1);
    assert.match(client.stderr, /as many attempts as allowed have failed/);
  }));
}

// ---- what is asked for ----

async function requestChecks() {
  await check('headers, an ID and a body arrive, and a POST is made once', async () => {
    const requests = [];
    await withServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      requests.push([request.method, request.url, request.headers, body]);
      response.writeHead(200, STREAM).end('data: {"a":1}\n\n');
    }, async (url) => {
      const client = watch(`${url}v1?x=1#y`, '--header', 'Authorization: Bearer abc', '--last-event-id', '7', '--data', '{"stream":true}');
      assert.equal(await client.exitCode(), 0);
      const [[method, target, headers, body]] = requests;
      assert.deepEqual([method, target, body], ['POST', '/v1?x=1', '{"stream":true}']);
      assert.equal(headers.authorization, 'Bearer abc');
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['last-event-id'], '7');
      assert.equal(headers.accept, 'text/event-stream');
      assert.equal(headers['cache-control'], 'no-cache');
      await sleep(200);
      assert.equal(requests.length, 1);
    });
  });
  await check('a body comes from stdin', () => withServer(async (request, response) => {
    response.writeHead(200, STREAM);
    for await (const chunk of request) response.write(`data: ${chunk}\n\n`);
    response.end();
  }, async (url) => {
    const client = watch(url, '--data', '@-', '--header', 'content-type: text/plain');
    client.process.stdin.end('from stdin');
    assert.equal(await client.exitCode(), 0);
    assert.equal(client.stdout, 'data: from stdin\n\n');
  }));
  await check('a redirect is followed, and credentials do not go to another origin', async () => {
    const seen = [];
    await withServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(200, STREAM).end(EVENT);
    }, (other) => withServer((request, response) => {
      seen.push(request.headers.authorization);
      if (request.url === '/b') response.writeHead(302, { Location: `${other}c` }).end();
      else response.writeHead(307, { Location: 'b' }).end();
    }, async (url) => {
      const client = watch(url, '--once', '--header', 'Authorization: Bearer abc');
      assert.equal(await client.exitCode(), 0);
      assert.deepEqual(seen, ['Bearer abc', 'Bearer abc', undefined]);
    }));
  });
}

async function jsonChecks() {
  await check('--json prints one object a line', () => withServer((_, response) => {
    response.writeHead(200, STREAM);
    response.end('retry: 10\ndata: a\ndata: "b"\n\nevent: t\nid: é\ndata: \u{1f389}\n\nretry: 20\n\ndata\n\n');
  }, async (url) => {
    const client = watch(url, '--once', '--json');
    assert.equal(await client.exitCode(), 0);
    assert.deepEqual(client.stdout.trimEnd().split('\n').map((line) => JSON.parse(line)), [
      { event: 'message', data: 'a\n"b"', id: '', retry: 10 },
      { event: 't', data: '\u{1f389}', id: 'é' },
      { event: 'message', data: '', id: 'é', retry: 20 },
    ]);
  }));
}

// ---- codings and transports ----

async function codingChecks() {
  await check('a stream that is compressed all the same is read event by event', () => withServer(async (_, response) => {
    response.writeHead(200, { ...STREAM, 'Content-Encoding': 'gzip' });
    const gzip = zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    gzip.write('data: first\n\n');
    await sleep(700);
    gzip.end('data: second\n\n');
  }, async (url) => {
    const client = watch(url, '--once');
    await until('the first event, before the second is sent', () => client.stdout === 'data: first\n\n', 0.6);
    assert.equal(await client.exitCode(), 0);
    assert.equal(client.stdout, 'data: first\n\ndata: second\n\n');
  }));
  await check('a coding that was not asked for and is not known is told', () => withServer((_, response) => {
    response.writeHead(200, { ...STREAM, 'Content-Encoding': 'br' }).end(zlib.brotliCompressSync(EVENT));
  }, async (url) => {
    const client = watch(url);
    assert.equal(await client.exitCode(), 1);
    assert.match(client.stderr, /content coding "br"/);
  }));
  await check('a bomb of 256 MiB is skipped in little memory', () => withServer((_, response) => {
    response.writeHead(200, { ...STREAM, 'Content-Encoding': 'gzip' });
    const bomb = zlib.gzipSync(Buffer.concat([Buffer.from('data: '), Buffer.alloc(256 << 20, 'x'), Buffer.from('\n\ndata: after\n\n')]));
    response.end(bomb);
  }, async (url) => {
    const client = watch(url, '--once');
    let most = 0;
    const peak = setInterval(() => {
      const status = fs.readFileSync(`/proc/${client.process.pid}/status`, 'utf8');
      most = Math.max(most, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
    }, 20);
    const code = await client.exitCode(30).finally(() => clearInterval(peak));
    assert.equal(code, 3);
    assert.equal(client.stdout, 'data: after\n\n');
    assert.match(client.stderr, /an event was skipped: .*longer than the limit/);
    assert.ok(most > 0 && most < 64 << 10, `${most} KiB`);
  }), 40);
}

async function tlsChecks() {
  const tls = { cert: fs.readFileSync(certificate('localhost.pem')), key: fs.readFileSync(certificate('localhost.key')) };
  const servers = [
    ['HTTP/1.1 over TLS', (respond) => https.createServer(tls, respond)],
    ['HTTP/2 over TLS', (respond) => http2.createSecureServer(tls, respond)],
  ];
  for (const [name, create] of servers) {
    await check(`${name}: events come as they are sent, and the end is clean`, () => withListener(create(async (request, response) => {
      assert.equal(request.httpVersion, name.startsWith('HTTP/2') ? '2.0' : '1.1');
      response.writeHead(200, STREAM);
      for (let i = 1; i <= 3; i += 1) {
        response.write(`id: ${i}\ndata: ${'é'.repeat(i * 20_000)}\n\n`);
        await sleep(30);
      }
      response.end();
    }), async (port) => {
      const client = watch(`https://localhost:${port}/`, '--once', '--ca', certificate('ca.pem'));
      assert.equal(await client.exitCode(), 0);
      assert.equal(client.stdout, [1, 2, 3].map((i) => `id: ${i}\ndata: ${'é'.repeat(i * 20_000)}\n\n`).join(''));
    }));
    await check(`${name}: a server that nobody trusts is told`, () => withListener(create(() => {}), async (port) => {
      const client = watch(`https://localhost:${port}/`, '--once');
      assert.equal(await client.exitCode(), 1);
      assert.match(client.stderr, /certificate|issuer/i);
    }));
  }
  await check('HTTP/2: a stream that is reset is broken', () => withListener(http2.createSecureServer(tls, (_, response) => {
    response.writeHead(200, STREAM);
    response.write(EVENT);
    setTimeout(() => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 100);
  }), async (port) => {
    const client = watch(`https://localhost:${port}/`, '--once', '--ca', certificate('ca.pem'));
    assert.equal(await client.exitCode(), 3);
    assert.equal(client.stdout, 'id: 1\ndata: one\n\n');
  }));
  await check('TLS that is cut without a word is not a clean end', () => withListener(https.createServer(tls, (_, response) => {
    const { socket } = response;
    // No length, no chunks: only the end of TLS says that the body is whole.
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${EVENT}`);
    setTimeout(() => socket._parent?.destroy() ?? socket.destroy(), 100);
  }), async (port) => {
    const client = watch(`https://localhost:${port}/`, '--once', '--ca', certificate('ca.pem'));
    assert.equal(await client.exitCode(), 3);
    assert.equal(client.stdout, 'id: 1\ndata: one\n\n');
    assert.match(client.stderr, /the connection broke/);
  }));
}

async function tokenChecks() {
  await check('the tokens of the stand-in are printed whole', async () => {
    const client = new Program(program('llm_tokens'));
    assert.equal(await client.exitCode(20), 0);
    assert.equal(client.stdout, 'Tidings travel in bytes, and bytes are cut anywhere: 你好, naïve 👩‍🚀.\n');
    assert.equal(client.stderr, '');
  }, 30);
  await check('an answer that is cut before [DONE] is told', () => withServer((_, response) => {
    response.writeHead(200, STREAM).end('data: {"choices":[{"delta":{"content":"half"}}]}\n\n');
  }, async (url) => {
    const client = new Program(program('llm_tokens'), url, 'm', 'p');
    assert.equal(await client.exitCode(), 1);
    assert.equal(client.stdout, 'half');
    assert.match(client.stderr, /not whole/);
  }));
}

async function withServer(respond, body) {
  return withListener(http.createServer(respond), (port) => body(`http://127.0.0.1:${port}/`));
}

async function withListener(server, body) {
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body(server.address().port);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}
