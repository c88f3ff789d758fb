// The guard guards: a test that finds nothing wrong has to be able to.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assertAccessible } from "../support/accessibility.js";
import { Chromium } from "../support/chromium.js";
import { assertFits } from "../support/layout.js";
import { openStage } from "../support/stage.js";
import { eventually } from "../support/waiting.js";

const { app, chromium } = await openStage();

test("a page that asks for something elsewhere is noticed, whatever it asks with", async (t) => {
  // One of its own: a request that comes late is not blamed on the test after this.
  const watched = await Chromium.launch();
  t.after(() => watched.close());
  const elsewhere = "elsewhere.example";
  const page = await watched.page();
  await page.goto(
    app.serve(
      "/telling",
      `<!doctype html><title>Telling</title><img src="http://${elsewhere}/image">
       <link rel="prefetch" href="http://${elsewhere}/prefetch">
       <script>
         fetch("https://${elsewhere}/fetch").catch(() => {});
         navigator.sendBeacon("https://${elsewhere}/beacon", "x");
         new WebSocket("wss://${elsewhere}/socket");
       </script>`,
    ),
  );
  for (const what of ["/image", "/fetch", "/beacon", `${elsewhere}:443`]) {
    await eventually(`${what} to be noticed`, () => watched.left.some((url) => url.includes(what)));
  }
  assert.throws(() => watched.assertNothingLeft(), /left this machine/);
});

test("a page that cannot be read is refused by axe", async () => {
  const page = await chromium.page();
  await page.goto(app.serve("/unread", `<html lang="en"><title>Unread</title><main><h1>Hi</h1><p style="color:#ccc;background:#fff">Pale</p><input></main>`));
  await assert.rejects(() => assertAccessible(page), /color-contrast[\s\S]*label/);
});

test("a page that is too wide, and a box that cuts off its text, are noticed", async () => {
  const page = await chromium.page({ viewport: { width: 320, height: 640 } });
  await page.goto(app.serve("/wide", `<!doctype html><meta name="viewport" content="width=device-width"><p style="width:400px">Wide</p>`));
  await assert.rejects(() => assertFits(page), /sticks out/);
  await page.goto(app.serve("/cut", `<!doctype html><meta name="viewport" content="width=device-width"><p style="width:9rem;overflow:hidden;white-space:nowrap">Longer than nine rem in any font</p>`));
  await assert.rejects(() => assertFits(page), /is clipped/);
});
