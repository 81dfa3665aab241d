// Many tabs of the demo page: they share one event stream, so that the seventh loads, too; another tab
// takes over when the one with the stream goes; old numbers look old. Usage: node tabs.mjs BINARY

import assert from 'node:assert/strict';

import { check, finish, setSubject, until } from '../harness/checks.mjs';
import {
  browser, complaints, connected, eventCount, numbersOf, openTab, outage, reads, say, startDemo,
} from './tab.mjs';

const [binary] = process.argv.slice(2);
const TABS = 8;
setSubject('tabs');

let demo = await startDemo(binary);
const address = `http://127.0.0.1:${demo.port}/`;
const tabs = [];

await check(`${TABS} tabs all show numbers, of one event stream`, async () => {
  for (let number = 0; number < TABS; number += 1) tabs.push(await openTab(address));
  for (const tab of tabs) {
    await connected(tab);
    await reads(tab, '#websockets', String(TABS));
    await reads(tab, '#event-streams', '1');
    const before = await eventCount(tab);
    await until('two more events', async () => (await eventCount(tab)) >= before + 2);
  }
  for (const [index, tab] of tabs.entries()) {
    await reads(tab, '#sharing', index === 0 ? /^This tab has the event stream/ : /^Another tab/);
  }
}, 60);

await check('a new tab has the chart of the others', async () => {
  const bars = (tab) => tab.locator('#chart rect').count();
  const oldest = await bars(tabs[0]);
  const tab = await openTab(address);
  await connected(tab);
  assert.ok((await bars(tab)) >= oldest, `${await bars(tab)} bars, ${oldest} in the first tab`);
  await tab.close();
});

await check('another tab takes the stream over, and no event is lost', async () => {
  for (let leader = 0; leader < 3; leader += 1) {
    await tabs.shift().close();
    const before = await eventCount(tabs[0]);
    await until('three more events', async () => (await eventCount(tabs[0])) >= before + 3, 10);
  }
  for (const tab of tabs) {
    const numbers = numbersOf(await tab.evaluate(() => window.shownIds));
    assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index), 'the numbers of the events');
    assert.equal(await tab.textContent('#gaps'), '0 gaps');
  }
  await reads(tabs[0], '#event-streams', '1');
}, 60);

await check('a tab that is stopped loses the stream to another', async () => {
  const [stopped, ...others] = tabs;
  await reads(stopped, '#sharing', /^This tab has/);
  // It neither receives nor sends from now on, and keeps its lock.
  const session = await browser.newCDPSession(stopped);
  await session.send('Debugger.enable');
  await session.send('Debugger.pause');
  stopped.evaluate(() => 0).catch(() => {});
  const counts = await Promise.all(others.map(eventCount));
  for (const [index, tab] of others.entries()) {
    await until('three more events', async () => (await eventCount(tab)) >= counts[index] + 3, 30);
    assert.equal(await tab.textContent('#gaps'), '0 gaps');
  }
  await session.send('Debugger.resume');
  await reads(stopped, '#sharing', /^Another tab/, 10);
  await until('it shows numbers again', () => stopped.evaluate(() => !document.getElementById('live').classList.contains('stale')), 10);
}, 60);

await check('numbers of a server that says nothing look old', async () => {
  const [tab] = tabs;
  const color = () => tab.$eval('#websockets', (number) => getComputedStyle(number).color);
  const fresh = await color();
  demo.process.kill('SIGSTOP');
  await reads(tab, '#age', /^These numbers are \d+ s old\.$/, 10);
  assert.notEqual(await color(), fresh);
  demo.process.kill('SIGCONT');
  await until('they are fresh again', async () => (await tab.isHidden('#age')) && (await color()) === fresh, 10);
}, 40);

await check('a tab that cannot share has its own stream, and says so', async () => {
  const alone = await openTab(address, {
    before: () => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }),
  });
  await connected(alone);
  await reads(alone, '#event-streams', '2');
  assert.match(await alone.textContent('#sharing'), /a seventh tab would wait/);
  await alone.close();
});

await check('a tab whose browser may not store data has its own stream, and says so', async () => {
  const alone = await openTab(address, {
    before: () => { LockManager.prototype.request = () => Promise.reject(new DOMException('', 'SecurityError')); },
  });
  await connected(alone);
  await reads(alone, '#event-streams', '2');
  assert.match(await alone.textContent('#sharing'), /a browser that may store data of this site/);
  await alone.close();
});

await check('nothing is logged as an error', async () => assert.deepEqual(complaints, []));

await check('a lost server is announced once, and so is its return', async () => {
  outage.isExpected = true;
  const [tab] = tabs;
  await tab.evaluate(() => {
    window.announced = [];
    for (const live of document.querySelectorAll('#chat-state-announced, #events-state-announced')) {
      new MutationObserver(() => window.announced.push(live.textContent)).observe(live, { childList: true });
    }
  });
  await demo.kill('SIGKILL');
  await reads(tab, '#events-state', /^lost, reconnecting/);
  await reads(tab, '#chat-state', /reconnecting in \d+ s|^connecting$/);
  // Some attempts fail in this time, and the seconds are counted down.
  await reads(tab, '#age', /old/, 10);
  await tab.getByRole('button', { name: 'Ping', exact: true }).click();
  await reads(tab, '#outcome', /^The server does not answer/);
  demo = await startDemo(binary, demo.port);
  await connected(tab, 30);
  await reads(tab, '#outcome', 'Valid: 1 frame.');
  const announced = await tab.evaluate(() => window.announced);
  assert.deepEqual(announced.toSorted(), [
    'Chat connected.', 'Chat disconnected, reconnecting.', 'Dashboard connected.', 'Dashboard lost, reconnecting.',
  ]);
  const live = ['chat-state-announced', 'events-state-announced', 'copy-announced', 'outcome', 'messages'];
  const roles = await tab.evaluate((ids) => ids.map((id) => document.getElementById(id).getAttribute('role')), live);
  assert.deepEqual(roles, ['status', 'status', 'status', 'status', 'log']);
  // None of them has replaced the words of another.
  assert.equal(await tab.textContent('#chat-state-announced'), 'Chat connected.');
  assert.equal(await tab.textContent('#events-state-announced'), 'Dashboard connected.');
  await say(tab, 'Ada', 'back again');
  await until('it is heard', async () => (await tab.textContent('#messages')).includes('back again'));
}, 60);

await check('a server that stops tells its code', async () => {
  await demo.kill('SIGTERM');
  await reads(tabs[0], '#messages .note:last-child', /^Connection closed with code 1001: the server stops\.$/);
}, 20);

await browser.close();
finish();
