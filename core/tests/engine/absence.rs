//! Rule 11: a record that is not there is no message, and one that cannot be read now is tried again.

use hallpass_core::ports::StoreError;
use hallpass_core::{Error, LoginReason, State, StorageProblem};

use crate::support::store::Operation;
use crate::support::{Device, live, login_required, settle, signed_out_reason, still_works, within};

const PROBLEMS: [(StoreError, StorageProblem); 2] = [
    (StoreError::Locked, StorageProblem::Locked),
    (StoreError::Failed("the service does not run"), StorageProblem::Failed("the service does not run")),
];

fn problem(state: &State) -> Option<StorageProblem> {
    if let State::Restoring { problem } = state { *problem } else { None }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_record_that_is_out_of_sight_signs_nobody_out() {
    let device = Device::signed_in().await;
    device.store.hide("session");
    assert!(matches!(within(device.session().reload()).await.unwrap(), State::SignedIn { .. }));
    device.access_token().await.unwrap();
    assert_eq!(device.store.count(Operation::Save, "session"), 0, "nothing is written merely because of that");
    device.renew().await.unwrap();
    device.expire();
    device.access_token().await.unwrap();
    assert!(matches!(device.session().state(), State::SignedIn { .. }));
    // The old record is there again; what was renewed meanwhile counts.
    device.store.show();
    device.renew().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_record_that_is_out_of_sight_for_good_is_written_by_the_next_renewal() {
    let mut device = Device::signed_in().await;
    device.store.hide("session");
    device.renew().await.unwrap();
    device.restart();
    assert!(matches!(device.state().await, State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_process_that_starts_while_the_record_is_out_of_sight_finds_it_later() {
    for by_reload in [false, true] {
        let mut device = Device::signed_in().await;
        device.store.hide("session");
        device.restart();
        assert!(matches!(device.state().await, State::SignedOut { reason: LoginReason::NotSignedIn }));
        assert_eq!(device.access_token().await.unwrap_err(), login_required(LoginReason::NotSignedIn));
        assert!(device.store.text("session").is_none(), "nothing is written over what is not seen");
        device.store.show();
        if by_reload {
            assert!(matches!(within(device.session().reload()).await.unwrap(), State::SignedIn { .. }));
        }
        device.access_token().await.unwrap();
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_an_absence_during_a_renewal_in_flight_loses_nothing() {
    use crate::support::server::Fault;

    let device = Device::signed_in().await;
    device.server.fail([Fault::AnswerHeld]);
    let renewal = device.renewal_in_flight().await;
    device.store.hide("session");
    device.server.release();
    within(renewal).await.unwrap().unwrap();
    device.store.show();
    device.renew().await.unwrap();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_first_read_that_fails_is_told_with_its_problem_and_tried_by_the_next_verb() {
    for (error, told) in PROBLEMS {
        let mut device = Device::signed_in().await;
        device.store.break_with(error);
        device.restart();
        settle().await;
        assert_eq!(problem(&device.session().state()), Some(told));
        assert_eq!(device.user(), None);
        assert_eq!(device.witness.notes().state.as_ref().and_then(problem), Some(told), "the observer knows");
        assert_eq!(device.access_token().await.unwrap_err(), Error::Storage { problem: told });

        device.store.repair();
        device.access_token().await.unwrap();
        assert!(matches!(device.session().state(), State::SignedIn { .. }));
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_first_read_that_fails_once_is_tried_by_a_reload() {
    for (error, told) in PROBLEMS {
        let mut device = Device::signed_in().await;
        device.store.fail_next_of("session", Operation::Load, error);
        device.restart();
        settle().await;
        assert_eq!(problem(&device.session().state()), Some(told));
        let state = within(device.session().reload()).await.unwrap();
        assert!(matches!(state, State::SignedIn { .. }));
        assert_eq!(device.user().as_deref(), Some("ada"));
        assert!(device.witness.notes().latest.is_some(), "the credentials are published with it");
        assert_eq!(device.server.count("token"), 0, "nothing is sent");
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_reload_that_fails_says_why_and_keeps_the_state() {
    for (error, told) in PROBLEMS {
        let mut device = Device::signed_in().await;
        device.store.break_with(error);
        assert_eq!(within(device.session().reload()).await.unwrap_err(), Error::Storage { problem: told });
        assert!(matches!(device.session().state(), State::SignedIn { .. }), "what was read once stays known");
        device.access_token().await.unwrap();
        device.restart();
        assert_eq!(within(device.session().reload()).await.unwrap_err(), Error::Storage { problem: told });
        assert_eq!(problem(&device.session().state()), Some(told));
        device.store.repair();
        within(device.session().reload()).await.unwrap();
        still_works(&device).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_problem_that_changes_is_told_as_the_latest() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Locked);
    device.restart();
    settle().await;
    device.store.break_with(StoreError::Failed("the service does not run"));
    within(device.session().reload()).await.unwrap_err();
    assert_eq!(problem(&device.session().state()), Some(StorageProblem::Failed("the service does not run")));
    device.store.repair();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_no_timer_reads_a_store_that_could_not_be_read() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Locked);
    device.restart();
    settle().await;
    device.store.forget_counts();
    live(24 * 3_600).await;
    assert_eq!(device.store.operations(), 0);
    assert_eq!(problem(&device.session().state()), Some(StorageProblem::Locked));
    device.store.repair();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_session_that_was_not_read_at_start_finishes_a_renewal_that_was_interrupted() {
    use crate::support::server::Fault;

    let mut device = Device::signed_in().await;
    device.server.change(|server| server.reuse_interval = std::time::Duration::from_secs(60));
    device.server.fail([Fault::AnswerHeld]);
    let renewal = device.renewal_in_flight().await;
    device.store.break_with(StoreError::Locked);
    device.restart();
    renewal.abort();
    settle().await;
    device.store.repair();
    device.renew().await.unwrap();
    assert_eq!(device.user().as_deref(), Some("ada"));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_store_that_is_invalidated_is_read_again_by_a_reload() {
    let mut device = Device::signed_in().await;
    device.store.break_with(StoreError::Invalidated);
    device.restart();
    assert_eq!(signed_out_reason(&device.state().await), Some(LoginReason::StorageInvalidated));
    assert_eq!(device.store.count(Operation::Delete, ""), 0, "nothing is deleted on a read");
    device.store.repair();
    assert!(matches!(within(device.session().reload()).await.unwrap(), State::SignedIn { .. }));
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_nothing_is_deleted_on_a_read_of_any_kind() {
    for damage in ["", "damaged", "2.newer", "1.00000000000000000000000000000000.{}"] {
        let mut device = Device::signed_in().await;
        device.store.tamper("session", |text| damage.clone_into(text));
        device.restart();
        let _ = within(device.session().restored()).await;
        let _ = device.access_token().await;
        let _ = within(device.session().reload()).await;
        assert_eq!(device.store.text("session").as_deref(), Some(damage));
        assert_eq!(device.store.count(Operation::Delete, "") + device.store.count(Operation::Save, ""), 0, "{damage}");
    }
}
