// The demo page as people meet it: small and large screens, both themes, a keyboard, a screen reader,
// a flood of messages, the frame inspector. Usage: node page.mjs BINARY

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

import { check, finish, setSubject, until } from '../harness/checks.mjs';
import { connect } from '../harness/ws.mjs';
import {
  browser, complaints, connected, hear, heard, openTab, outage, reads, say, startDemo,
} from './tab.mjs';

const [binary] = process.argv.slice(2);
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FLOOD = 5000;
const LINES = 300;
// One layout per message took over 6 s; a busy machine with two processors may need some time.
const LONGEST_PAUSE_MS = 1000;
setSubject('page');

let demo = await startDemo(binary);
const address = `http://127.0.0.1:${demo.port}/`;
const tab = await openTab(address);

await check('an empty chat says so', async () => {
  await connected(tab);
  const shown = () => tab.$eval('#messages', (log) => getComputedStyle(log, '::before').content);
  assert.equal(await shown(), '"Nothing was said yet."');
  await say(tab, 'Ada', 'the first');
  await hear([tab], 'Ada: the first');
  assert.equal(await shown(), 'none');
});

await check('a newcomer sees what was said before', async () => {
  await connected(tab);
  for (let number = 1; number <= 60; number += 1) await say(tab, 'Ada', `message ${number}`);
  await hear([tab], 'Ada: message 60');
  const late = await openTab(address);
  await hear([late], 'Ada: message 60');
  const lines = Array.from({ length: 50 }, (_, index) => `Ada: message ${index + 11}`);
  assert.deepEqual(await heard(late), lines);
  await late.close();
});

await check('a chat that reconnects shows no message twice', async () => {
  const before = await heard(tab);
  await tab.evaluate(() => socket.close(3000)); // the page's
  await reads(tab, '#messages .note', 'Connection closed with code 3000.');
  await reads(tab, '#chat-state', 'connected');
  await say(tab, 'Ada', 'here again');
  await hear([tab], 'Ada: here again');
  assert.deepEqual(await heard(tab), [...before, 'Ada: here again']);
});

await check('a hidden page, which has no frames, hears the chat', async () => {
  const hidden = await openTab(address, {
    before: () => {
      Object.defineProperty(Document.prototype, 'hidden', { value: true });
      window.requestAnimationFrame = () => 0;
    },
  });
  await connected(hidden);
  await say(tab, 'Ada', 'are you there?');
  await hear([hidden], 'Ada: are you there?');
  await hidden.close();
});

await check('the name is remembered', async () => {
  await tab.fill('#name', 'Grace');
  await tab.reload();
  await connected(tab);
  assert.equal(await tab.inputValue('#name'), 'Grace');
  // Only the field limits what is typed.
  await tab.evaluate(() => localStorage.setItem('tidings-name', 'x'.repeat(100)));
  await tab.reload();
  assert.equal(await tab.inputValue('#name'), 'x'.repeat(24));
  await tab.fill('#name', 'Grace');
  await connected(tab);
  await say(tab, null, 'and it is sent');
  await hear([tab], 'Grace: and it is sent');
});

await check('a sent message is shown in the inspector, as it came in', async () => {
  await say(tab, null, 'look');
  await reads(tab, '#frames .meaning', '“Grace: look”');
  const bytes = Buffer.from((await tab.inputValue('#hex')).replaceAll(' ', ''), 'hex');
  assert.deepEqual([...bytes.subarray(0, 2)], [0x81, 0x80 | 11], 'FIN, text, masked, 11 bytes');
  const [key, payload] = [bytes.subarray(2, 6), bytes.subarray(6)];
  assert.equal(payload.map((byte, index) => byte ^ key[index % 4]).toString(), 'Grace: look');
});

await check('a message that the inspector does not take is said to be too long', async () => {
  await say(tab, null, 'ä'.repeat(504)); // 7 bytes of "Grace: " and 8 of the header: 1023
  await reads(tab, '#frames .meaning', `“Grace: ${'ä'.repeat(504)}”`);
  await say(tab, null, 'ä'.repeat(505));
  await reads(tab, '#outcome', 'The frame of this message is longer than 1024 bytes and is not shown.');
  assert.equal(await tab.locator('#frames > li').count(), 0);
  assert.equal(await tab.inputValue('#hex'), '');
});

