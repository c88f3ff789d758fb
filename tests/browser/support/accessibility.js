// What axe has to say about a page.

import assert from "node:assert/strict";

import axe from "axe-core";

/// WCAG 2.2, levels A and AA, and what axe recommends beyond.
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Fails with every violation that axe finds.
export async function assertAccessible(page) {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (rules) => {
    const result = await globalThis.axe.run({ runOnly: { type: "tag", values: rules } });
    return result.violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.map((node) => node.target.join(" ")) }));
  }, RULES);
  assert.deepEqual(violations, [], `${await page.title()} (${page.url()})`);
}
