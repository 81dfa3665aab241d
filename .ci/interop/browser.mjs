// Chromium's WebSocket with the example servers. Usage: node browser.mjs PROGRAMS

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { check, finish, setSubject, startServer, until } from '../harness/checks.mjs';
import { launchChromium } from '../harness/chromium.mjs';

const [programs] = process.argv.slice(2);
const program = (name) => path.join(programs, name);

const server = await startServer(program('echo_server'), '127.0.0.1:0');
const certificate = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'tidings-tls-')), 'echo.pem');
const tlsServer = await startServer(program('tls_echo'), '127.0.0.1:0', certificate);
// Trust in this one key, for whatever name.
const { publicKey } = new X509Certificate(fs.readFileSync(certificate));
const spki = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
const browser = await launchChromium(
  `--ignore-certificate-errors-spki-list=${spki}`,
  // The pages come from the script, and Chromium would not let such pages talk to this machine.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
);

setSubject('Chromium, echo_server');
const page = await openPage(server.url);
await echoChecks(page);
await serverChecks(page);
setSubject('Chromium, tls_echo');
await echoChecks(await openPage(tlsServer.url));

await browser.close();
await Promise.all([server.kill(), tlsServer.kill()]);
finish();

/** A page of the origin that the server has. It never asks the server for it. */
async function openPage(url) {
  const page = await browser.newPage();
  await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>page</title>' }));
  await page.goto(url.replace(/^ws/, 'http'));
  await page.evaluate((url) => { window.url = url; }, url);
  await page.evaluate(defineTools);
  return page;
}

/** Runs in the page: what the bodies of the checks use there. */
function defineTools() {
  /** Opens a WebSocket that keeps what it receives; `closing` gives code, reason, wasClean. */
  window.open = (subprotocols = [], url = window.url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, subprotocols);
    socket.binaryType = 'arraybuffer';
    const received = [];
    let wake = () => {};
    socket.onmessage = ({ data }) => { received.push(data); wake(); };
    socket.next = async () => {
      while (received.length === 0) await new Promise((resolve) => { wake = resolve; });
      return received.shift();
    };
    socket.closing = new Promise((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => {
        reject(new Error(`closed: ${code}`));
        resolve({ code, reason, wasClean });
      };
    });
    socket.onopen = () => resolve(socket);
  });
  /** Rejects if the message does not come back. */
  window.echoed = async (socket, message) => {
    socket.send(message);
    const back = await socket.next();
    const text = (data) => (typeof data === 'string' ? `text ${data}` : `binary ${new Uint8Array(data)}`);
    if (text(back) !== text(message)) throw new Error(`${text(message).slice(0, 60)} came back as ${text(back).slice(0, 60)}`);
  };
  window.bytes = (length) => Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8)).buffer;
  window.withSocket = async (body) => {
    const socket = await window.open();
    await body(socket);
    socket.close(1000);
    return socket.closing;
  };
}

async function echoChecks(page) {
  const closedWell = { code: 1000, reason: '', wasClean: true };
  await check('texts come back, empty ones too', async () => {
    const closed = await page.evaluate(() => withSocket(async (socket) => {
      for (const text of ['', 'a', 'hello', '電書は便り', '🎉🏳️‍🌈 e\u0301', '\0', '\ufeffa mark']) await echoed(socket, text);
      // The browser replaces invalid Unicode.
      socket.send('\ud800!');
      if (await socket.next() !== '\ufffd!') throw new Error('a lone surrogate');
    }));
    assert.deepEqual(closed, closedWell);
  });
  await check('texts and binaries of all lengths come back', async () => {
    const closed = await page.evaluate(() => withSocket(async (socket) => {
      for (const length of [0, 1, 2, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20]) {
        await echoed(socket, 'x'.repeat(length));
        await echoed(socket, bytes(length));
      }
    }));
    assert.deepEqual(closed, closedWell);
  });
  await check('500 messages at once come back in order', async () => {
    const closed = await page.evaluate(() => withSocket(async (socket) => {
      for (let i = 0; i < 500; i += 1) socket.send(`message ${i}`);
      for (let i = 0; i < 500; i += 1) {
        const back = await socket.next();
        if (back !== `message ${i}`) throw new Error(`${back} instead of message ${i}`);
      }
    }));
    assert.deepEqual(closed, closedWell);
  });
  await check('a close is answered with its code', async () => {
    for (const code of [1000, 3000, 4999]) {
      const closed = await page.evaluate(async (code) => {
        const socket = await open();
        socket.close(code, 'bye');
        return socket.closing;
      }, code);
      assert.equal(closed.code, code);
      assert.ok(closed.wasClean);
    }
    const closed = await page.evaluate(async () => {
      const socket = await open();
      socket.close();
      return socket.closing;
    });
    assert.deepEqual(closed, { code: 1005, reason: '', wasClean: true });
  });
  await check('50 connections at once', () => page.evaluate(async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open()));
    await Promise.all(sockets.map((socket, i) => echoed(socket, `client ${i}`)));
    for (const socket of sockets) socket.close();
    await Promise.all(sockets.map((socket) => socket.closing));
  }));
}

