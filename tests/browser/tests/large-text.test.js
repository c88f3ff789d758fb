// Every page with text of twice the size (WCAG 2.2, 1.4.4), as the browser's own setting makes it, at two widths.

import { test } from "node:test";

import { assertFits } from "../support/layout.js";
import { PAGES } from "../support/pages.js";
import { openStage } from "../support/stage.js";

const stage = await openStage({ textSize: 32 });

for (const [name, visit] of Object.entries(PAGES)) {
  test(`${name} fits when its text is twice as large`, async () => {
    const page = await stage.chromium.page({ viewport: { width: 1280, height: 800 } });
    await visit(stage, page);
    await assertFits(page);
    // The height of a phone does not matter: pages scroll that way.
    await page.setViewportSize({ width: 480, height: 800 });
    await assertFits(page);
  });
}
