// A tab with the demo page, as the checks in a browser use it.

import { launchChromium } from '../harness/chromium.mjs';
import { startServer, until } from '../harness/checks.mjs';

// Letters without coloured edges: pictures are smaller, and alike everywhere.
export const browser = await launchChromium('--disable-lcd-text');
/** What tabs have logged as errors, unless it was expected. */
export const complaints = [];
/** While the server is down or a stream is cut, the browser itself logs failed connections. */
export const outage = { isExpected: false };

/** Starts the demo; at port 0, any that is free. */
export async function startDemo(binary, port = 0) {
  return startServer(binary, 'demo', '--listen', `127.0.0.1:${port}`);
}

/**
 * A tab with the page, which keeps the events that it receives itself and the IDs that it shows.
 * `before` runs in it before the page does.
 */
export async function openTab(url, { width = 1100, height = 640, theme = 'light', before = null } = {}) {
  const tab = await browser.newPage();
  await tab.setViewportSize({ width, height });
  await tab.emulateMedia({ colorScheme: theme });
  if (before) await tab.addInitScript(before);
  await tab.addInitScript(() => {
    window.receivedEvents = [];
    window.shownIds = [];
    const keep = ({ type, lastEventId }) => window.receivedEvents.push({ type, id: lastEventId });
    window.EventSource = class extends EventSource {
      constructor(...args) {
        super(...args);
        for (const type of ['stats', 'gap', 'message']) this.addEventListener(type, keep);
      }
    };
    window.addEventListener('DOMContentLoaded', () => {
      const id = document.getElementById('last-event-id');
      new MutationObserver(() => window.shownIds.push(id.textContent)).observe(id, { childList: true });
    });
  });
  noteComplaints(tab);
  await tab.goto(url);
  return tab;
}

/** Keeps the errors of a tab that are not expected. */
function noteComplaints(tab) {
  tab.on('pageerror', (error) => complaints.push(String(error)));
  tab.on('console', (message) => {
    const isExpected = outage.isExpected && isFailedConnection(message.text());
    if (['error', 'warning'].includes(message.type()) && !isExpected) complaints.push(message.text());
  });
}

function isFailedConnection(text) {
  return /^(WebSocket connection to '\S+' failed|Failed to load resource: net::ERR_)/.test(text);
}

/** Waits until chat and dashboard are connected, and a number is shown. */
export async function connected(tab, seconds = 5) {
  await reads(tab, '#chat-state', 'connected', seconds);
  await reads(tab, '#events-state', 'connected', seconds);
  await until('a number is shown', async () => (await tab.textContent('#websockets')) !== '–');
}

/** Sends a message, under a name if there is one. */
export async function say(tab, name, text) {
  if (name !== null) await tab.fill('#name', name);
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

/** The lines of the chat, without their times; notes are left out. */
export async function heard(tab) {
  return tab.$$eval('#messages p:not(.note)', (lines) => lines.map((line) => line.textContent.slice(line.querySelector('time').textContent.length + 1)));
}

export async function hear(all, text) {
  for (const tab of all) {
    await until(`the tab shows ${text}`, async () => (await heard(tab)).filter((said) => said === text).length === 1);
  }
}

/** Waits until the text of an element is this one, or matches. */
export async function reads(tab, selector, wanted, seconds = 5) {
  const fits = (text) => (wanted instanceof RegExp ? wanted.test(text) : text === wanted);
  await until(`${selector} reads ${wanted}`, async () => fits(await tab.textContent(selector)), seconds);
}

export async function eventCount(tab) {
  return Number.parseInt(await tab.textContent('#event-count'), 10);
}

/** The numbers in the IDs of events, such as 7 in `9f3c0a5be1d2c474-7`. */
export function numbersOf(ids) {
  return ids.map((id) => Number(id.split('-')[1]));
}
