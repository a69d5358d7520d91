//! Iceberg tables: where they may lie, and how what two branches did to one is merged.

use catalog::diff::{Limits, diff};
use catalog::draft::AlterTable;
use catalog::layout::{LAYOUT, is_bound_to_ref};
use catalog::merge::ConflictKind;
use catalog::model::{Database, Location};
use catalog::{Error, Place};
use versioning::merge::MergeOutcome;

use super::fixture::{Lake, database, lake, refused, table, write};
use super::history::metadata::{change, commit, iceberg};
use super::history::{History, at};

fn shared(name: &str) -> Database {
    Database {
        parameters: Some([(LAYOUT.to_owned(), "shared".to_owned())].into()),
        ..database(name)
    }
}

async fn with_shared() -> Lake {
    let lake = lake().await;
    write!(lake, |draft| draft.create_database(shared("ice")).await?).unwrap();
    lake
}

#[tokio::test]
async fn a_shared_database_has_a_place_that_no_other_has() {
    let lake = with_shared().await;
    write!(lake, |draft| {
        draft.create_database(database("plain")).await?;
        draft.create_table("plain", table("t", "id int", "")).await?;
    })
    .unwrap();
    let first = lake.main().await.database("ice").await.unwrap();
    let Place::Shared(path) = first.place() else {
        panic!("{first:?}");
    };
    assert_eq!(path, format!("{}/ice.db", first.id));
    write!(lake, |draft| {
        draft.drop_database("ice", true, true).await?;
        draft.create_database(shared("ice")).await?;
        let mut plain = draft.database("plain").await?;
        plain.parameters = shared("plain").parameters;
        draft.alter_database("plain", plain).await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_ne!(main.database("ice").await.unwrap().place(), first.place());
    assert!(matches!(
        main.database("plain").await.unwrap().place(),
        Place::Shared(_)
    ));
    let before = main.table("plain", "t").await.unwrap();
    assert_eq!(
        before.place(),
        Some(Place::Path("plain.db/t".into())),
        "it stays where it was"
    );
}

#[tokio::test]
async fn a_shared_database_leaves_when_it_says_so() {
    let lake = with_shared().await;
    let move_to = async |layout: &str| {
        write!(lake, |draft| {
            let mut ice = draft.database("ice").await?;
            ice.location = Location::Rel("ice.db".into());
            ice.parameters = Some([(LAYOUT.to_owned(), layout.to_owned())].into());
            draft.alter_database("ice", ice).await?
        })
    };
    refused!(move_to("shared").await, Error::NotAllowed { .. });
    move_to("ref").await.unwrap();
    let moved = lake.main().await.database("ice").await.unwrap();
    assert_eq!(moved.place(), Place::Path("ice.db".into()));
}

#[tokio::test]
async fn only_iceberg_tables_and_views_are_made_there() {
    let lake = with_shared().await;
    let refused = write!(lake, |draft| draft
        .create_table("ice", table("h", "id int", ""))
        .await?);
    match refused {
        Err(Error::NotAllowed { reason, .. }) => assert!(reason.contains("skep.layout"), "{reason}"),
        other => panic!("{other:?}"),
    }
    write!(lake, |draft| {
        let pointer = Location::Shared("x/t/metadata/1.json".into());
        draft.create_table("ice", iceberg("t", pointer)).await?;
        let mut placed = table("h", "id int", "");
        placed.storage.as_mut().unwrap().location = Some(Location::Rel("h".into()));
        draft.create_table("ice", placed).await?;
    })
    .unwrap();
    refused!(
        write!(lake, |draft| {
            let mut hive = draft.table("ice", "t").await?.table;
            hive.locations.clear();
            hive.parameters = None;
            draft
                .alter_table("ice", "t", hive, &AlterTable::default())
                .await?
        }),
        Error::NotAllowed { .. }
    );
}

#[tokio::test]
async fn a_table_there_stays_where_it_is_under_another_name() {
    let lake = with_shared().await;
    write!(lake, |draft| {
        let pointer = Location::Shared("x/1.json".into());
        draft.create_table("ice", iceberg("t", pointer)).await?;
        draft.rename_table("ice", "t", "ice", "u").await?;
    })
    .unwrap();
    let main = lake.main().await;
    let (database, moved) = (
        main.database("ice").await.unwrap(),
        main.table("ice", "u").await.unwrap(),
    );
    assert_eq!(moved.place(), Some(database.place().child("t")));
}

#[tokio::test]
async fn a_table_bound_to_its_ref_is_told_and_not_merged() {
    let history = History::new("").await;
    history.branch("etl").await;
    change(
        &history,
        "etl",
        None,
        Location::Rel("sales.db/t/metadata/1.json".into()),
    )
    .await;
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

async fn pointer(history: &History, branch: &str) -> (Option<String>, Location) {
    let found = history.catalog.snapshot(&at(branch)).await.unwrap();
    let table = found.table("sales", "t").await.unwrap().table;
    (table.owner, table.locations["metadata_location"].clone())
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
        match history.merge("etl", "main").await {
            MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {}
            other => panic!("{other:?}"),
        }
        let there = Location::Shared(format!("t/{expected}.json"));
        assert_eq!(
            pointer(&history, "main").await,
            (Some(format!("by-{expected}")), there)
        );
    }
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
        pointer(&history, "main").await.1,
        Location::Shared("t/2.json".into())
    );
}