await check('examples and edits are inspected in the words of the library', async () => {
  for (const [example, outcome, frames] of [
    ['Masked “Hello”', /^Valid: 1 frame\.$/, 1],
    ['Close 1000', /^Valid: 1 frame\.$/, 1],
    ['Ping inside fragments', /^Valid: 3 frames\.$/, 3],
    ['Invalid UTF-8', /^Byte 5 .*RFC 6455, 8\.1.*1007/, 1],
    ['Reserved bit', /^Byte 0 .*RFC 6455, 5\.2.*1002/, 1],
    ['Not masked', /^Byte 1 .*RFC 6455, 5\.1.*1002/, 1],
    ['Not complete', /^Not complete: 253 more bytes/, 1],
  ]) {
    await tab.getByRole('button', { name: example, exact: true }).click();
    await reads(tab, '#outcome', outcome);
    assert.equal(await tab.locator('#frames > li').count(), frames, example);
  }
  assert.equal(await tab.isChecked('#follow'), false, 'an example must not be replaced by a message');
  for (const [hex, outcome] of [
    ['81 0', /one digit/], ['xyz', /'x' at position 1/], ['00'.repeat(1025), /more than 1024 bytes/],
    ['', /^No bytes/], ['c1', /^Byte 0 /], ['8', /one digit/],
    ['88 00 89 00', /^Valid: 1 frame\. 2 bytes after the Close are ignored\.$/],
    ['88 00 89', /^Valid: 1 frame\. 1 byte after the Close is ignored\.$/],
  ]) {
    await tab.fill('#hex', hex);
    await reads(tab, '#outcome', outcome);
  }
  await reads(tab, '#frames li.ignored h3', 'Not looked at byte 2');
  await tab.fill('#hex', '82 7f 00 20 00 00 00 00 00 01');
  await reads(tab, '#frames h3', 'Binary byte 0, final, not masked, 9,007,199,254,740,993 bytes');
  // Below an error, the frames of other bytes would look like its own.
  await tab.fill('#hex', '82 7');
  await reads(tab, '#outcome', /one digit/);
  assert.equal(await tab.locator('#frames > li').count(), 0);
  // The byte that is marked is the one that is named, and no other.
  for (const [hex, fault] of [['81 85 37 fa 21 3d 7f 9f 4d 51 58', 1], ['80 01 61', 0], ['01 01 61 81 01 62', 3], ['88 01 03', 1]]) {
    await tab.fill('#hex', hex);
    await reads(tab, '#outcome', new RegExp(`^Byte ${fault} breaks a rule: (?!in the frame)`));
    const marked = await tab.$$eval('#frames .cell', (cells) => cells.flatMap((cell, at) => (cell.matches('.fault') ? [at] : [])));
    assert.deepEqual(marked, [fault], hex);
  }
  await tab.fill('#hex', 'c1');
  await reads(tab, '#outcome', /^Byte 0 breaks a rule: (?!in the frame)/);
  await tab.fill('#hex', '81 02 3c 62');
  await reads(tab, '#frames .meaning', '“<b”');
  await tab.check('[name=from][value=client]');
  await reads(tab, '#outcome', /5\.1/);
});

await check('the fields can be used on a phone of 320 and 360 px', async () => {
  for (const width of [320, 360, 1280]) {
    const small = await openTab(address, { width });
    await connected(small);
    const [page, field] = await small.evaluate(() => [document.documentElement.scrollWidth, document.getElementById('text').offsetWidth]);
    assert.ok(page <= width, `the page is ${page} px wide on ${width} px`);
    assert.ok(field >= 160, `the message field has ${field} px on ${width} px`);
    await small.close();
  }
});

await check('bytes that the server did not take are inspected with the next sign of it', async () => {
  for (const sign of ['an event', 'the network']) {
    await tab.evaluate((sign) => {
      window.keptFetch = fetch;
      window.fetch = () => Promise.reject(new TypeError('no network'));
      // An event would come first.
      if (sign === 'the network') showEvent = () => {};
    }, sign);
    await tab.getByRole('button', { name: 'Ping', exact: true }).click();
    await reads(tab, '#outcome', /^The server does not answer/);
    assert.equal(await tab.locator('#frames > li').count(), 0);
    await tab.evaluate((sign) => {
      window.fetch = window.keptFetch;
      if (sign === 'the network') window.dispatchEvent(new Event('online'));
    }, sign);
    await reads(tab, '#outcome', 'Valid: 1 frame.');
  }
  await tab.reload();
  await connected(tab);
});

