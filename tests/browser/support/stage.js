// What a test file plays on: a tenant, an app that waits for redirects, and Chromium. All of it ends with the file.

import { after, afterEach } from "node:test";

import { App } from "./app.js";
import { Chromium } from "./chromium.js";
import { Tenant } from "./tenant.js";

/// Starts everything. After each test the browser is asked whether it tried to reach anything but this machine, and what
/// the test changed in the tenant is undone.
export async function openStage(options = {}) {
  const stage = {};
  after(async () => {
    await stage.chromium?.close();
    await stage.app?.stop();
    await stage.tenant?.stop();
  });
  stage.tenant = await Tenant.start();
  stage.app = await App.start();
  stage.chromium = await Chromium.launch(options);
  afterEach(async () => {
    await stage.chromium.closePages();
    await stage.tenant.reset();
    stage.app.forget();
    stage.chromium.assertNothingLeft();
  });
  return stage;
}
