// What the Node checks share: one line per check, and the programs under test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

let subject = '';
let failures = 0;

/** The name in front of each line that this script prints. */
export function setSubject(name) {
  subject = name;
}

/** Runs one check and prints how it went. */
export async function check(name, body, seconds = 20) {
  try {
    await within(seconds, 'the check', body());
    console.log(`ok    ${subject}: ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL  ${subject}: ${name}: ${oneLine(error)}`);
  }
}

/** Ends the script; its exit code says whether all went well. */
export function finish() {
  process.exit(failures === 0 ? 0 : 1);
}

function oneLine(error) {
  return String(error?.message ?? error).split('\n').map((line) => line.trim()).join(' ').slice(0, 600);
}

process.on('unhandledRejection', (error) => {
  console.log(`FAIL  ${subject}: outside of a check: ${oneLine(error)}`);
  process.exit(1);
});

/** Rejects if the promise takes longer. */
export async function within(seconds, what, promise) {
  const abort = new AbortController();
  const late = sleep(seconds * 1000, null, { signal: abort.signal }).then(
    () => { throw new Error(`${what} took longer than ${seconds} s`); },
    () => {},
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

/** Waits until the condition holds. */
export async function until(what, condition, seconds = 5) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(20);
  }
}

const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

/** A running program, with all that it has written so far. */
export class Program {
  stdout = '';
  stderr = '';

  constructor(binary, ...args) {
    this.process = spawn(binary, args);
    this.process.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    // It may be gone when we write to it.
    this.process.stdin.on('error', () => {});
    running.add(this.process);
    this.closed = once(this.process, 'close').then(([code, signal]) => {
      running.delete(this.process);
      return code ?? signal;
    });
  }

  /** Writes these lines and leaves stdin open. */
  say(...lines) {
    this.process.stdin.write(lines.map((line) => `${line}\n`).join(''));
  }

  endInput() {
    this.process.stdin.end();
  }

  async kill(signal = 'SIGKILL') {
    this.process.kill(signal);
    return this.closed;
  }

  /** Waits for the end; the exit code. */
  async exitCode(seconds = 5) {
    return within(seconds, `the end of tidings (stderr: ${JSON.stringify(this.stderr)})`, this.closed);
  }
}

/** Starts a program and waits until it tells where it listens: `PROTOCOL//HOST:PORT/`. */
export async function startServer(binary, ...args) {
  const server = new Program(binary, ...args);
  const address = /\b(?:http|ws)s?:\/\/[^:/]+:(\d+)\//;
  await until(`${binary} listens`, () => address.test(server.stdout));
  [server.url, server.port] = address.exec(server.stdout);
  return server;
}