await check('large letters on a small phone need no sideways scrolling', async () => {
  const small = await openTab(address, { width: 320 });
  const session = await browser.newCDPSession(small);
  await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
  await small.reload();
  await connected(small);
  await reads(small, '#outcome', /^Valid/);
  const { size, page, wide, send, text, command } = await small.evaluate(() => ({
    size: getComputedStyle(document.body).fontSize,
    page: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > 320).map((one) => one.outerHTML.slice(0, 60)),
    send: document.getElementById('send').getBoundingClientRect().top,
    text: document.getElementById('text').getBoundingClientRect(),
    command: document.querySelector('#commands code').offsetWidth,
  }));
  assert.equal(size, '32px');
  assert.ok(page <= 320, `the page is ${page} px wide: ${wide.join(' ')}`);
  assert.deepEqual(wide, []);
  assert.ok(send >= text.bottom && text.width >= 160, `the field has ${text.width} px`);
  assert.ok(command >= 160, `a command has ${command} px`);
  await small.close();
});

await check('states can be seen with forced colors', async () => {
  await tab.emulateMedia({ forcedColors: 'active' });
  await tab.getByRole('button', { name: 'Ping', exact: true }).click();
  const background = (selector, pseudo = null) => tab.$eval(selector, (one, which) => getComputedStyle(one, which).backgroundColor, pseudo);
  // Not at once: colors change gradually.
  await until('the pressed button differs', async () => (await background('button[aria-pressed=true]')) !== (await background('button[aria-pressed=false]')));
  await until('the dot is filled', async () => (await background('#chat-state', '::before')) !== (await background('body')));
  await tab.emulateMedia({ forcedColors: 'none' });
});

await check('parts of a frame are separate words for who listens or copies', async () => {
  await tab.fill('#hex', '81 02 48 69');
  await tab.check('[name=from][value=server]');
  await reads(tab, '#frames', 'Text byte 0, final, not masked, 2 bytes 81 FIN 1 · RSV 000 · opcode 1 02 MASK 0 · length 2 48 H 69 i payload “Hi”');
});

await check('everything works by keyboard, and the focus can be seen', async () => {
  const fresh = await openTab(address);
  await connected(fresh);
  const visited = [];
  for (;;) {
    await fresh.keyboard.press('Tab');
    const { name, outline } = await fresh.evaluate(() => {
      const { activeElement: element } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { name: element === document.body ? null : element.id || element.textContent || element.value, outline: `${outlineStyle} ${outlineWidth}` };
    });
    if (name === null || visited.length > 40) break;
    assert.equal(outline, 'solid 3px', `the focus on ${name}`);
    visited.push(name);
  }
  for (const name of ['messages', 'name', 'text', 'send', 'Ping', 'hex', 'follow', 'client', 'Copy']) {
    assert.ok(visited.includes(name), `${name} is not among ${visited.join(', ')}`);
  }
  await fresh.focus('#text');
  await fresh.keyboard.type('by keyboard');
  await fresh.keyboard.press('Tab');
  await fresh.keyboard.press('Space');
  await hear([fresh], 'Grace: by keyboard');
  await fresh.close();
});

await check('a command is copied', async () => {
  await browser.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.bringToFront();
  await tab.getByRole('button', { name: 'Copy: Join the chat' }).click();
  await reads(tab, '#copy-announced', `Copied: tidings ws ws://127.0.0.1:${demo.port}/chat`);
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), `tidings ws ws://127.0.0.1:${demo.port}/chat`);
});

await check('who wants less motion gets none', async () => {
  const durations = async (reducedMotion) => {
    await tab.emulateMedia({ reducedMotion });
    return tab.$$eval('*', (all) => [...new Set(all.map((one) => `${getComputedStyle(one).transitionDuration} ${getComputedStyle(one).animationName}`))]);
  };
  assert.deepEqual(await durations('reduce'), ['0s none']);
  assert.ok((await durations('no-preference')).length > 1);
});

