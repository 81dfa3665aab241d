// Serves the example page, and a stand-in for a language model: POST /tokens.
//
//     node example/server.mjs [PORT]

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const ANSWER = 'A river is never done: it carries the mountain to the sea, a grain at a time, and calls it a walk. 川は流れる。';
const directory = fileURLToPath(new URL('..', import.meta.url));

const server = http.createServer((request, response) => {
  const target = new URL(request.url, 'http://localhost').pathname;
  if (target === '/tokens') tokens(request, response).catch(() => response.destroy());
  else file(target === '/' ? '/example/index.html' : target, response);
});
server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  const { port } = server.address();
  console.log(`http://127.0.0.1:${port}/example/`);
});

async function tokens(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST' }).end();
  if (!request.headers.authorization?.startsWith('Bearer ')) return response.writeHead(401).end();
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' });
  for (const token of ANSWER.match(/\s?[^\s]{1,6}/gu)) {
    if (response.destroyed) return undefined;
    // Cut anywhere, as networks do.
    const event = Buffer.from(`data: ${JSON.stringify({ token })}\n\n`);
    response.write(event.subarray(0, event.length / 2));
    await sleep(15);
    response.write(event.subarray(event.length / 2));
    await sleep(15);
  }
  return response.end();
}

function file(target, response) {
  const found = path.join(directory, path.normalize(decodeURI(target.endsWith('/') ? `${target}index.html` : target)));
  const type = TYPES[path.extname(found)];
  if (!found.startsWith(directory) || type === undefined || !fs.existsSync(found)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': type });
  fs.createReadStream(found).pipe(response);
}
