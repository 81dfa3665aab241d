// Chromium's WebSocket with the servers that compress. Usage: node browser.mjs PROGRAMS

import assert from 'node:assert/strict';
import path from 'node:path';

import { check, finish, setSubject, startServer } from '../harness/checks.mjs';
import { launchChromium } from '../harness/chromium.mjs';
import { messages } from './messages.mjs';

const [programs] = process.argv.slice(2);
const browser = await launchChromium(
  // The pages come from the script, and Chromium would not let such pages talk to this machine.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
);

const NO_CONTEXT = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
for (const name of ['autobahn_server', 'blocking_autobahn_server']) {
  setSubject(`Chromium, ${name}`);
  for (const [args, extensions] of [
    [[], 'permessage-deflate'],
    [['--window-bits', '9'], 'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9'],
    [['--window-bits', '12', '--no-takeover'], `${NO_CONTEXT}; server_max_window_bits=12; client_max_window_bits=12`],
    [['--no-takeover'], NO_CONTEXT],
  ]) {
    await check(`${extensions}: random messages of all lengths come back`, async () => {
      const server = await startServer(path.join(programs, name), '127.0.0.1:0', ...args);
      const page = await openPage(server.url);
      assert.equal(await page.evaluate(() => connected.then(() => socket.extensions)), extensions);
      let batch = [];
      for (const { data, binary } of [...edges(), ...messages(7, 2000)]) {
        batch.push({ data: data.toString('base64'), binary });
        if (batch.length < 500) continue;
        await page.evaluate((batch) => echoed(batch), batch);
        batch = [];
      }
      await page.evaluate((batch) => echoed(batch), batch);
      assert.deepEqual(await page.evaluate(() => { socket.close(1000); return closing; }), { code: 1000, wasClean: true });
      assert.equal(server.process.exitCode, null);
      assert.equal(server.stderr, '');
      assert.equal(server.stdout.trim().split('\n').length, 1, server.stdout);
      await page.close();
      await server.kill();
    }, 60);
  }
  await check('zeros of the length that is allowed come back, one more -> 1009', async () => {
    const server = await startServer(path.join(programs, name), '127.0.0.1:0', '--max-message-len', 1 << 20);
    const page = await openPage(server.url);
    const closed = await page.evaluate(async () => {
      await connected;
      const zeros = new Uint8Array(1 << 20);
      socket.send(zeros);
      if ((await next()).byteLength !== zeros.length) throw new Error('zeros came back otherwise');
      socket.send(new Uint8Array(zeros.length + 1));
      return closing;
    });
    assert.equal(closed.code, 1009);
    await page.close();
    await server.kill();
  });
}
await browser.close();
finish();

function* edges() {
  for (const length of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    yield { data: Buffer.alloc(length, 'compressible '), binary: false };
    yield { data: Buffer.alloc(length, 'compressible '), binary: true };
  }
}

/** A page of the origin that the server has, with a connection to it. It never asks the server for itself. */
async function openPage(url) {
  const page = await browser.newPage();
  await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>page</title>' }));
  await page.goto(url.replace(/^ws/, 'http'));
  await page.evaluate(connect, url);
  return page;
}

/** Runs in the page: opens `socket`, and defines what the bodies of the checks use there. */
function connect(url) {
  window.socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const received = [];
  let wake = () => {};
  let fail;
  window.closing = new Promise((resolve) => {
    socket.onclose = ({ code, wasClean }) => {
      fail?.(new Error(`closed: ${code}`));
      resolve({ code, wasClean });
    };
  });
  window.connected = new Promise((resolve, reject) => { socket.onopen = resolve; fail = reject; });
  socket.onmessage = ({ data }) => { received.push(data); wake(); };
  window.next = async () => {
    while (received.length === 0) {
      await new Promise((resolve, reject) => { wake = resolve; fail = reject; });
    }
    return received.shift();
  };
  /** Sends messages, and rejects if one does not come back. */
  window.echoed = async (batch) => {
    const decoded = batch.map(({ data, binary }) => {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      return binary ? bytes : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    });
    for (const message of decoded) socket.send(message);
    for (const [i, message] of decoded.entries()) {
      const back = await next();
      const same = typeof message === 'string' ? back === message
        : typeof back !== 'string' && back.byteLength === message.length
          && new Uint8Array(back).every((byte, at) => byte === message[at]);
      if (!same) throw new Error(`message ${i} of ${batch.length}, of ${message.length}, came back otherwise`);
    }
  };
}
