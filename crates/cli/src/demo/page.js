'use strict';
// The page in four parts: chat, dashboard, frame inspector, commands. No framework, no file from
// elsewhere, and never text as HTML.

const $ = (id) => document.getElementById(id);
const plural = (count, thing) => `${count.toLocaleString('en')} ${thing}${String(count) === '1' ? '' : 's'}`;
/** For screen readers and copied text, which otherwise run the parts together. */
const spacedOut = (parts) => parts.flatMap((part) => [part, ' ']).slice(0, -1);

/** An element with these children; strings become text. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const announced = new Map();

/** Shows a state. A count-down changes each second, so only a new `announcement` is read aloud. */
function setState(id, text, isOn, announcement) {
  const state = $(id);
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle('on', isOn);
  if (!announcement || announcement === announced.get(id)) return;
  announced.set(id, announcement);
  $(`${id}-announced`).textContent = announcement;
}

/** Calls `done` after `ms`, and `tick` with the seconds left until then. */
function countDown(ms, tick, done) {
  const end = Date.now() + ms;
  const step = () => {
    const left = end - Date.now();
    if (left <= 0) return done();
    tick(Math.ceil(left / 1000));
    setTimeout(step, Math.min(left, 250));
  };
  step();
}

/** Full jitter: some time up to a bound that doubles with each failure. */
const backOff = (failures) => Math.random() * Math.min(10_000, 500 * 2 ** Math.min(failures, 5));

// ---- Chat over WebSocket ----

const LINES = 300;
const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });
const log = $('messages');
let queue = [];
let isFlushPlanned = false;

/**
 * Adds a line with the next frame, however many come before it: a layout for each line would freeze
 * the page when thousands come at once. A hidden page has no frames, so it takes a timer.
 */
function addLine(line) {
  queue.push(line);
  // Lines that would be removed in the same frame are not even kept.
  if (queue.length > 2 * LINES) queue = dropFrom(queue);
  if (isFlushPlanned) return;
  isFlushPlanned = true;
  if (document.hidden) setTimeout(flush, 250);
  else requestAnimationFrame(flush);
}

function flush() {
  isFlushPlanned = false;
  const lines = dropFrom(queue);
  queue = [];
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const excess = log.childElementCount + lines.length - LINES;
  if (excess > 0) {
    const range = document.createRange();
    range.setStart(log, 0);
    range.setEnd(log, Math.min(excess, log.childElementCount));
    range.deleteContents();
    tellDropped();
  }
  log.append(...lines.map(toElement));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
  $('newest').hidden = isAtEnd;
}

function dropFrom(lines) {
  if (lines.length > LINES) tellDropped();
  return lines.slice(-LINES);
}

function tellDropped() {
  $('dropped').textContent = `Older lines are dropped: this page keeps the last ${LINES}.`;
  $('dropped').hidden = false;
}

function toElement({ text, at, note }) {
  if (note) return element('p', { class: 'note' }, text);
  const line = element('p', {}, element('time', {}, clock.format(at)));
  const [, name, said] = /^([^:\n]{1,24}): (.*)$/s.exec(text) ?? [];
  line.append(' ', ...(name ? [element('b', {}, name), ': '] : []), element('bdi', {}, name ? said : text));
  return line;
}

$('newest').onclick = () => { log.scrollTop = log.scrollHeight; log.focus(); };
log.onscroll = () => { if (log.scrollHeight - log.scrollTop - log.clientHeight < 40) $('newest').hidden = true; };

/** After a reconnection the server sends the last messages again: these are shown already. */
const shown = new Set();

function receive(message) {
  if ('frame' in message) return showOwnFrame(message.frame);
  if ('dropped' in message) return addLine({ note: true, text: `${plural(message.dropped, 'message')} skipped: this page was too slow.` });
  if (shown.has(message.id)) return;
  shown.add(message.id);
  if (shown.size > 2 * LINES) shown.delete(shown.values().next().value);
  addLine(message);
}

let socket;
let failures = 0;

