// The dashboard, as a person uses it.

export class Dashboard {
  constructor(page) {
    this.page = page;
  }

  static async open(chromium, tenant, options) {
    const page = await chromium.page(options);
    await page.goto(tenant.dashboardUrl);
    return new Dashboard(page);
  }

  /// A control of the settings, by the name that the setting has in the admin API.
  setting(name) {
    return this.page.getByRole("region", { name: "Settings" }).locator(`[name="${name}"]`);
  }

  /// Sets the setting with this label, and saves.
  async set(label, value) {
    const control = this.page.getByRole("region", { name: "Settings" }).getByLabel(label, { exact: true });
    await fill(control, value);
    await this.save();
  }

  async save() {
    await this.#press("Save settings", "The settings are saved.");
  }

  /// Plans a fault. `fields` are the form's, by label.
  async plan(fields) {
    const form = this.page.getByRole("region", { name: "Faults" });
    for (const [label, value] of Object.entries(fields)) await fill(form.getByLabel(label, { exact: true }), value);
    await this.#press("Plan fault", "The fault is planned.");
  }

  /// Presses a button under “Actions”, and returns what the page says then.
  async act(button) {
    await this.page.getByRole("button", { name: button, exact: true }).click();
    return this.page.getByRole("status").textContent();
  }

  async #press(button, message) {
    await this.page.getByRole("button", { name: button }).click();
    // The page before may have said the same; the button waits for the next one.
    await this.page.getByRole("status").filter({ hasText: message }).waitFor();
  }
}

/// Sets a control of any kind.
async function fill(control, value) {
  const kind = await control.evaluate((element) => element.type);
  if (kind === "checkbox") await control.setChecked(value);
  else if (kind === "select-one") await control.selectOption(value);
  else await control.fill(String(value));
}
