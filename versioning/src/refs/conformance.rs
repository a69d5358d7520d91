//! What every ref store has to do, as one suite that each backend's tests call.

mod events;
mod fixture;
mod names;
mod races;
mod random;
mod records;
mod swaps;

use std::sync::Arc;

pub(super) use self::fixture::{Fixture, branch};
pub(super) use self::random::{equal_answers, histories};
use super::{EventRun, RefStore};

/// Holds a ref store to its contract. `make` returns an empty store each time.
///
/// # Panics
/// Where the store breaks the contract.
pub(super) async fn conformance(make: impl AsyncFn() -> Arc<dyn RefStore>) {
    names::repositories(make().await).await;
    names::branches(&Fixture::new(make().await).await).await;
    names::names_are_shared(&Fixture::new(make().await).await).await;
    names::a_recreated_branch_is_another(&Fixture::new(make().await).await).await;
    names::rules_are_compared(&Fixture::new(make().await).await).await;
    names::rules_of_repositories(&Fixture::new(make().await).await).await;
    names::a_read_only_repository(&Fixture::new(make().await).await).await;
    swaps::the_life_of_a_branch(&Fixture::new(make().await).await).await;
    swaps::places_are_kept(&Fixture::new(make().await).await).await;
    swaps::writes_are_remembered(&Fixture::new(make().await).await).await;
    swaps::every_way_to_lose(&make).await;
    swaps::a_discarded_state_stays_discarded(&Fixture::new(make().await).await).await;
    swaps::breaches_change_nothing(&Fixture::new(make().await).await).await;
    swaps::epochs_fence_late_work(&Fixture::new(make().await).await).await;
    records::commits_by_generation(&Fixture::new(make().await).await).await;
    records::ancestry(&Fixture::new(make().await).await).await;
    records::commit_index(&Fixture::new(make().await).await).await;
    records::ref_log(&Fixture::new(make().await).await).await;
    records::small_records(&Fixture::new(make().await).await).await;
    records_and_events(&make).await;
    races::appends(&Fixture::new(make().await).await).await;
    races::head_moves(&Fixture::new(make().await).await).await;
    races::creations(&Fixture::new(make().await).await).await;
}

async fn records_and_events(make: &impl AsyncFn() -> Arc<dyn RefStore>) {
    events::events(&Fixture::new(make().await).await).await;
    events::many_events(&Fixture::new(make().await).await).await;
    events::runs_of_events(&Fixture::new(make().await).await).await;
    events::swaps_of_small_records(&Fixture::new(make().await).await).await;
    races::swaps(&Fixture::new(make().await).await).await;
}

/// Holds a store to keeping everything. `open` opens the same store each time, after the one before was dropped.
///
/// # Panics
/// Where something is lost.
pub(super) async fn survives_reopening(open: impl AsyncFn() -> Arc<dyn RefStore>) {
    let before = {
        let fixture = Fixture::new(open().await).await;
        swaps::the_life_of_a_branch(&fixture).await;
        records::ref_log(&fixture).await;
        records::small_records(&fixture).await;
        names::rules_of_repositories(&fixture).await;
        events::swaps_of_small_records(&fixture).await;
        let main = fixture.main().await;
        let event = [EventRun::one(bytes::Bytes::from_static(b"told"))];
        let told = fixture
            .refs
            .add_events(fixture.id, &main.name, main.incarnation, 9, &event);
        told.await.unwrap();
        fixture.refs.begin_epoch_after(1).await.unwrap();
        fixture.dump().await
    };
    let after = Fixture {
        refs: open().await,
        id: fixture::REPOSITORY,
    };
    assert_eq!(after.dump().await, before);
    let main = after.main().await;
    assert_eq!(
        after.append(&main, 2).await,
        main.seq + 2,
        "the branch goes on where it stood"
    );
}