function connect() {
  setState('chat-state', 'connecting', false);
  const url = new URL('/chat', location);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  // The server speaks plain text to others; with this subprotocol it sends objects and a history.
  socket = new WebSocket(url, 'demo-chat');
  let opened = 0;
  socket.onopen = () => {
    opened = Date.now();
    setState('chat-state', 'connected', true, 'Chat connected.');
    $('send').disabled = false;
    retryInspection();
  };
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    $('send').disabled = true;
    // The log is read aloud, too.
    if (opened) addLine({ note: true, text: code === 1006 ? 'Connection lost (1006, no Close frame).' : `Connection closed with code ${code}${reason && `: ${reason}`}.` });
    failures = opened && Date.now() - opened > 10_000 ? 0 : failures + 1;
    const lost = opened ? 'lost' : 'no connection';
    setState('chat-state', lost, false, 'Chat disconnected, reconnecting.');
    countDown(backOff(failures), (seconds) => setState('chat-state', `${lost}, reconnecting in ${seconds} s`, false), connect);
  };
}

/** It has more than spaces, joiners and marks of direction. */
const isVisible = (text) => /[^\s\p{Cf}]/u.test(text);

/** Storage may be switched off; then the name is for this page alone. */
const storage = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* see above */ } },
};

$('name').value = storage.get('tidings-name')?.slice(0, $('name').maxLength) || `guest ${Math.floor(Math.random() * 1000)}`;
storage.set('tidings-name', $('name').value);
$('name').oninput = () => storage.set('tidings-name', $('name').value);
$('form').onsubmit = (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!isVisible(text) || socket.readyState !== WebSocket.OPEN) return;
  const name = $('name').value.replaceAll(':', '').trim();
  socket.send(`${isVisible(name) ? name : 'somebody'}: ${text}`);
  $('text').value = '';
  log.scrollTop = log.scrollHeight;
};
connect();

// ---- Dashboard over Server-Sent Events ----
//
// Over HTTP/1.1 a browser opens six connections to a host, and an event stream takes one of them for
// good: the seventh tab would wait for ever. So one tab of all, the one that holds a Web Lock, has the
// stream and passes it on. When it goes, the lock and the stream go to the next one, which resumes
// after the last event. A page that holds a lock is not frozen while it is hidden.

const LOCK = 'tidings-events';
const RATES = 60;
let channel = navigator.locks && window.BroadcastChannel ? new BroadcastChannel(LOCK) : null;
let source = null;
let streamState = 'connecting';
let last = null; // the last event: { id, at, stats }
let heardAt = Date.now();
let count = 0;
let gaps = 0;
let rates = [];

/** Opens the stream, after the last event that was received by whichever tab. */
function openStream(failed = 0) {
  const opened = new EventSource(last ? `/events?after=${encodeURIComponent(last.id)}` : '/events');
  source = opened;
  opened.onopen = () => { failed = 0; share({ state: 'connected' }); };
  opened.onerror = () => {
    // The browser reconnects by itself, but not after an answer that is not a stream.
    if (opened.readyState !== EventSource.CLOSED) return share({ state: 'lost, reconnecting' });
    countDown(
      backOff(failed + 1),
      (seconds) => { if (source === opened) share({ state: `lost, reconnecting in ${seconds} s` }); },
      () => { if (source === opened) openStream(failed + 1); }, // otherwise another tab has taken over
    );
  };
  opened.addEventListener('gap', () => share({ gap: true }));
  opened.addEventListener('stats', ({ data, lastEventId }) => share({ event: { id: lastEventId, at: Date.now(), stats: JSON.parse(data) } }));
}

/** Handles a message in this tab and in all others. */
function share(message) {
  handle(message);
  channel?.postMessage(message);
}

function handle(message) {
  if (message.ask) {
    if (source) channel.postMessage({ state: streamState, event: last, recent: rates });
    return;
  }
  heardAt = Date.now();
  if (message.state) {
    streamState = message.state;
    const isOn = streamState === 'connected';
    setState('events-state', streamState, isOn, isOn ? 'Dashboard connected.' : streamState === 'connecting' ? undefined : 'Dashboard lost, reconnecting.');
  }
  if (message.gap) $('gaps').textContent = plural(++gaps, 'gap');
  // A new tab asks for them; those that have events already know them.
  if (message.recent && count === 0) rates = message.recent.slice(0, -1);
  if (message.event && message.event.id !== last?.id) showEvent(message.event);
}

