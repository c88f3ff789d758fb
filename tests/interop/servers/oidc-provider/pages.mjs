// The pages that a user sees: forms without a script.

const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${body}</body></html>`;

const escaped = (text) => String(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

export const loginPage = (action, error = '') => page('Log in', `
  <p role="alert">${escaped(error)}</p>
  <form method="post" action="${escaped(action)}">
    <label>Username <input name="username" autocomplete="username"></label>
    <label>Password <input name="password" type="password" autocomplete="current-password"></label>
    <button name="action" value="login">Log in</button>
    <button name="action" value="cancel">Cancel</button>
  </form>`);

export const consentPage = (action, { client_id, scope }) => page('Allow access', `
  <p>${escaped(client_id)} asks for ${escaped(scope)}.</p>
  <form method="post" action="${escaped(action)}">
    <button name="action" value="cancel">Cancel</button>
    <button name="action" value="allow">Allow</button>
  </form>`);

/** `form` is the library's, without a button. */
export const logoutPage = (form) => page('Log out', form.replace('</form>', `
    <button name="stay" value="yes">Stay</button>
    <button name="logout" value="yes">Log out</button>
  </form>`));
