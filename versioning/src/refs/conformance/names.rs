//! Repositories, branches and tags: making, finding, listing, removing.

use std::sync::Arc;

use super::fixture::{
    Fixture, NOWHERE, REPOSITORY, branch, commit, commit_id, commit_move, expected, name, repository,
};
use crate::merge::Policy;
use crate::refs::{Cas, CommitMode, HeadMove, Protection, RefStore, RepositoryId};
use crate::{Kind, RepositoryName};

pub(super) async fn repositories(refs: Arc<dyn RefStore>) {
    assert_eq!(refs.epoch().await.unwrap(), 1);
    assert_eq!(refs.repositories().await.unwrap(), []);
    let (lake, pond) = (
        repository("lake", REPOSITORY),
        repository("a-pond", RepositoryId([2; 16])),
    );
    refs.create_repository(&lake, &branch("main", 1), &commit(0))
        .await
        .unwrap();
    refs.create_repository(&pond, &branch("main", 2), &commit(0))
        .await
        .unwrap();
    assert_eq!(
        refs.repositories().await.unwrap(),
        [pond.clone(), lake.clone()],
        "by name"
    );
    assert_eq!(refs.repository(&lake.name).await.unwrap(), Some(lake.clone()));
    assert_eq!(
        refs.repository(&RepositoryName::parse("sea").unwrap())
            .await
            .unwrap(),
        None
    );
    assert_eq!(refs.branches(lake.id).await.unwrap(), [branch("main", 1)]);

    let again = repository("lake", RepositoryId([3; 16]));
    let taken = refs
        .create_repository(&again, &branch("main", 3), &commit(0))
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), Kind::AlreadyExists);
    assert_eq!(
        refs.branches(again.id).await.unwrap(),
        [],
        "nothing is left of a refused repository"
    );
    settings(&*refs, &lake.name).await;
    assert_eq!(refs.repository(&pond.name).await.unwrap(), Some(pond));
}

async fn settings(refs: &dyn RefStore, lake: &RepositoryName) {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let given = [pair("b", "1"), pair("a", "é"), pair("b", "2")];
    refs.set_repository_settings(REPOSITORY, &given).await.unwrap();
    let found = refs.repository(lake).await.unwrap().unwrap();
    assert_eq!(found.settings, [pair("a", "é"), pair("b", "2")]);
    let missing = refs.set_repository_settings(NOWHERE, &given).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
}

pub(super) async fn branches(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let mut etl = branch("etl", 2);
    etl.mode = CommitMode::Coalesce;
    etl.protection = Some(Protection {
        required_checks: vec!["rows".into(), "schema".into()],
        policy: Policy::Rerun,
    });
    (etl.generation, etl.base_generation, etl.rules_generation) = (7, 3, 4);
    (etl.seq, etl.folded_seq, etl.sealed_seq) = (5, 5, 5);
    refs.create_branch(id, &etl).await.unwrap();
    assert_eq!(refs.branch(id, &etl.name).await.unwrap(), Some(etl.clone()));
    assert_eq!(refs.branches(id).await.unwrap(), [etl.clone(), branch("main", 1)]);
    assert_eq!(
        refs.branch(id, &name("ETL")).await.unwrap(),
        None,
        "names are compared by bytes"
    );
    assert_eq!(refs.branch(NOWHERE, &etl.name).await.unwrap(), None);

    refs.set_branch_rules(id, &etl.name, CommitMode::Sync, None)
        .await
        .unwrap();
    (etl.mode, etl.protection, etl.rules_generation) = (CommitMode::Sync, None, 5);
    assert_eq!(fixture.branch("etl").await, etl);
    for (repository, missing) in [(id, name("nobody")), (NOWHERE, etl.name.clone())] {
        let missing = refs
            .set_branch_rules(repository, &missing, CommitMode::Sync, None)
            .await;
        assert_eq!(missing.unwrap_err().kind(), Kind::NotFound);
    }

    let mut unborn = branch("unborn", 3);
    unborn.head = commit_id(77);
    for (repository, branch) in [(id, &unborn), (NOWHERE, &branch("other", 4))] {
        let refused = refs.create_branch(repository, branch).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::NotFound, "{refused}");
    }
    assert_eq!(refs.branches(id).await.unwrap().len(), 2);
    assert_eq!(
        refs.delete_branch(id, &name("nobody"), [2; 16], 9).await.unwrap(),
        Cas::Lost(None)
    );
    assert_eq!(
        refs.delete_branch(NOWHERE, &etl.name, [2; 16], 9).await.unwrap(),
        Cas::Lost(None)
    );
    let other = refs.delete_branch(id, &etl.name, [1; 16], 9).await.unwrap();
    assert_eq!(other, Cas::Lost(Some(etl.clone())), "another incarnation");
    assert_eq!(
        refs.delete_branch(id, &etl.name, [2; 16], 9).await.unwrap(),
        Cas::Done
    );
    assert_eq!(refs.branches(id).await.unwrap(), [branch("main", 1)]);
}

