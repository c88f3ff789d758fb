// Every page as people see it: by day and by night, on a narrow phone, in the system's own colours, read aloud. With
// HALLPASS_SCREENSHOTS those of which there is a picture are photographed anew, and with "all" in it every one.

import { existsSync } from "node:fs";
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
      const picture = fileURLToPath(new URL(`../screenshots/${name}-${mode}.png`, import.meta.url));
      // The caret blinks, and the focus is where it was.
      if (isWanted(picture)) await page.screenshot({ path: picture, caret: "hide" });
    });
  }
}

function isWanted(picture) {
  const wanted = process.env.HALLPASS_SCREENSHOTS;
  return wanted === "all" || (Boolean(wanted) && existsSync(picture));
}
