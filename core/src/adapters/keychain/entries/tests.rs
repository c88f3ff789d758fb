//! The entries over a model of `SecItem`: with the statuses, prompts and deletions of Apple's own (`SecItem.m`,
//! `SecItemDb.c` of Security 61901).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::*;
use crate::adapters::contract;
use crate::ports::{SecureStore, StoredValue};

/// The keychains of one machine.
#[derive(Default)]
struct Machine(Mutex<Contents>);

struct Contents {
    items: BTreeMap<(Place, String, String), Stored>,
    is_unlocked: bool,
    is_entitled: bool,
    /// How often the user was asked.
    prompts: usize,
    /// What `LocalAuthentication` says of the next attempts.
    authentication: Result<(), LocalAuthenticationError>,
    /// What each change says, to fail once.
    next_change: Option<Status>,
}

struct Stored {
    value: Vec<u8>,
    comment: String,
    protection: Protection,
}

#[derive(Debug, Clone, Copy)]
enum LocalAuthenticationError {
    UserCancel,
    NotInteractive,
    SystemCancel,
    UserFallback,
    BiometryLockout,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            is_unlocked: true,
            is_entitled: true,
            prompts: 0,
            authentication: Ok(()),
            next_change: None,
        }
    }
}

impl Machine {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    /// Another face is enrolled: the items of the old ones are gone, not unreadable.
    fn enroll(&self) {
        self.contents().items.retain(|_, item| item.protection != Protection::CurrentBiometry);
    }

    fn prompts(&self) -> usize {
        self.contents().prompts
    }

    fn protected(&self) -> Vec<String> {
        let contents = self.contents();
        let protected = contents.items.iter().filter(|(_, item)| item.protection != Protection::AfterFirstUnlock);
        protected.map(|((_, _, account), _)| account.clone()).collect()
    }
}

impl Contents {
    /// What every call begins with.
    fn admit(&self, place: Place) -> Result<(), Status> {
        if place == Place::DataProtection && !self.is_entitled {
            return Err(Status::MISSING_ENTITLEMENT);
        }
        if self.is_unlocked { Ok(()) } else { Err(Status::INTERACTION_NOT_ALLOWED) }
    }

    fn change(&mut self, place: Place) -> Result<(), Status> {
        self.admit(place)?;
        self.next_change.take().map_or(Ok(()), Err)
    }
}

fn key(item: &Item<'_>) -> (Place, String, String) {
    (item.place, item.service.to_owned(), item.account.to_owned())
}

/// The system's calls; `MAC` has a login keychain.
struct Calls<const MAC: bool>(Arc<Machine>);

impl<const MAC: bool> Items for Calls<MAC> {
    const HAS_LOGIN_KEYCHAIN: bool = MAC;

    fn read(&self, item: &Item<'_>) -> Result<Zeroizing<Vec<u8>>, Status> {
        let mut contents = self.0.contents();
        contents.admit(item.place)?;
        let stored = contents.items.get(&key(item)).ok_or(Status::ITEM_NOT_FOUND)?;
        let value = Zeroizing::new(stored.value.clone());
        if stored.protection != Protection::AfterFirstUnlock {
            contents.prompts += 1;
            // `osstatus_for_localauthentication_error`: three have a status of their own.
            contents.authentication.map_err(|error| match error {
                LocalAuthenticationError::UserCancel => Status::USER_CANCELED,
                LocalAuthenticationError::NotInteractive => Status::INTERACTION_NOT_ALLOWED,
                LocalAuthenticationError::SystemCancel
                | LocalAuthenticationError::UserFallback
                | LocalAuthenticationError::BiometryLockout => Status::AUTHENTICATION_FAILED,
            })?;
        }
        Ok(value)
    }

    fn comment(&self, item: &Item<'_>) -> Result<String, Status> {
        let contents = self.0.contents();
        contents.admit(item.place)?;
        contents.items.get(&key(item)).map(|stored| stored.comment.clone()).ok_or(Status::ITEM_NOT_FOUND)
    }

    fn add(&self, item: &Item<'_>, value: &[u8], comment: &str, protection: Protection) -> Result<(), Status> {
        let mut contents = self.0.contents();
        contents.change(item.place)?;
        if item.place == Place::Login && protection != Protection::AfterFirstUnlock {
            return Err(Status::PARAMETER);
        }
        if contents.items.contains_key(&key(item)) {
            return Err(Status::DUPLICATE_ITEM);
        }
        contents.items.insert(key(item), Stored { value: value.to_vec(), comment: comment.to_owned(), protection });
        Ok(())
    }

