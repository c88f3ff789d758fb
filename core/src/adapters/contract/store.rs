//! The contract of [`SecureStore`].

use std::sync::Arc;

use super::{STEP, entry_name};
use crate::ports::{EntryName, SecureStore, StoreError, StoredValue};

/// Runs the suite on a store. `open` returns a new handle on the same storage each time, which has no entries when the
/// suite begins and none when it ends.
///
/// # Panics
/// When the store breaks its contract.
pub async fn secure_store<S: SecureStore>(open: impl AsyncFn() -> S) {
    let suite = async {
        nothing_saved_is_absent(&open().await).await;
        what_is_saved_is_what_is_loaded(&open).await;
        any_text_is_kept_as_it_is(&open().await).await;
        names_that_look_alike_are_entries_of_their_own(&open().await).await;
        a_deleted_entry_is_absent_and_the_others_stay(&open).await;
        calls_at_once_see_whole_values(&open).await;
        the_end_is_as_the_beginning(&open().await).await;
    };
    tokio::time::timeout(STEP * 6, suite).await.expect("the store took too long");
}

async fn nothing_saved_is_absent(store: &impl SecureStore) {
    assert_eq!(load(store, "contract.absent").await, None, "an entry that nobody saved was loaded");
    assert_eq!(store.delete(&entry_name("contract.absent")).await, Ok(()), "deleting an absent entry is no error");
    assert_eq!(store.list().await, Ok(vec![]), "the storage given to the suite is not empty");
}

async fn what_is_saved_is_what_is_loaded<S: SecureStore>(open: &impl AsyncFn() -> S) {
    let (one, other) = (open().await, open().await);
    assert!(!one.identity().is_empty(), "a store has an identity");
    assert_eq!(one.identity(), other.identity(), "two handles on one storage have one identity");

    for value in ["a first value", "a second value, which is longer", "short"] {
        save(&one, "contract.entry", value).await;
        assert_eq!(load(&one, "contract.entry").await.as_deref(), Some(value), "after a save by the same handle");
        assert_eq!(load(&other, "contract.entry").await.as_deref(), Some(value), "after a save by another handle");
    }
    drop((one, other));
    assert_eq!(load(&open().await, "contract.entry").await.as_deref(), Some("short"), "by a handle opened later");
}

async fn any_text_is_kept_as_it_is(store: &impl SecureStore) {
    let long = "0123456789abcdef".repeat(16 * 1024);
    for value in ["", " ", "\r\n\t\0 \\ \" ' % {\"a\":1}", "ünïcödé 🔑 \u{202e}", &long] {
        save(store, "contract.entry", value).await;
        let loaded = load(store, "contract.entry").await;
        assert!(loaded.as_deref() == Some(value), "a value of {} bytes came back changed", value.len());
    }
}

async fn names_that_look_alike_are_entries_of_their_own(store: &impl SecureStore) {
    let longest = "n".repeat(128);
    let nearly = format!("{}m", &longest[1..]);
    let names = [
        "contract.entry",
        "contract.entry.",
        "contract-entry",
        "contract_entry",
        "contract@entry+1",
        "0",
        &longest,
        &nearly,
    ];
    for name in names {
        save(store, name, name).await;
    }
    for name in names {
        assert_eq!(load(store, name).await.as_deref(), Some(name), "the entries of two names are one");
    }
    assert_eq!(sorted(store.list().await), sorted(Ok(names.map(entry_name).to_vec())), "each entry is listed once");
}

async fn a_deleted_entry_is_absent_and_the_others_stay<S: SecureStore>(open: &impl AsyncFn() -> S) {
    let (one, other) = (open().await, open().await);
    save(&one, "contract.kept", "kept").await;
    save(&one, "contract.deleted", "deleted").await;
    for _ in 0..2 {
        assert_eq!(one.delete(&entry_name("contract.deleted")).await, Ok(()));
        for store in [&one, &other] {
            assert_eq!(load(store, "contract.deleted").await, None, "an entry was loaded after it was deleted");
            assert_eq!(load(store, "contract.kept").await.as_deref(), Some("kept"), "another entry was deleted");
            assert!(!sorted(store.list().await).contains(&entry_name("contract.deleted")), "a deleted entry is listed");
        }
    }
    save(&one, "contract.deleted", "again").await;
    assert_eq!(load(&other, "contract.deleted").await.as_deref(), Some("again"), "a name can be used again");
}

/// Writers replace one entry with values that a mixture of would not look like; readers never see a mixture, nor nothing.
async fn calls_at_once_see_whole_values<S: SecureStore>(open: &impl AsyncFn() -> S) {
    let value = |writer: usize| char::from(b'a' + writer as u8).to_string().repeat(4096 + writer);
    save(&open().await, "contract.busy", &value(0)).await;
    let mut calls = tokio::task::JoinSet::new();
    for caller in 0..6 {
        let store = Arc::new(open().await);
        calls.spawn(async move {
            for _ in 0..4 {
                save(&*store, "contract.busy", &value(caller)).await;
                let loaded = load(&*store, "contract.busy").await.expect("a reader found nothing while others wrote");
                assert!((0..6).any(|writer| loaded == value(writer)), "a reader saw a value that nobody wrote");
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("a call at the same time as others failed");
    }
}

async fn the_end_is_as_the_beginning(store: &impl SecureStore) {
    for name in sorted(store.list().await) {
        assert_eq!(store.delete(&name).await, Ok(()));
    }
    assert_eq!(store.list().await, Ok(vec![]), "after everything was deleted");
}

async fn save(store: &impl SecureStore, name: &str, value: &str) {
    let saved = tokio::time::timeout(STEP, store.save(&entry_name(name), &StoredValue::new(value))).await;
    assert_eq!(saved.expect("a save took too long"), Ok(()), "saving {name}");
}

async fn load(store: &impl SecureStore, name: &str) -> Option<String> {
    let loaded = tokio::time::timeout(STEP, store.load(&entry_name(name))).await.expect("a load took too long");
    loaded.expect("a load failed").map(|value| value.expose().to_owned())
}

fn sorted(names: Result<Vec<EntryName>, StoreError>) -> Vec<EntryName> {
    let mut names = names.expect("listing failed");
    names.sort();
    names
}
