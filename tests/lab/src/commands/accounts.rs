//! `lab accounts` and `lab switch`: who is signed in here, and as whom the next commands act.

use hallpass_core::{LoginReason, User};
use serde_json::{Value, json};

use super::account::Account;
use super::status::{self, Known};
use crate::cli::{SessionArguments, SwitchArguments, TenantArguments};
use crate::failure::Failure;
use crate::settings::{PropertyFile, Setting};
use crate::terminal::{note, say, say_json};

/// Lists the accounts of the tenant and client. Sends nothing.
pub(crate) async fn accounts(arguments: &SessionArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let store = account.store().await?;
    let names = hallpass_core::accounts(account.config(), &*store).await?;
    let mut listed = Vec::with_capacity(names.len());
    for name in names {
        let tenant = TenantArguments { account: Some(name.clone()), ..arguments.tenant.clone() };
        listed.push((name, status::known(&Account::of(&tenant)?).await));
    }
    if arguments.json {
        let listed: Vec<Value> = listed
            .iter()
            .map(|(name, known)| {
                let mut entry = json!({ "account": name, "current": name == account.name() });
                match known {
                    Ok(Known { user, required, .. }) => {
                        entry["state"] = state(user.is_some(), *required).into();
                        entry["sub"] = user.as_ref().map(User::sub).into();
                        entry["name"] = user.as_ref().map(status::name).into();
                    }
                    Err(failure) => entry["problem"] = failure.to_string().into(),
                }
                entry
            })
            .collect();
        say_json(&json!({ "provider": account.provider(), "accounts": listed }));
        return Ok(());
    }
    if listed.is_empty() {
        note("No account is stored for this tenant and client.");
    }
    let width = listed.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, known) in &listed {
        let mark = if name == account.name() { '*' } else { ' ' };
        let who = match known {
            Ok(Known { user: Some(user), required: None, .. }) => format!("{} (signed in)", status::name(user)),
            Ok(Known { user: Some(user), required: Some(reason), .. }) => {
                format!("{} (has to sign in again: {reason})", status::name(user))
            }
            Ok(Known { user: None, required: Some(reason), .. }) => format!("no one ({reason})"),
            Ok(Known { user: None, required: None, .. }) => "no one".to_owned(),
            Err(failure) => failure.to_string(),
        };
        say(&format!("{mark} {name:width$}  {who}"));
    }
    Ok(())
}

fn state(has_user: bool, required: Option<LoginReason>) -> &'static str {
    match (has_user, required) {
        (true, None) => "signed_in",
        (true, Some(_)) => "login_required",
        (false, _) => "signed_out",
    }
}

/// Writes the account into the property file, so that the next commands act as it.
pub(crate) fn switch(arguments: &SwitchArguments) -> Result<(), Failure> {
    let tenant = TenantArguments { account: Some(arguments.name.clone()), ..arguments.tenant.clone() };
    let account = Account::of(&tenant)?;
    let Some(path) = account.settings().file() else {
        return Err(Failure::Argument {
            what: "there is no hallpass.toml to write the account to".to_owned(),
            fix: format!("run `lab login --save`, or give --account {} each time", arguments.name),
        });
    };
    let unreadable = |error: std::io::Error| Failure::InputOutput(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let changed = with_account(&text, &arguments.name);
    // What is written has to be read again as it was meant.
    PropertyFile::parse(path, &changed).map_err(|error| Failure::Settings(error.into()))?;
    std::fs::write(path, changed).map_err(unreadable)?;
    if std::env::var(Setting::Account.variable()).is_ok_and(|set| !set.is_empty()) {
        note(&format!("note: {} is set and wins over the file", Setting::Account.variable()));
    }
    say(&format!("The account is {} from now on ({}).", arguments.name, path.display()));
    Ok(())
}

/// The file's text with another account in it, all else as it was.
fn with_account(text: &str, account: &str) -> String {
    let line = format!("{} = {}", Setting::Account.key(), toml::Value::String(account.to_owned()));
    let sets_it = |line: &str| line.split_once('=').is_some_and(|(key, _)| key.trim() == Setting::Account.key());
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter_mut().find(|line| sets_it(line)) {
        Some(present) => *present = &line,
        None => lines.insert(0, &line),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_is_written_in_the_place_of_the_one_before_or_first() {
        assert_eq!(with_account("client_id = \"x\"\n", "a.b"), "account = \"a.b\"\nclient_id = \"x\"\n");
        let text = "# mine\naccount = \"one\" \nclient_id = \"account = x\"\n";
        assert_eq!(with_account(text, "two"), "# mine\naccount = \"two\"\nclient_id = \"account = x\"\n");
    }
}
