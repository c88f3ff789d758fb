// Every wait has a limit.

import { setTimeout as sleep } from "node:timers/promises";

/// No single thing in these tests takes this long, in milliseconds.
export const PATIENCE = 20_000;

/// Asks `question` again and again until it answers with something true, and returns that.
export async function eventually(what, question) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE} ms in vain: ${what}`);
    await sleep(25);
  }
}

/// Resolves or rejects with `promise`, or rejects when that takes too long.
export async function within(what, promise, milliseconds = PATIENCE) {
  const limit = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`waited ${milliseconds} ms in vain: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    limit.abort();
    late.catch(() => {});
  }
}