await check(`${FLOOD} messages do not freeze the page, and the last ${LINES} stay`, async () => {
  await tab.bringToFront();
  // Thousands of short tasks freeze a page, too: so the time between two frames counts.
  await tab.evaluate(() => {
    window.pauses = [];
    new PerformanceObserver((list) => window.pauses.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
    let before = performance.now();
    const frame = (now) => { window.pauses.push(now - before); before = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
  });
  const speaker = await connect(`ws://127.0.0.1:${demo.port}/chat`);
  for (let number = 1; number <= FLOOD; number += 1) speaker.send(`Flood: ${number}`);
  await hear([tab], `Flood: ${FLOOD}`);
  speaker.terminate();
  await sleep(300);
  const { lines, pause, hint } = await tab.evaluate(() => ({
    lines: [...document.querySelectorAll('#messages p')].map((line) => line.textContent.replace(/^.* Flood: /, '')), pause: Math.max(...window.pauses), hint: document.getElementById('dropped').textContent,
  }));
  assert.deepEqual(lines, Array.from({ length: LINES }, (_, index) => String(FLOOD - LINES + 1 + index)));
  assert.ok(pause < LONGEST_PAUSE_MS, `the page stood still for ${Math.round(pause)} ms`);
  if (process.env.VERBOSE) console.log(pause);
  assert.match(hint, /^Older lines are dropped/);
}, 30);

await check('who reads older lines is not torn away from them', async () => {
  await tab.evaluate(() => { document.getElementById('messages').scrollTop = 0; });
  await connect(`ws://127.0.0.1:${demo.port}/chat`).then((speaker) => { speaker.send('Ada: news'); });
  await hear([tab], 'Ada: news');
  assert.equal(await tab.evaluate(() => document.getElementById('messages').scrollTop), 0);
  await tab.click('#newest');
  await until('the end is shown', () => tab.evaluate(() => {
    const log = document.getElementById('messages');
    return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  }));
  await until('the button is gone', () => tab.isHidden('#newest'));
});

for (const theme of ['light', 'dark']) {
  for (const width of [320, 1280]) {
    await check(`axe finds no WCAG A or AA violation: connected, ${theme}, ${width} px`, async () => {
      const tab = await openTab(address, { theme, width });
      await connected(tab);
      await hear([tab], 'Ada: news');
      await assertAccessible(tab, 'a masked frame');
      for (const example of ['Ping inside fragments', 'Invalid UTF-8', 'Reserved bit', 'Not complete']) {
        await tab.getByRole('button', { name: example }).click();
        await reads(tab, '#outcome', /^(Valid: 3|Byte|Not complete)/);
        await assertAccessible(tab, example);
      }
      await tab.fill('#hex', '88 00 89 00 8');
      await reads(tab, '#outcome', /one digit/);
      await assertAccessible(tab, 'half a byte');
      await tab.fill('#hex', '88 00 89 00');
      await reads(tab, '#outcome', /ignored/);
      await assertAccessible(tab, 'an ignored frame');
      await tab.close();
    }, 40);
  }
}

await check('nothing is logged as an error', async () => {
  // What the inspector refuses is a 400 or 413, which the browser logs.
  assert.deepEqual(complaints.filter((text) => !/status of (400|413)/.test(text)), []);
});

await check('axe finds no WCAG A or AA violation when the server is gone', async () => {
  outage.isExpected = true;
  const lost = [];
  for (const theme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      const tab = await openTab(address, { theme, width });
      await connected(tab);
      lost.push([tab, `${theme}, ${width} px`]);
    }
  }
  await demo.kill('SIGKILL');
  for (const [tab, which] of lost) {
    await reads(tab, '#chat-state', /reconnecting in/, 15);
    await reads(tab, '#events-state', /^lost, reconnecting/);
    await reads(tab, '#age', /s old/);
    await assertAccessible(tab, `lost, ${which}`);
  }
}, 60);

await browser.close();
finish();

/** Runs axe-core in the page. */
async function assertAccessible(tab, state) {
  await tab.evaluate(axe);
  const violations = await tab.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    const { violations, passes } = await window.axe.run(document, { runOnly: tags });
    if (passes.length < 10) return [`only ${passes.length} rules were checked`];
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 120)} ${any[0]?.message ?? ''}`).join(' | ')}`);
  });
  assert.deepEqual(violations, [], state);
}
