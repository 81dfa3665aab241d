// Event streams through nginx: its default buffering, and a read timeout of 5 s.
// Usage: node nginx.mjs PROGRAMS DIRECTORY

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Program, check, finish, setSubject, startServer, until } from '../harness/checks.mjs';

const [programs, directory] = process.argv.slice(2);
const program = (name) => path.join(programs, name);
const watch = (url, ...options) => new Program(program('tidings'), 'sse', url, ...options);

const server = await startServer(program('event_server'), '127.0.0.1:0');
// The same stream without the headers that keep proxies from holding it back.
const bare = http.createServer(async (_, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for (let i = 1; i <= 20 && !response.destroyed; i += 1) {
    response.write(`data: ${i}\n\n`);
    await sleep(100);
  }
  response.end();
}).listen(0, '127.0.0.1');
await once(bare, 'listening');
const nginx = await startNginx();
const through = `http://127.0.0.1:${nginx.port}/ours`;

setSubject('nginx, its defaults');
await check('it does hold back a stream that does not ask it not to', async () => {
  const client = watch(`http://127.0.0.1:${nginx.port}/bare/`, '--once');
  await sleep(1000); // half of the stream
  assert.equal(client.stdout, '');
  assert.equal(await client.exitCode(), 0);
  assert.equal(client.stdout.match(/data:/g).length, 20);
});
await check('each event of ours passes at once', async () => {
  const client = watch(`${through}/numbers?count=20&every_ms=100`, '--once');
  await until('the first event', () => client.stdout.includes('data: 1\n'));
  for (let seen = 1; seen < 20; seen += 1) {
    const before = client.stdout.length;
    await until('the next event', () => client.stdout.length > before || client.stdout.includes('data: 20\n'), 1);
  }
  assert.equal(await client.exitCode(), 0);
});
await check('the latency of an event is a few milliseconds', async () => {
  const [direct, proxied] = [await latencies(server.url), await latencies(`${through}/`)];
  const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];
  console.log(`      median ${median(proxied)} ms behind nginx, ${median(direct)} ms directly`);
  assert.ok(median(proxied) < 50, `${median(proxied)} ms`);
});

setSubject('nginx, proxy_read_timeout 5s');
await check('comments keep a silent stream open for three times as long', async () => {
  const client = watch(`${through}/silent?keep_alive_ms=2000`);
  await until('connected', () => client.stderr === 'connected\n');
  await sleep(15_000);
  assert.equal(client.stderr, 'connected\n');
  assert.equal(client.process.exitCode, null);
  await client.kill();
}, 30);
await check('without comments it is cut after 5 s, and the client comes back', async () => {
  const client = watch(`${through}/silent?keep_alive_ms=3600000`);
  await until('it is cut', () => /trying again/.test(client.stderr), 10);
  await until('it is back', () => client.stderr.match(/connected/g).length === 2, 15);
  await client.kill();
}, 40);
await check('a stream that is resumed through nginx loses and doubles nothing', async () => {
  const client = watch(`${through}/numbers?count=40&every_ms=5&drop_after=7&retry_ms=100`);
  assert.equal(await client.exitCode(30), 0);
  const numbers = [...client.stdout.matchAll(/^data: (\d+)$/gm)].map(([, number]) => Number(number));
  assert.deepEqual(numbers, Array.from({ length: 40 }, (_, i) => i + 1));
}, 40);

await nginx.program.kill('SIGTERM');
await server.kill();
bare.close();
finish();

/** How long events take that carry the time at which they were sent. */
async function latencies(base) {
  const client = watch(`${base}clock?count=30&every_ms=20`, '--once');
  const all = [];
  let taken = 0;
  client.process.stdout.on('data', () => {
    const events = client.stdout.split('\n\n').slice(0, -1);
    for (const event of events.slice(taken)) all.push(Date.now() - Number(/^data: (\d+)$/m.exec(event)[1]));
    taken = events.length;
  });
  assert.equal(await client.exitCode(), 0);
  assert.equal(all.length, 30);
  return all;
}

/** nginx in the foreground, with a separate directory. */
async function startNginx() {
  const port = await freePort();
  const prefix = path.join(directory, 'nginx');
  fs.mkdirSync(prefix);
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${prefix}/${name};`).join(' ');
  fs.writeFileSync(path.join(prefix, 'nginx.conf'), `
    daemon off; worker_processes 1; pid ${prefix}/pid; error_log ${prefix}/errors;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events {}
    http {
      access_log off; ${scratch}
      server {
        listen 127.0.0.1:${port};
        location /bare/ { proxy_pass http://127.0.0.1:${bare.address().port}/; }
        location /ours/ { proxy_pass ${server.url}; proxy_http_version 1.1; proxy_read_timeout 5s; }
      }
    }
  `);
  const nginx = new Program(fs.existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx', '-p', prefix, '-c', `${prefix}/nginx.conf`, '-e', `${prefix}/errors`);
  await until('nginx listens', () => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  }));
  return { program: nginx, port };
}

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
