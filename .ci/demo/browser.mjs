// The demo page in a real browser: two tabs talk, the dashboard ticks, both survive a cut
// connection and a killed server. Usage: node browser.mjs BINARY SCREENSHOT

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { check, finish, setSubject, until } from '../harness/checks.mjs';
import {
  browser, complaints, connected, eventCount, hear, heard, numbersOf, openTab, outage, reads, say, startDemo,
} from './tab.mjs';

const [binary, screenshot] = process.argv.slice(2);
setSubject('browser');

let demo = await startDemo(binary);
const address = `http://127.0.0.1:${demo.port}/`;
const cutter = await startCutter(demo.port);
const ada = await openTab(address);
const grace = await openTab(address);
const tabs = [ada, grace];

await check('both tabs connect', async () => {
  for (const tab of tabs) await connected(tab);
});

await check('what one tab says, both show, in one order', async () => {
  await say(ada, 'Ada', 'hello from the first tab');
  await hear(tabs, 'Ada: hello from the first tab');
  await say(grace, 'Grace', 'and hello from the second one');
  await say(grace, 'Grace', 'Grüße, from one WebSocket to the other');
  await hear(tabs, 'Grace: Grüße, from one WebSocket to the other');
  assert.deepEqual(await heard(ada), await heard(grace));
  assert.equal((await heard(ada)).length, 3);
});

await check('the dashboard ticks and shows the last event ID', async () => {
  for (const tab of tabs) {
    const before = await eventCount(tab);
    await until('three more events', async () => (await eventCount(tab)) >= before + 3);
    assert.match(await tab.textContent('#last-event-id'), /^[0-9a-f]+-\d+$/);
    assert.equal(await tab.textContent('#websockets'), '2');
    // The tabs share it.
    assert.equal(await tab.textContent('#event-streams'), '1');
    assert.equal(await tab.textContent('#gaps'), '0 gaps');
  }
});

await check('a cut event stream resumes without a hole, and the chat notices nothing', async () => {
  const tab = await openTab(cutter.address);
  await reads(tab, '#chat-state', 'connected');
  const said = await heard(tab);
  await until('two events', async () => (await eventCount(tab)) >= 2);

  outage.isExpected = true;
  cutter.cutEventStreams();
  await reads(tab, '#events-state', 'lost, reconnecting');
  const lastEventId = await tab.textContent('#last-event-id');
  await say(ada, 'Ada', 'are you still there, with the stream cut?');
  await sleep(2_500);
  cutter.letEventStreams();
  await say(tab, 'Alan', 'yes, the chat is another connection');
  await reads(tab, '#events-state', 'connected');
  const count = await eventCount(tab);
  await until('two more events', async () => (await eventCount(tab)) >= count + 2);

  const events = await tab.evaluate(() => window.receivedEvents);
  const numbers = numbersOf(events.map(({ id }) => id));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'the numbers of the events');
  assert.ok(events.every(({ type }) => type === 'stats'), `a gap: ${JSON.stringify(events)}`);
  assert.equal(await tab.locator('#messages .note').count(), 0, 'notes in the chat');
  assert.deepEqual((await heard(tab)).slice(said.length), [
    'Ada: are you still there, with the stream cut?', 'Alan: yes, the chat is another connection',
  ]);
  // The browser named the last event that it had, so the missed ones came from the server.
  assert.equal(cutter.lastEventIds.at(-1), lastEventId);
  await tab.close();
  outage.isExpected = false;
}, 30);

await check('a screenshot is taken', async () => {
  const talk = [
    [grace, 'Grace', 'the stream was cut'], [ada, 'Ada', 'and no event was lost?'], [grace, 'Grace', 'none'],
    [ada, 'Ada', 'look at the bars while we talk'], [grace, 'Grace', 'one a second'],
  ];
  for (const [tab, name, text] of talk) {
    await say(tab, name, text);
    await sleep(400);
  }
  await until('a bar for the messages', async () => Number(await ada.textContent('#rate')) > 0);
  await ada.bringToFront();
  await ada.screenshot({ path: screenshot });
  assert.ok(fs.statSync(screenshot).size > 10_000);
});