    fn update(&self, item: &Item<'_>, value: &[u8], comment: &str) -> Result<(), Status> {
        let mut contents = self.0.contents();
        contents.change(item.place)?;
        let stored = contents.items.get_mut(&key(item)).ok_or(Status::ITEM_NOT_FOUND)?;
        (stored.value, stored.comment) = (value.to_vec(), comment.to_owned());
        Ok(())
    }

    fn remove(&self, item: &Item<'_>) -> Result<(), Status> {
        let mut contents = self.0.contents();
        contents.change(item.place)?;
        contents.items.remove(&key(item)).map(drop).ok_or(Status::ITEM_NOT_FOUND)
    }

    fn accounts(&self, place: Place, service: &str) -> Result<Vec<String>, Status> {
        let contents = self.0.contents();
        contents.admit(place)?;
        let all = contents
            .items
            .keys()
            .filter(|(item_place, item_service, _)| (*item_place, item_service.as_str()) == (place, service));
        Ok(all.map(|(_, _, account)| account.clone()).collect())
    }
}

/// A store of one process over the machine.
struct Process<const MAC: bool> {
    machine: Arc<Machine>,
    options: Options,
    now: Mutex<Duration>,
}

type Phone = Process<false>;
type Mac = Process<true>;

impl<const MAC: bool> Process<MAC> {
    fn on(machine: &Arc<Machine>, options: Options) -> Self {
        Self { machine: Arc::clone(machine), options, now: Mutex::default() }
    }

    fn with<T>(&self, call: impl FnOnce(&Entries<'_, Calls<MAC>>) -> T) -> T {
        let now = *self.now.lock().unwrap();
        call(&Entries { items: Calls(Arc::clone(&self.machine)), options: &self.options, now })
    }

    fn read(&self, name: &EntryName) -> Result<Option<String>, StoreError> {
        Ok(self.with(|entries| entries.load(name))?.map(|value| String::from_utf8(value.to_vec()).unwrap()))
    }

    fn write(&self, name: &EntryName, value: &str) -> Result<(), StoreError> {
        self.with(|entries| entries.save(name, value.as_bytes()))
    }

    fn sleep(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }
}

#[async_trait]
impl<const MAC: bool> SecureStore for Process<MAC> {
    fn identity(&self) -> String {
        "model".to_owned()
    }

    async fn load(&self, name: &EntryName) -> Result<Option<StoredValue>, StoreError> {
        Ok(self.read(name)?.map(StoredValue::new))
    }

    async fn save(&self, name: &EntryName, value: &StoredValue) -> Result<(), StoreError> {
        self.write(name, value.expose())
    }

    async fn delete(&self, name: &EntryName) -> Result<(), StoreError> {
        self.with(|entries| entries.delete(name))
    }

    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is of one lifetime, not of each")]
    async fn list(&self) -> Result<Vec<EntryName>, StoreError> {
        self.with(|entries| entries.list())
    }
}

fn plain() -> Options {
    Options::new("com.example.app")
}

fn protected(protection: Protection) -> Options {
    Options { protection, ..plain() }
}

fn name(name: &str) -> EntryName {
    EntryName::parse(name).unwrap()
}

fn session() -> EntryName {
    name("session.0123456789abcdef.default")
}

const ALL: [Protection; 4] =
    [Protection::AfterFirstUnlock, Protection::UserPresence, Protection::Biometry, Protection::CurrentBiometry];

#[tokio::test]
async fn entries_keep_the_contract_of_a_store_whatever_their_protection() {
    for protection in ALL {
        let machine = Arc::<Machine>::default();
        contract::secure_store(async || Phone::on(&machine, protected(protection))).await;
        assert!(machine.contents().items.is_empty(), "markers are left");
    }
}

#[tokio::test]
async fn a_mac_without_the_entitlement_keeps_the_contract_in_its_login_keychain() {
    let machine = Arc::<Machine>::default();
    Machine::contents(&machine).is_entitled = false;
    contract::secure_store(async || Mac::on(&machine, plain())).await;
}

#[test]
fn a_user_who_is_interrupted_or_not_recognised_is_not_signed_out() {
    use LocalAuthenticationError::{BiometryLockout, NotInteractive, SystemCancel, UserCancel, UserFallback};
    for protection in [Protection::UserPresence, Protection::Biometry, Protection::CurrentBiometry] {
        let machine = Arc::<Machine>::default();
        Phone::on(&machine, protected(protection)).write(&session(), "record").unwrap();
        for error in [UserCancel, NotInteractive, SystemCancel, UserFallback, BiometryLockout] {
            machine.contents().authentication = Err(error);
            let launched = Phone::on(&machine, protected(protection));
            assert_eq!(launched.read(&session()), Err(StoreError::Locked), "{protection:?} {error:?}");
        }
        machine.contents().authentication = Ok(());
        assert_eq!(Phone::on(&machine, protected(protection)).read(&session()), Ok(Some("record".to_owned())));
    }
}

#[test]
fn an_item_whose_key_is_lost_is_told_from_one_that_was_never_there() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, protected(Protection::CurrentBiometry));
    assert_eq!(app.read(&session()), Ok(None));
    app.write(&session(), "record").unwrap();
    machine.enroll();
    for _ in 0..2 {
        // Nothing is deleted by a read, so the second says the same.
        assert_eq!(
            Phone::on(&machine, protected(Protection::CurrentBiometry)).read(&session()),
            Err(StoreError::Invalidated)
        );
    }
    assert_eq!(app.read(&session()), Err(StoreError::Invalidated), "what is in memory does not outlive its item");
    app.write(&session(), "of the next login").unwrap();
    assert_eq!(app.read(&session()), Ok(Some("of the next login".to_owned())));
}