function showEvent(event) {
  last = event;
  retryInspection(); // the server is there
  const { stats, id } = event;
  $('time').textContent = new Date(stats.time_ms).toLocaleTimeString();
  $('websockets').textContent = stats.websockets;
  $('event-streams').textContent = stats.event_streams;
  $('rate').textContent = stats.messages_per_second;
  $('last-event-id').textContent = id;
  $('event-count').textContent = plural(++count, 'event');
  rates = [...rates, stats.messages_per_second].slice(-RATES);
  showAge();
  drawChart();
}

function drawChart() {
  const top = Math.max(2, ...rates);
  $('chart').replaceChildren(...rates.map((rate, index) => {
    const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const height = Math.max(0.3, (rate / top) * 19);
    for (const [key, value] of Object.entries({ x: index + RATES - rates.length, y: 20 - height, width: 0.8, height })) bar.setAttribute(key, value);
    return bar;
  }));
}

/** Numbers that are not of this moment must not look like it. */
function showAge() {
  const seconds = last ? Math.floor((Date.now() - last.at) / 1000) : 0;
  const isOld = seconds > 2;
  $('live').classList.toggle('stale', isOld || !last);
  $('age').hidden = !isOld;
  if (isOld) $('age').textContent = `These numbers are ${seconds} s old.`;
}

function lead() {
  $('sharing').textContent = channel
    ? 'This tab has the event stream and shares it with your other tabs.'
    : 'Tabs cannot share an event stream here: that needs HTTPS or localhost, and a browser that may store data of this site. Over HTTP/1.1 a browser opens six connections to a host, so a seventh tab would wait.';
  openStream();
}

/** Waits for the lock, and keeps it until this page is closed or another takes it. */
async function waitForLock(options) {
  try {
    await navigator.locks.request(LOCK, options, () => { lead(); return new Promise(() => {}); });
  } catch (error) {
    if (error.name !== 'AbortError') {
      // The browser refuses locks where it may not store data.
      channel?.close();
      channel = null;
      return lead();
    }
    // Another tab has not heard from this one for long, and took over.
    source?.close();
    source = null;
    follow();
  }
}

function follow(options = {}) {
  $('sharing').textContent = 'Another tab has the event stream and shares it with this one.';
  waitForLock(options);
  channel?.postMessage({ ask: true });
}

if (channel) {
  channel.onmessage = ({ data }) => handle(data);
  follow();
} else {
  lead();
}
// A page that is kept for the Back button keeps neither stream nor lock: it begins again.
window.addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); });

const patience = 8_000 + Math.random() * 4_000;
setInterval(() => {
  showAge();
  if (source && channel) channel.postMessage({ state: streamState });
  // The tab with the stream was stopped by the browser, or hangs.
  const isSilent = Date.now() - heardAt > patience;
  if (channel && !source && isSilent && !document.hidden) {
    heardAt = Date.now();
    follow({ steal: true });
  }
}, 1000);

// ---- Frame inspector: the server decodes, with the library ----

const EXAMPLES = [
  ['Masked “Hello”', 'client', '81 85 37 fa 21 3d 7f 9f 4d 51 58'],
  ['Ping', 'server', '89 04 70 69 6e 67'],
  ['Close 1000', 'server', '88 06 03 e8 64 6f 6e 65'],
  ['Ping inside fragments', 'server', '01 03 48 65 6c 89 00 80 02 6c 6f'],
  ['Invalid UTF-8', 'server', '81 06 63 61 66 e9 21 21'],
  ['Reserved bit', 'server', 'c1 05 48 65 6c 6c 6f'],
  ['Not masked', 'client', '81 05 48 65 6c 6c 6f'],
  ['Not complete', 'server', '82 7e 01 00 00 01 02'],
];
const hexField = $('hex');
const spaced = (hex) => hex.replace(/../g, '$& ').trim();
const bytesOf = (hex) => Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

for (const [name, from, hex] of EXAMPLES) {
  const button = element('button', { type: 'button', 'aria-pressed': false }, name);
  button.onclick = () => { $('follow').checked = false; load(hex, from, button); };
  $('examples').append(button);
}
function load(hex, from, button) {
  hexField.value = hex;
  document.querySelector(`[name=from][value=${from}]`).checked = true;
  press(button);
  inspect();
}

function press(pressed) {
  for (const button of $('examples').children) button.setAttribute('aria-pressed', button === pressed);
}