await check('HTML in a message is shown as text', async () => {
  const html = '<img src=x onerror="window.harmed = true"><b>bold</b> & <script>window.harmed = true</script>';
  await say(ada, 'Ada', html);
  await hear(tabs, `Ada: ${html}`);
  for (const tab of tabs) {
    assert.equal(await tab.locator('#messages p > :not(time, b, bdi), #messages p > * > *').count(), 0, 'elements inside messages');
    assert.equal(await tab.evaluate(() => window.harmed), undefined);
  }
});

await check('marks of direction in a name or a text move nothing outside of it', async () => {
  await say(ada, 'Ada\u202e', 'to the left \u202e and on');
  await hear(tabs, 'Ada\u202e: to the left \u202e and on');
  const lefts = await ada.$eval('#messages p:last-child', (line) => [...line.childNodes].map((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().left;
  }));
  assert.equal(lefts.length, 5, 'time, space, name, colon, text');
  assert.deepEqual(lefts, lefts.toSorted((one, other) => one - other));
  await say(ada, 'Ada', 'two  spaces');
  await hear(tabs, 'Ada: two  spaces');
  assert.match(await ada.locator('#messages p').last().innerText(), /Ada: two  spaces$/);
});

await check('what cannot be seen is not sent', async () => {
  for (const text of ['\u200b', ' \u202e\u2060 ']) await say(ada, 'Ada', text);
  await say(ada, '\u200d', 'my name cannot be seen');
  await hear(tabs, 'somebody: my name cannot be seen');
  assert.equal((await heard(ada)).at(-2), 'Ada: two  spaces');
});

await check('nothing is logged as an error', async () => assert.deepEqual(complaints, []));

await check('both tabs notice that the server was killed', async () => {
  outage.isExpected = true;
  await demo.kill('SIGKILL');
  for (const tab of tabs) {
    await reads(tab, '#chat-state', /reconnecting in \d+ s$|^connecting$/);
    await reads(tab, '#events-state', /^lost, reconnecting/);
    assert.ok(await tab.isDisabled('#send'));
    assert.match(await tab.locator('#messages .note').last().textContent(), /^Connection lost \(1006/);
  }
});

await check('both tabs recover when the server is back', async () => {
  demo = await startDemo(binary, demo.port);
  assert.equal(`http://127.0.0.1:${demo.port}/`, address);
  for (const tab of tabs) {
    await reads(tab, '#chat-state', 'connected', 20);
    await reads(tab, '#events-state', 'connected');
    const before = await eventCount(tab);
    await until('two more events', async () => (await eventCount(tab)) >= before + 2);
    // The new server does not know the old events, and says so, once.
    assert.equal(await tab.textContent('#gaps'), '1 gap');
  }
}, 40);

await check('the tabs talk again', async () => {
  await say(ada, 'Ada', 'back again');
  await hear(tabs, 'Ada: back again');
  await say(grace, 'Grace', 'me too');
  await hear(tabs, 'Grace: me too');
  await say(ada, 'Ada', '你好, 🎉');
  await hear(tabs, 'Ada: 你好, 🎉');
});

await check('only failed connections are logged', async () => assert.deepEqual(complaints, []));

await browser.close();
await demo.kill();
finish();

/** A TCP proxy that can cut the connections that carry an event stream, and only those. */
async function startCutter(port) {
  const streams = new Set();
  const lastEventIds = [];
  let cut = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    const end = () => { client.destroy(); upstream.destroy(); streams.delete(end); };
    for (const side of [client, upstream]) side.on('error', end).on('close', end).setNoDelay(true);
    client.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (text.startsWith('GET /events ')) {
        if (cut) return end();
        lastEventIds.push(/^last-event-id: (.*)\r$/im.exec(text)?.[1]);
        streams.add(end);
      }
      upstream.write(bytes);
    });
    upstream.pipe(client);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    lastEventIds,
    cutEventStreams() { cut = true; for (const end of streams) end(); },
    letEventStreams() { cut = false; },
  };
}