#[test]
fn a_deleted_entry_is_absent_and_not_lost() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, protected(Protection::Biometry));
    app.write(&session(), "record").unwrap();
    app.with(|entries| entries.delete(&session())).unwrap();
    assert_eq!(app.read(&session()), Ok(None));
    assert!(machine.contents().items.is_empty());
}

#[test]
fn a_crash_between_item_and_marker_never_makes_a_lost_key() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, protected(Protection::Biometry));
    app.write(&session(), "record").unwrap();
    // A deletion that got as far as the marker, and a save that got as far as the item.
    machine.contents().items.retain(|(_, service, _), _| !service.ends_with(".markers"));
    assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
    app.write(&session(), "next").unwrap();
    machine.contents().items.retain(|(_, service, _), _| service.ends_with(".markers"));
    assert_eq!(app.read(&session()), Err(StoreError::Invalidated), "the next save has written it");
}

#[test]
fn an_app_that_stops_asking_for_biometry_takes_the_marker_away() {
    let machine = Arc::<Machine>::default();
    Phone::on(&machine, protected(Protection::Biometry)).write(&session(), "record").unwrap();
    let app = Phone::on(&machine, plain());
    app.write(&session(), "plain").unwrap();
    assert!(machine.protected().is_empty());
    assert_eq!(machine.contents().items.len(), 1);
    assert_eq!(app.read(&session()), Ok(Some("plain".to_owned())));
}

#[test]
fn a_launch_with_its_first_token_and_a_renewal_costs_one_prompt() {
    let machine = Arc::<Machine>::default();
    Phone::on(&machine, protected(Protection::Biometry)).write(&session(), "record").unwrap();
    let launched = Phone::on(&machine, protected(Protection::Biometry));
    for read in 0..5 {
        assert_eq!(launched.read(&session()), Ok(Some("record".to_owned())), "{read}");
    }
    // A renewal: the intent is written, then read again, then its outcome is written.
    for value in ["intent", "renewed"] {
        launched.write(&session(), value).unwrap();
        assert_eq!(launched.read(&session()), Ok(Some(value.to_owned())));
    }
    assert_eq!(machine.prompts(), 1);
}

#[test]
fn a_login_costs_no_prompt() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, protected(Protection::CurrentBiometry));
    let login = name("login.0123456789abcdef.default");
    assert_eq!(app.read(&session()), Ok(None));
    app.write(&login, "pending").unwrap();
    assert_eq!(app.read(&login), Ok(Some("pending".to_owned())));
    app.write(&name("provider.0123456789abcdef.metadata"), "metadata").unwrap();
    app.write(&session(), "record").unwrap();
    assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
    assert_eq!(machine.prompts(), 0);
    assert_eq!(machine.protected(), [session().to_string()], "the record alone is protected");
}

#[test]
fn what_another_process_has_saved_is_asked_for_again() {
    let machine = Arc::<Machine>::default();
    let (app, extension) =
        (Phone::on(&machine, protected(Protection::Biometry)), Phone::on(&machine, protected(Protection::Biometry)));
    app.write(&session(), "first").unwrap();
    assert_eq!(extension.read(&session()), Ok(Some("first".to_owned())));
    extension.write(&session(), "second").unwrap();
    assert_eq!(app.read(&session()), Ok(Some("second".to_owned())));
    assert_eq!(machine.prompts(), 2, "one a process");
}

