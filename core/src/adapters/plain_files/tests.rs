use super::*;

fn name(name: &str) -> EntryName {
    EntryName::parse(name).unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn store() -> (tempfile::TempDir, DangerPlainFiles) {
    let parent = tempfile::tempdir().unwrap();
    let store = DangerPlainFiles::open(parent.path().join("store")).unwrap();
    (parent, store)
}

#[tokio::test]
async fn a_saved_value_is_one_file_and_nothing_else_is_left() {
    let (_parent, store) = store();
    store.save(&name("entry"), &StoredValue::new("first")).await.unwrap();
    store.save(&name("entry"), &StoredValue::new("second")).await.unwrap();
    assert_eq!(files(&store.directory), ["entry"]);
    assert_eq!(fs::read_to_string(store.directory.join("entry")).unwrap(), "second");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_directory_and_its_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_parent, store) = store();
    store.save(&name("entry"), &StoredValue::new("value")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.directory), 0o700);
    assert_eq!(mode(&store.directory.join("entry")), 0o600);
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    for (mode, accepted) in [(0o700, true), (0o755, true), (0o775, false), (0o757, false), (0o1777, false)] {
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(DangerPlainFiles::open(parent.path()).is_ok(), accepted, "{mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_of_another_user_is_refused() {
    // The root directory is root's; and root may open what it likes.
    let expected = if rustix::process::geteuid().is_root() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(directory.path(), Some(12_345), None).unwrap();
        DangerPlainFiles::open(directory.path())
    } else {
        DangerPlainFiles::open("/")
    };
    assert_eq!(expected.unwrap_err(), StoreError::Failed("the directory belongs to another user"));
}

#[tokio::test]
async fn a_directory_reached_by_two_paths_is_one_store() {
    let (parent, store) = store();
    let roundabout = DangerPlainFiles::open(parent.path().join("store/../store/.")).unwrap();
    assert_eq!(store.identity(), roundabout.identity());
    store.save(&name("entry"), &StoredValue::new("value")).await.unwrap();
    assert_eq!(roundabout.load(&name("entry")).await.unwrap().unwrap().expose(), "value");
}

#[tokio::test]
async fn an_entry_that_is_not_utf_8_is_damaged_text_that_stays_and_can_be_replaced() {
    let (_parent, store) = store();
    fs::write(store.directory.join("entry"), b"1.\xff\xfe").unwrap();
    assert_eq!(store.load(&name("entry")).await.unwrap().unwrap().expose(), "1.\u{fffd}\u{fffd}");
    assert_eq!(fs::read(store.directory.join("entry")).unwrap(), b"1.\xff\xfe");
    store.save(&name("entry"), &StoredValue::new("value")).await.unwrap();
    assert_eq!(store.load(&name("entry")).await.unwrap().unwrap().expose(), "value");
}

#[tokio::test]
async fn an_entry_of_the_largest_size_is_kept_and_a_larger_one_fails() {
    let (_parent, store) = store();
    let largest = StoredValue::new("x".repeat(MAX_VALUE));
    store.save(&name("entry"), &largest).await.unwrap();
    assert_eq!(store.load(&name("entry")).await.unwrap().unwrap().expose(), largest.expose());

    let larger = StoredValue::new("y".repeat(MAX_VALUE + 1));
    let error = store.save(&name("entry"), &larger).await.unwrap_err();
    assert_eq!(error, StoreError::Failed("the entry would be larger than 1 MiB"));
    assert_eq!(store.load(&name("entry")).await.unwrap().unwrap().expose(), largest.expose());

    fs::write(store.directory.join("entry"), larger.expose()).unwrap();
    let error = store.load(&name("entry")).await.unwrap_err();
    assert_eq!(error, StoreError::Failed("the entry is larger than 1 MiB"));
}

#[cfg(unix)]
#[tokio::test]
async fn an_entry_that_is_a_pipe_fails_at_once() {
    let (_parent, store) = store();
    let pipe = store.directory.join("entry");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let load = tokio::time::timeout(Duration::from_secs(5), store.load(&name("entry"))).await;
    assert_eq!(load.expect("it waited for the pipe").unwrap_err(), StoreError::Failed("the entry is not a file"));
}

#[tokio::test]
async fn a_directory_that_vanished_fails_and_is_not_taken_for_empty() {
    let (_parent, store) = store();
    fs::remove_dir(&store.directory).unwrap();
    let gone = StoreError::Failed("the directory does not exist");
    assert_eq!(store.save(&name("entry"), &StoredValue::new("value")).await.unwrap_err(), gone);
    assert_eq!(store.load(&name("entry")).await.unwrap_err(), gone);
    assert_eq!(store.delete(&name("entry")).await.unwrap_err(), gone);
    assert_eq!(store.list().await.unwrap_err(), gone);
}

#[test]
fn a_store_opened_on_a_file_or_below_nothing_fails() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(DangerPlainFiles::open(&file).unwrap_err(), StoreError::Failed("the directory is a file"));
    let below = DangerPlainFiles::open(parent.path().join("absent/store")).unwrap_err();
    assert_eq!(below, StoreError::Failed("the directory does not exist"));
}

#[tokio::test]
async fn a_save_that_cannot_be_finished_leaves_no_temporary_file() {
    let (_parent, store) = store();
    fs::create_dir(store.directory.join("entry")).unwrap();
    fs::write(store.directory.join("entry/inside"), "").unwrap();
    assert!(store.save(&name("entry"), &StoredValue::new("value")).await.is_err());
    assert_eq!(files(&store.directory), ["entry"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_as_such() {
    let error = fs::OpenOptions::new().write(true).open("/dev/full").unwrap().write_all(b"value").unwrap_err();
    assert_eq!(failure(&error), StoreError::Failed("the disk is full"));
}

#[test]
fn a_store_opened_after_a_crash_removes_old_temporary_files_and_no_other() {
    let parent = tempfile::tempdir().unwrap();
    for (file, age) in [(".entry.1-0.tmp", 90), (".entry.2-0.tmp", 5), (".entry.lock", 90), ("entry.tmp", 90)] {
        let file = fs::File::create(parent.path().join(file)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    DangerPlainFiles::open(parent.path()).unwrap();
    assert_eq!(files(parent.path()), [".entry.2-0.tmp", ".entry.lock", "entry.tmp"]);
}
