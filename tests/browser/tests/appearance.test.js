// Every page as people see it: by day and by night, on a narrow phone, in the system's own colours, read aloud. With
// HALLPASS_SCREENSHOTS each is photographed as well.

import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { assertAccessible } from "../support/accessibility.js";
import { assertFits } from "../support/layout.js";
import { PAGES } from "../support/pages.js";
import { openStage } from "../support/stage.js";

const stage = await openStage();

const WIDE = { width: 1100, height: 820 };

const MODES = {
  light: { viewport: WIDE, colorScheme: "light" },
  dark: { viewport: WIDE, colorScheme: "dark" },
  narrow: { viewport: { width: 320, height: 640 }, colorScheme: "light" },
  contrast: { viewport: WIDE, forcedColors: "active" },
};

for (const [name, visit] of Object.entries(PAGES)) {
  for (const [mode, options] of Object.entries(MODES)) {
    test(`${name}, ${mode}, fits and is accessible`, async () => {
      const page = await stage.chromium.page({ ...options, reducedMotion: "reduce" });
      await visit(stage, page);
      await assertFits(page);
      await assertAccessible(page);
      if (process.env.HALLPASS_SCREENSHOTS) await photograph(page, `${name}-${mode}`);
    });
  }
}

async function photograph(page, name) {
  // The caret blinks, and the focus is where it was.
  await page.screenshot({ path: fileURLToPath(new URL(`../screenshots/${name}.png`, import.meta.url)), caret: "hide" });
}