/** What this browser has just sent, as it came in at the server; null if it is too long. */
function showOwnFrame(hex) {
  if (!$('follow').checked) return;
  // Thousands may come at once, and only the last is of interest.
  clearTimeout(showOwnFrame.timer);
  showOwnFrame.timer = setTimeout(() => { if ($('follow').checked) loadOwnFrame(hex); }, 50);
}

function loadOwnFrame(hex) {
  if (hex !== null) return load(spaced(hex), 'client', null);
  asked.abort();
  inspect.isPending = false;
  hexField.value = '';
  press(null);
  $('frames').replaceChildren();
  showVerdict('The frame of this message is longer than 1024 bytes and is not shown.', false);
}

hexField.oninput = () => {
  $('follow').checked = false;
  press(null);
  clearTimeout(inspect.timer);
  inspect.timer = setTimeout(inspect, 120);
};
for (const radio of document.querySelectorAll('[name=from]')) radio.onchange = () => { press(null); inspect(); };

let asked = new AbortController();
load(EXAMPLES[0][2], EXAMPLES[0][1], $('examples').firstChild);

async function inspect() {
  asked.abort(); // an older answer would be for other bytes
  asked = new AbortController();
  const { signal } = asked;
  inspect.isPending = false;
  const from = document.querySelector('[name=from]:checked').value;
  try {
    const response = await fetch(`/inspect?from=${from}`, { method: 'POST', body: hexField.value, signal });
    if (!response.ok) return refuse((await response.text()).trim());
    showInspection(await response.json());
  } catch {
    if (signal.aborted) return;
    inspect.isPending = true;
    refuse('The server does not answer. The bytes are inspected when it is back.');
  }
}

function retryInspection() {
  if (inspect.isPending) inspect();
}
window.addEventListener('online', retryInspection);

/** Shows why the bytes are not inspected, without the frames of others. */
function refuse(why) {
  $('frames').replaceChildren();
  showVerdict(why, true);
}

function showVerdict(text, isBad) {
  // The same words again are not read aloud again.
  if ($('outcome').textContent !== text) $('outcome').textContent = text;
  $('outcome').className = isBad ? 'bad' : 'good';
  if (isBad) hexField.setAttribute('aria-invalid', 'true');
  else hexField.removeAttribute('aria-invalid');
}

function showInspection({ bytes, frames, fault, ignored_from: ignoredFrom, missing }) {
  const wire = bytesOf(bytes);
  const cards = frames.map((frame) => toCard(frame, wire, fault?.at, ignoredFrom));
  const end = frames.length > 0 ? endOf(frames.at(-1)) : 0;
  if (end < wire.length) cards.push(restCard(wire, end, fault?.at, ignoredFrom));
  $('frames').replaceChildren(...cards);
  if (fault) return showVerdict(`Byte ${fault.at} breaks a rule: ${fault.message}. The receiver closes with ${fault.close_code}.`, true);
  if (missing) return showVerdict(missing === 'header' ? 'Not complete: the header goes on.' : `Not complete: ${plural(BigInt(missing.payload), 'more byte')} of payload will follow.`, false);
  if (wire.length === 0) return showVerdict('No bytes.', false);
  const valid = ignoredFrom === null ? frames : frames.filter(({ offset }) => offset < ignoredFrom);
  const ignored = ignoredFrom === null ? 0 : wire.length - ignoredFrom;
  const after = ignored ? ` ${plural(ignored, 'byte')} after the Close ${ignored === 1 ? 'is' : 'are'} ignored.` : '';
  showVerdict(`Valid: ${plural(valid.length, 'frame')}.${after}`, false);
}

const endOf = ({ offset, header_len: headerLen, payload }) => offset + headerLen + payload.length / 2;

