// Chromium for the Node checks, without a window and with a separate profile.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const { chromium } = createRequire(import.meta.url)('playwright-core');

/** Starts it; `args` are more of its arguments. The profile goes with the script. */
export async function launchChromium(...args) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'tidings-chromium-'));
  process.on('exit', () => fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    viewport: { width: 1100, height: 640 },
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...args,
    ],
  });
  // A browser that hangs fails the check, not the script.
  browser.setDefaultTimeout(10_000);
  return browser;
}
