//! What two branches did to one table.

use bytes::Bytes;
use catalog::diff::{Limits, diff};
use catalog::draft::AlterTable;
use catalog::layout::is_bound_to_ref;
use catalog::merge::{Choice, ConflictKind, Options};
use catalog::model::{Location, Table};
use catalog::{Error, Place};
use versioning::Space;
use versioning::merge::MergeOutcome;
use versioning::object::Object;

use super::iceberg;
use crate::it::history::{History, at, name};

#[tokio::test]
async fn a_table_bound_to_its_ref_is_told_and_not_merged() {
    let history = History::new("").await;
    history.branch("etl").await;
    let pointer = Location::Rel("sales.db/t/metadata/1.json".into());
    change(&history, "etl", move |table| point(table, pointer.clone())).await;
    let commit = history.commit_as_is("etl").await;
    let etl = history.catalog.snapshot(&at("etl")).await.unwrap();
    assert!(is_bound_to_ref(&etl.table("sales", "t").await.unwrap()));
    let main = history.catalog.snapshot(&at("main")).await.unwrap();
    let found = diff(main.view(), &history.view(commit).await, &Limits::default()).await;
    assert!(found.unwrap().tables[0].is_bound_to_ref);
    match history.merge("etl", "main").await {
        MergeOutcome::Conflicts(conflicts) => {
            assert_eq!(conflicts[0].kind, ConflictKind::IcebergBoundToRef);
            let text = conflicts[0].to_string();
            assert!(text.contains("skep.layout=shared"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

/// Creates `sales.t`, or alters it.
async fn change(history: &History, branch: &str, alter: impl Fn(&mut Table) + Clone + Send + Sync + 'static) {
    let planned = move |mut draft: catalog::Draft| {
        let alter = alter.clone();
        async move {
            match draft.find_table("sales", "t").await? {
                Some(open) => {
                    let mut table = open.table;
                    alter(&mut table);
                    let how = AlterTable::default();
                    draft.alter_table("sales", "t", table, &how).await?;
                }
                None => {
                    let mut table = iceberg("t", Location::Default);
                    alter(&mut table);
                    draft.create_table("sales", table).await?;
                }
            }
            Ok::<_, Error>((draft, ()))
        }
    };
    history.catalog.write(&name(branch), planned).await.unwrap();
}

fn point(table: &mut Table, to: Location) {
    table.locations.insert("metadata_location".into(), to);
}

/// Writes the metadata file `{number}.json` that names those before it, and moves the pointer of `sales.t` there.
/// As clients do, it repeats in the metastore which snapshot is the present one, and the table's properties.
pub(crate) async fn advance(history: &History, branch: &str, number: u32, before: &[u32]) {
    let log = before.iter().map(|number| {
        format!(r#"{{"timestamp-ms": 1, "metadata-file": "s3a://lake/_shared/t/{number}.json"}}"#)
    });
    let log: Vec<String> = log.collect();
    let text = format!(
        r#"{{"table-uuid": "u", "properties": {{"p": "{number}"}}, "metadata-log": [{}]}}"#,
        log.join(",")
    );
    let repository = history.catalog.repository();
    let mut upload = repository.upload().await.unwrap();
    upload.write(Bytes::from(text)).await.unwrap();
    let object = Object {
        segments: vec![upload.finish().await.unwrap().segment],
        ..Object::default()
    };
    let path = format!("t/{number}.json");
    let planned = {
        let path = path.clone();
        move |_| {
            let mut batch = versioning::Batch::default();
            batch.put(Space::Objects, path.clone(), object.encode());
            async move { Ok::<_, versioning::Error>((batch, ())) }
        }
    };
    repository.write_shared(planned).await.unwrap();
    change(history, branch, move |table| {
        table.set_parameter("current-snapshot-id", number.to_string());
        table.set_parameter("p", number.to_string());
        point(table, Location::Shared(path.clone()));
    })
    .await;
}

/// As `advance`, and commits it.
async fn commit(history: &History, branch: &str, number: u32, before: &[u32]) {
    advance(history, branch, number, before).await;
    history.commit_as_is(branch).await;
}

/// Returns where `sales.t` points, and what it says beside that.
async fn state(history: &History, branch: &str) -> (Location, String) {
    let found = history.catalog.snapshot(&at(branch)).await.unwrap();
    let table = found.table("sales", "t").await.unwrap().table;
    let said = ["current-snapshot-id", "p", "k", "l"].map(|key| table.parameter(key).unwrap_or("-"));
    let owner = table.owner.as_deref().unwrap_or("-");
    (
        table.locations["metadata_location"].clone(),
        format!("{} owner {owner}", said.join(" ")),
    )
}

async fn land(history: &History) {
    match history.merge("etl", "main").await {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_state_that_goes_on_from_the_other_is_taken_whole() {
    for (ours, theirs, expected) in [
        (&[(2, &[1][..])][..], &[(3, &[1, 2][..])][..], 3),
        (&[(3, &[1, 2])], &[(2, &[1])], 3),
        (&[(2, &[1])], &[], 2),
        (&[], &[(2, &[1])], 2),
    ] {
        let history = History::new("").await;
        commit(&history, "main", 1, &[]).await;
        history.branch("etl").await;
        for (branch, commits) in [("main", ours), ("etl", theirs)] {
            for (number, before) in commits {
                commit(&history, branch, *number, before).await;
            }
        }
        land(&history).await;
        let there = Location::Shared(format!("t/{expected}.json"));
        let said = format!("{expected} {expected} - - owner -");
        assert_eq!(state(&history, "main").await, (there, said));
    }
}

#[tokio::test]
async fn what_is_said_in_the_metastore_alone_is_merged_beside_the_state() {
    for (ours, theirs) in [
        (Some((2, &[1][..])), Some((3, &[1, 2][..]))),
        (Some((3, &[1, 2])), Some((2, &[1]))),
        (Some((3, &[1])), None),
        (None, Some((3, &[1]))),
        (None, None),
    ] {
        let history = History::new("").await;
        commit(&history, "main", 1, &[]).await;
        history.branch("etl").await;
        for (branch, commits, alter) in [
            ("main", ours, say as fn(&mut Table)),
            ("etl", theirs, give as fn(&mut Table)),
        ] {
            if let Some((number, before)) = commits {
                commit(&history, branch, number, before).await;
            }
            change(&history, branch, alter).await;
            history.commit_as_is(branch).await;
        }
        land(&history).await;
        let number = if ours.is_none() && theirs.is_none() { 1 } else { 3 };
        let there = Location::Shared(format!("t/{number}.json"));
        let said = format!("{number} {number} ours theirs owner eve");
        assert_eq!(
            state(&history, "main").await,
            (there, said),
            "{ours:?} {theirs:?}"
        );
    }
}

fn say(table: &mut Table) {
    table.set_parameter("k", "ours");
    table.owner = Some("eve".into());
}

fn give(table: &mut Table) {
    table.set_parameter("l", "theirs");
}

#[tokio::test]
async fn what_both_say_in_the_metastore_is_a_conflict_of_its_own() {
    let history = History::new("").await;
    commit(&history, "main", 1, &[]).await;
    history.branch("etl").await;
    commit(&history, "main", 2, &[1]).await;
    commit(&history, "etl", 3, &[1, 2]).await;
    change(&history, "main", |table| table.set_parameter("k", "1")).await;
    change(&history, "etl", |table| table.set_parameter("k", "2")).await;
    for branch in ["main", "etl"] {
        history.commit_as_is(branch).await;
    }
    match history.merge("etl", "main").await {
        MergeOutcome::Conflicts(conflicts) => {
            let lines: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
            assert_eq!(lines, ["sales.t: parameter k is 1 in ours, 2 in theirs"]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_table_that_is_none_of_icebergs_does_not_come_to_the_shared_namespace() {
    let history = History::new("").await;
    commit(&history, "main", 1, &[]).await;
    history.branch("etl").await;
    change(&history, "main", |table| {
        (table.parameters, table.locations) = (None, [].into());
    })
    .await;
    change(&history, "etl", |table| {
        table.storage.as_mut().unwrap().location = Some(Location::Shared("x/t".into()));
    })
    .await;
    for branch in ["main", "etl"] {
        history.commit_as_is(branch).await;
    }
    match history.merge("etl", "main").await {
        MergeOutcome::Conflicts(conflicts) => {
            let lines: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
            assert!(
                lines
                    .iter()
                    .any(|line| line.contains("no Iceberg table at sales.db/t in ours")),
                "{lines:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(!decide(&history, &Choice::Theirs, true).await);
    assert!(decide(&history, &Choice::Ours, false).await);
    let main = history.catalog.snapshot(&at("main")).await.unwrap();
    let place = main.table("sales", "t").await.unwrap().place();
    assert_eq!(place, Some(Place::Path("sales.db/t".into())));
}

#[tokio::test]
async fn states_that_went_apart_are_a_conflict_that_says_where_they_are() {
    let history = History::new("").await;
    commit(&history, "main", 1, &[]).await;
    history.branch("etl").await;
    commit(&history, "main", 2, &[1]).await;
    commit(&history, "etl", 3, &[1]).await;
    match history.merge("etl", "main").await {
        MergeOutcome::Conflicts(conflicts) => {
            assert_eq!(conflicts.len(), 1, "{conflicts:?}");
            assert_eq!(conflicts[0].kind, ConflictKind::IcebergDiverged);
            let text = conflicts[0].to_string();
            assert!(
                text.contains("_shared/t/2.json in ours") && text.contains("_shared/t/3.json in theirs"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        state(&history, "main").await.0,
        Location::Shared("t/2.json".into())
    );
}

/// Merges `etl` into `main` with all conflicts decided alike; `false` if that cannot be.
async fn decide(history: &History, choice: &Choice, force_unsafe: bool) -> bool {
    let MergeOutcome::Conflicts(conflicts) = history.merge("etl", "main").await else {
        panic!("there is nothing to decide");
    };
    let decisions = conflicts
        .into_iter()
        .map(|conflict| (conflict.id, choice.clone()));
    let options = Options {
        decisions: decisions.collect(),
        force_unsafe,
        ..Options::default()
    };
    match history.merge_with("etl", "main", options).await {
        Ok(MergeOutcome::Landed(_)) => true,
        Err(error) if error.kind() == versioning::Kind::Invalid => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_of_two_states_is_taken_by_force_and_what_was_said_beside_stays() {
    for (choice, state_of, is_forced) in [
        (Choice::Ours, 2, true),
        (Choice::Theirs, 3, true),
        (Choice::Base, 1, true),
        (Choice::Theirs, 2, false),
    ] {
        let history = History::new("").await;
        commit(&history, "main", 1, &[]).await;
        history.branch("etl").await;
        commit(&history, "main", 2, &[1]).await;
        commit(&history, "etl", 3, &[1]).await;
        change(&history, "main", |table| table.set_parameter("k", "ours")).await;
        history.commit_as_is("main").await;
        assert_eq!(decide(&history, &choice, is_forced).await, is_forced, "{choice}");
        let (at, said) = state(&history, "main").await;
        assert_eq!(at, Location::Shared(format!("t/{state_of}.json")), "{choice}");
        assert!(said.contains(" ours "), "{choice}: {said}");
    }
}

#[tokio::test]
async fn a_table_bound_to_its_ref_can_be_left_out() {
    let history = History::new("").await;
    history.branch("etl").await;
    let pointer = Location::Rel("sales.db/t/metadata/1.json".into());
    change(&history, "etl", move |table| point(table, pointer.clone())).await;
    history.commit("etl", "create sales.other (i int)").await;
    assert!(
        !decide(&history, &Choice::Theirs, true).await,
        "its files are on the ref"
    );
    assert!(decide(&history, &Choice::Ours, false).await);
    let main = history.catalog.snapshot(&at("main")).await.unwrap();
    assert!(main.find_table("sales", "t").await.unwrap().is_none());
    assert!(main.find_table("sales", "other").await.unwrap().is_some());
}