async function serverChecks(page) {
  await check('the server closes, its code and reason arrive', async () => {
    for (const [code, reason] of [[1000, ''], [1001, 'leaving'], [3000, '電書は便り'], [4999, 'r'.repeat(123)]]) {
      const closed = await page.evaluate(async ([code, reason]) => {
        const socket = await open();
        socket.send(`/close ${code} ${reason}`);
        return socket.closing;
      }, [code, reason]);
      assert.deepEqual(closed, { code, reason, wasClean: true });
    }
    const closed = await page.evaluate(async () => {
      const socket = await open();
      socket.send('/close');
      return socket.closing;
    });
    assert.deepEqual(closed, { code: 1005, reason: '', wasClean: true });
  });
  await check('of the subprotocols offered, the one that the server likes best is agreed on', async () => {
    const agreed = (offered) => page.evaluate(async (offered) => (await open(offered)).protocol, offered);
    assert.equal(await agreed(['echo.v1']), 'echo.v1');
    assert.equal(await agreed(['x', 'echo.v1', 'echo.v2']), 'echo.v2');
    await assert.rejects(agreed(['x']), /closed: 1006/);
  });
  await check('permessage-deflate, which Chromium always offers, is not agreed on', async () => {
    assert.equal(await page.evaluate(async () => (await open()).extensions), '');
  });
  await check('a message that is too long, by a byte or by far -> 1009', async () => {
    for (const length of [(1 << 20) + 1, 5 << 20]) {
      const closed = await page.evaluate(async (length) => {
        const socket = await open();
        await echoed(socket, 'before');
        socket.send(new Uint8Array(length));
        return socket.closing;
      }, length);
      assert.equal(closed.code, 1009);
    }
  });
  await check('a page of another origin is refused', async () => {
    const other = await openPage(server.url.replace('127.0.0.1', 'localhost'));
    const refused = other.evaluate((url) => open([], url), server.url);
    await assert.rejects(refused, /closed: 1006/);
    await other.close();
  });
  await check('the server pings, and Chromium answers with the payload', async () => {
    const tap = await startTap(server.port);
    const tapped = await openPage(`ws://127.0.0.1:${tap.port}/`);
    for (const payload of ['', 'ping', 'p'.repeat(125)]) {
      await tapped.evaluate(async (payload) => {
        window.socket ??= await open();
        socket.send(`/ping ${payload}`);
      }, payload);
      await until('a pong with the payload', () => tap.pongs().at(-1) === payload);
    }
    await tapped.evaluate(() => echoed(socket, 'after'));
    await tapped.close();
    tap.close();
  });
  await check('a page that goes away is survived', async () => {
    const leaving = await openPage(server.url);
    await leaving.evaluate(async () => { window.socket = await open(); socket.send(bytes(1 << 20)); });
    await leaving.close();
    await page.evaluate(() => withSocket((socket) => echoed(socket, 'still there')));
    assert.equal(server.stderr, '');
    assert.equal(server.process.exitCode, null);
  });
}

/** A TCP proxy for one connection that reads what the client sends. */
async function startTap(port) {
  const sent = [];
  const tap = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    for (const side of [client, upstream]) side.on('error', () => {}).on('close', () => { client.destroy(); upstream.destroy(); });
    client.on('data', (bytes) => { sent.push(bytes); upstream.write(bytes); });
    upstream.pipe(client);
  });
  await new Promise((resolve) => { tap.listen(0, '127.0.0.1', resolve); });
  return {
    port: tap.address().port,
    close: () => tap.close(),
    /** The payloads of the Pong frames so far. Every frame here is shorter than 64 KiB. */
    pongs() {
      const bytes = Buffer.concat(sent);
      const payloads = [];
      let at = bytes.indexOf('\r\n\r\n') + 4;
      while (at + 2 <= bytes.length) {
        const opcode = bytes[at] & 0x0f;
        const long = (bytes[at + 1] & 0x7f) === 126;
        const length = long ? bytes.readUInt16BE(at + 2) : bytes[at + 1] & 0x7f;
        const start = at + (long ? 8 : 6);
        const mask = bytes.subarray(start - 4, start);
        const payload = bytes.subarray(start, start + length).map((byte, i) => byte ^ mask[i % 4]);
        if (opcode === 0xa && payload.length === length) payloads.push(payload.toString());
        at = start + length;
      }
      return payloads;
    },
  };
}
