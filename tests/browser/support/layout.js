// What does not fit.

import assert from "node:assert/strict";

/// Fails when the page scrolls sideways, or something that is seen sticks out of the page or out of its own box. What is
/// in a region made to scroll may be wider than that.
export async function assertFits(page) {
  assert.deepEqual(await page.evaluate(misfits), [], `${await page.title()} (${page.url()})`);
}

/// Runs in the page.
function misfits() {
  const width = document.documentElement.clientWidth;
  const found = [];
  const described = (element) => {
    const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    return `${element.tagName.toLowerCase()}${element.id && `#${element.id}`} “${text}”`;
  };
  if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const hidden = box.width === 0 || box.height === 0 || !element.checkVisibility({ visibilityProperty: true });
    const offPage = box.right <= 0;
    const scrolled = element.parentElement.closest(".scroll");
    if (hidden || offPage || scrolled) continue;
    if (box.left < -0.5 || box.right > width + 0.5) found.push(`${described(element)} sticks out of the page`);
    // A field scrolls when its text is longer.
    const clips = getComputedStyle(element).overflowX !== "visible" && !element.matches(".scroll, input");
    const overflows = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
    if (overflows && (clips || element.matches("button, .button"))) found.push(`${described(element)} is clipped`);
  }
  return found;
}