pub(super) async fn names_are_shared(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    refs.create_tag(id, &name("v1"), commit_id(0), 5).await.unwrap();
    refs.create_tag(id, &name("V1"), commit_id(0), 5).await.unwrap();
    assert_eq!(refs.tag(id, &name("v1")).await.unwrap(), Some(commit_id(0)));
    assert_eq!(
        refs.tag(id, &name("main")).await.unwrap(),
        None,
        "a branch is no tag"
    );
    assert_eq!(
        refs.branch(id, &name("v1")).await.unwrap(),
        None,
        "a tag is no branch"
    );
    let all = refs.tags(id).await.unwrap();
    assert_eq!(
        all,
        [(name("V1"), commit_id(0)), (name("v1"), commit_id(0))],
        "in byte order"
    );

    let before = fixture.dump().await;
    for (taken, kind) in [("v1", "tag"), ("main", "branch")] {
        let as_tag = refs
            .create_tag(id, &name(taken), commit_id(0), 6)
            .await
            .unwrap_err();
        let as_branch = refs.create_branch(id, &branch(taken, 9)).await.unwrap_err();
        for refused in [as_tag, as_branch] {
            assert_eq!(refused.kind(), Kind::AlreadyExists);
            assert!(refused.to_string().starts_with(kind), "{refused}");
        }
    }
    let unknown = refs
        .create_tag(id, &name("v2"), commit_id(9), 6)
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    let nowhere = refs
        .create_tag(NOWHERE, &name("v2"), commit_id(0), 6)
        .await
        .unwrap_err();
    assert_eq!(nowhere.kind(), Kind::NotFound);
    assert!(
        !refs.delete_tag(id, &name("main"), 6).await.unwrap(),
        "a branch is no tag"
    );
    assert!(!refs.delete_tag(NOWHERE, &name("v1"), 6).await.unwrap());
    assert_eq!(fixture.dump().await, before);

    assert!(refs.delete_tag(id, &name("v1"), 7).await.unwrap());
    assert!(!refs.delete_tag(id, &name("v1"), 7).await.unwrap());
    refs.create_branch(id, &branch("v1", 10)).await.unwrap();
    refs.delete_branch(id, &name("v1"), [10; 16], 8).await.unwrap();
    refs.create_tag(id, &name("v1"), commit_id(0), 9).await.unwrap();
}

pub(super) async fn a_recreated_branch_is_another(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    refs.create_branch(id, &branch("etl", 2)).await.unwrap();
    let old = fixture.branch("etl").await;
    fixture.append(&old, 3).await;
    refs.delete_branch(id, &old.name, old.incarnation, 9)
        .await
        .unwrap();
    assert_eq!(
        refs.log_after(id, old.incarnation, 0).await.unwrap(),
        [],
        "the log goes with the branch"
    );

    let new = branch("etl", 3);
    refs.create_branch(id, &new).await.unwrap();
    assert_eq!(refs.log_after(id, new.incarnation, 0).await.unwrap(), []);
    let record = super::fixture::batch(0, 1);
    let late = refs
        .append(id, &old.name, &expected(&old), &record)
        .await
        .unwrap();
    assert_eq!(
        late,
        Cas::Lost(Some(new.clone())),
        "though head and numbers are the same"
    );
    let late = refs
        .delete_branch(id, &old.name, old.incarnation, 9)
        .await
        .unwrap();
    assert_eq!(late, Cas::Lost(Some(new.clone())));
    fixture.append(&new, 1).await;
}

/// A move that was judged under other rules than there are now loses.
pub(super) async fn rules_are_compared(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    let before = fixture.main().await;
    let judged = HeadMove {
        rules: Some(before.rules_generation),
        ..commit_move(1, 0)
    };
    refs.set_branch_rules(id, &main, before.mode, None).await.unwrap();
    let at = fixture.main().await;
    assert_eq!(at.rules_generation, before.rules_generation + 1);
    let lost = refs.move_head(id, &main, &expected(&at), &judged).await.unwrap();
    assert_eq!(lost, Cas::Lost(Some(at.clone())));
    assert_eq!(fixture.main().await, at);
    let again = HeadMove {
        rules: Some(at.rules_generation),
        ..judged
    };
    let done = refs.move_head(id, &main, &expected(&at), &again).await.unwrap();
    assert_eq!(done, Cas::Done);
}