#[test]
fn the_policy_says_for_how_long_one_prompt_lasts() {
    let five_minutes = Duration::from_secs(300);
    for (unlock, expected) in [(Unlock::EachRead, 3), (Unlock::For(five_minutes), 2), (Unlock::OncePerProcess, 1)] {
        let machine = Arc::<Machine>::default();
        let options = Options { unlock, ..protected(Protection::Biometry) };
        Phone::on(&machine, options.clone()).write(&session(), "record").unwrap();
        let app = Phone::on(&machine, Options { unlocked: Default::default(), ..options });
        for wait in [Duration::ZERO, five_minutes, Duration::from_secs(1)] {
            app.sleep(wait);
            assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
        }
        assert_eq!(machine.prompts(), expected, "{unlock:?}");
    }
}

#[test]
fn a_save_prolongs_no_unlock() {
    let machine = Arc::<Machine>::default();
    let minute = Duration::from_secs(60);
    let options = Options { unlock: Unlock::For(minute), ..protected(Protection::Biometry) };
    Phone::on(&machine, options.clone()).write(&session(), "record").unwrap();
    let app = Phone::on(&machine, Options { unlocked: Default::default(), ..options });
    app.read(&session()).unwrap();
    app.sleep(minute);
    app.write(&session(), "renewed").unwrap();
    app.sleep(Duration::from_secs(1));
    app.read(&session()).unwrap();
    assert_eq!(machine.prompts(), 2);
}

#[test]
fn an_item_of_an_older_version_is_read_and_gets_its_revision_with_the_next_save() {
    let machine = Arc::<Machine>::default();
    let stored =
        Stored { value: b"old".to_vec(), comment: "hallpass: biometry".to_owned(), protection: Protection::Biometry };
    let place = (Place::DataProtection, "com.example.app".to_owned(), session().to_string());
    machine.contents().items.insert(place, stored);
    let app = Phone::on(&machine, protected(Protection::Biometry));
    assert_eq!(app.read(&session()), Ok(Some("old".to_owned())));
    app.write(&session(), "new").unwrap();
    assert_eq!(app.read(&session()), Ok(Some("new".to_owned())));
    assert_eq!(machine.prompts(), 1);
}

#[test]
fn a_phone_without_the_entitlement_is_told_so_and_a_mac_too_where_it_asks_for_more() {
    let machine = Arc::<Machine>::default();
    Machine::contents(&machine).is_entitled = false;
    let group = Options { access_group: Some("A1.group".to_owned()), ..plain() };
    let refused = StoreError::from(Status::MISSING_ENTITLEMENT);
    assert_eq!(Phone::on(&machine, plain()).write(&session(), "record"), Err(refused));
    assert_eq!(Mac::on(&machine, group).write(&session(), "record"), Err(refused));
    assert_eq!(Mac::on(&machine, protected(Protection::UserPresence)).write(&session(), "record"), Err(refused));
    assert!(machine.contents().items.is_empty());
}

#[test]
fn a_mac_whose_keychain_has_answered_never_looks_into_the_other_one() {
    let machine = Arc::<Machine>::default();
    let app = Mac::on(&machine, plain());
    app.write(&session(), "record").unwrap();
    machine.contents().is_entitled = false;
    assert!(matches!(app.read(&session()), Err(StoreError::Failed(_))), "absent would read as signed out");
    machine.contents().is_entitled = true;
    assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
}

#[test]
fn a_locked_device_is_locked_and_nothing_is_lost() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, protected(Protection::CurrentBiometry));
    app.write(&session(), "record").unwrap();
    machine.contents().is_unlocked = false;
    for outcome in
        [app.read(&session()).map(drop), app.write(&session(), "x"), app.with(|entries| entries.delete(&session()))]
    {
        assert_eq!(outcome, Err(StoreError::Locked));
    }
    machine.contents().is_unlocked = true;
    assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
}

#[test]
fn a_save_that_meets_another_process_begins_anew_and_one_that_fails_tells_the_status() {
    let machine = Arc::<Machine>::default();
    let app = Phone::on(&machine, plain());
    for passing in [Status::DUPLICATE_ITEM, Status::PARAMETER, Status::ITEM_NOT_FOUND] {
        machine.contents().next_change = Some(passing);
        assert_eq!(app.write(&session(), "record"), Ok(()), "{passing:?}");
    }
    machine.contents().next_change = Some(Status(-34));
    assert_eq!(app.write(&session(), "next"), Err(StoreError::Failed("the disk is full (OSStatus -34)")));
    assert_eq!(app.read(&session()), Ok(Some("record".to_owned())));
}