function toCard(frame, wire, faultAt, ignoredFrom) {
  const { offset, header_len: headerLen, fin, rsv, opcode, opcode_bits: bits, masking_key: key, payload_len: payloadLen, payload, meaning } = frame;
  const keyAt = offset + headerLen - (key ? 4 : 0);
  const cells = (start, stop, below = () => null) => wire.slice(start, stop).map((byte, index) => cell(byte, start + index === faultAt, below(index)));
  const short = wire[offset + 1] & 0x7f;
  const groups = [
    group('bits', `FIN ${fin ? 1 : 0} · RSV ${rsv.toString(2).padStart(3, '0')} · opcode ${bits.toString(16).toUpperCase()}`, cells(offset, offset + 1)),
    group('length', `MASK ${key ? 1 : 0} · length ${short === Number(payloadLen) ? short : `${short}: ${payloadLen}`}`, cells(offset + 1, keyAt)),
  ];
  if (key) groups.push(group('key', 'masking key', cells(keyAt, keyAt + 4)));
  const plain = bytesOf(payload);
  if (plain.length > 0) {
    const unmasked = (index) => character(plain[index]) ?? (key ? toHex(plain[index]) : '·');
    groups.push(group('payload', key ? 'payload, and unmasked' : 'payload', cells(offset + headerLen, endOf(frame), unmasked)));
  }
  const isBroken = faultAt >= offset && faultAt < endOf(frame);
  const isIgnored = ignoredFrom !== null && offset >= ignoredFrom;
  const facts = [`byte ${offset}`, fin ? 'final' : 'to be continued', key ? 'masked' : 'not masked', plural(BigInt(payloadLen), 'byte')];
  if (isIgnored) facts.push('ignored');
  const card = element('li', { class: isBroken ? 'broken' : isIgnored ? 'ignored' : '' },
    element('h3', {}, opcode, ' ', element('small', {}, facts.join(', '))), ' ',
    element('div', { class: 'groups' }, ...spacedOut(groups)));
  if (meaning) card.append(' ', element('p', { class: 'meaning' }, ...(opcode === 'Close' ? [meaning] : ['“', element('bdi', {}, meaning), '”'])));
  return card;
}

/** Bytes that are not a frame: the header is illegal or cut, or nothing is read any more. */
function restCard(wire, start, faultAt, ignoredFrom) {
  const cells = wire.slice(start).map((byte, index) => cell(byte, start + index === faultAt, null));
  const isBroken = faultAt >= start;
  const isIgnored = ignoredFrom !== null && start >= ignoredFrom;
  const title = isBroken ? 'Illegal header' : isIgnored ? 'Not looked at' : 'No whole header';
  return element('li', { class: isBroken ? 'broken' : 'ignored' },
    element('h3', {}, title, ' ', element('small', {}, `byte ${start}`)), ' ',
    element('div', { class: 'groups' }, group('rest', firstByte(wire[start]), cells)));
}

const firstByte = (byte) => `FIN ${byte >> 7} · RSV ${((byte >> 4) & 7).toString(2).padStart(3, '0')} · opcode ${(byte & 15).toString(16).toUpperCase()}`;
/** How ASCII is shown; others are not. */
const character = (byte) => (byte === 0x20 ? '␣' : byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : null);
const toHex = (byte) => byte.toString(16).padStart(2, '0');

function group(kind, label, cells) {
  return element('div', { class: `group ${kind}` }, element('div', { class: 'cells' }, ...spacedOut(cells)), ' ', element('span', {}, label));
}

function cell(byte, isFault, below) {
  const made = element('span', { class: isFault ? 'cell fault' : 'cell' }, toHex(byte));
  if (below !== null) made.append(' ', element('b', {}, below));
  return made;
}

// ---- Commands for a terminal ----

const ws = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;
const COMMANDS = [
  ['Join the chat', `tidings ws ${ws}/chat`],
  ['Watch the events', `tidings sse ${location.origin}/events`],
  ['Watch them with curl', `curl -N ${location.origin}/events`],
  ['Inspect a frame', `curl -d '81 85 37fa213d 7f9f4d5158' ${location.origin}/inspect`],
];
for (const [what, command] of COMMANDS) {
  const code = element('code', {}, command);
  const button = element('button', { type: 'button', 'aria-label': `Copy: ${what}` }, 'Copy');
  button.onclick = async () => {
    button.textContent = (await copy(command, code)) ? 'Copied' : 'Selected';
    $('copy-announced').textContent = `${button.textContent}: ${command}`;
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  };
  $('commands').append(element('li', {}, element('div', {}, element('small', {}, what), ' ', code), ' ', button));
}

/** Copies; where a page may not, the text is selected at least. */
async function copy(text, code) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return false;
  }
}
