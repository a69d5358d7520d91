//! Repositories, branches and tags: making, finding, listing, removing.

use std::sync::Arc;

use super::fixture::{
    Fixture, NOWHERE, REPOSITORY, branch, commit, commit_id, commit_move, expected, name, removal, repository,
};
use crate::merge::{Policy, Strictness};
use crate::refs::{
    BranchRules, Cas, CommitMode, Expiry, HeadMove, Pattern, Protection, RefStore, Removal, RepositoryId,
    RepositoryRules, Rule,
};
use crate::{Error, Kind, RepositoryName};

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
        strictness: Some(Strictness(3)),
    });
    etl.expiry = Expiry {
        ttl_us: Some(7),
        idle_us: Some(0),
    };
    etl.touched_us = 2_001;
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

    let rules = BranchRules {
        mode: CommitMode::Sync,
        protection: None,
        expiry: Expiry {
            ttl_us: None,
            idle_us: Some(5),
        },
    };
    refs.set_branch_rules(id, &etl.name, &rules).await.unwrap();
    (etl.mode, etl.protection, etl.rules_generation) = (CommitMode::Sync, None, 5);
    etl.expiry = rules.expiry;
    assert_eq!(fixture.branch("etl").await, etl);
    for (repository, missing) in [(id, name("nobody")), (NOWHERE, etl.name.clone())] {
        let missing = refs.set_branch_rules(repository, &missing, &rules).await;
        assert_eq!(missing.unwrap_err().kind(), Kind::NotFound);
    }

    let mut unborn = branch("unborn", 3);
    unborn.head = commit_id(77);
    for (repository, branch) in [(id, &unborn), (NOWHERE, &branch("other", 4))] {
        let refused = refs.create_branch(repository, branch).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::NotFound, "{refused}");
    }
    assert_eq!(refs.branches(id).await.unwrap().len(), 2);
    let as_it_is = removal(&etl, 9);
    for (repository, gone) in [(id, name("nobody")), (NOWHERE, etl.name.clone())] {
        let lost = refs.delete_branch(repository, &gone, &as_it_is).await.unwrap();
        assert_eq!(lost, Cas::Lost(None));
    }
    let others = [
        Removal {
            incarnation: [1; 16],
            ..as_it_is.clone()
        },
        Removal {
            rules: 4,
            ..as_it_is.clone()
        },
        Removal {
            untouched: Some((6, 5)),
            ..as_it_is.clone()
        },
        Removal {
            untouched: Some((7, 4)),
            ..as_it_is.clone()
        },
    ];
    for other in others {
        let lost = refs.delete_branch(id, &etl.name, &other).await.unwrap();
        assert_eq!(lost, Cas::Lost(Some(etl.clone())), "{other:?}");
    }
    let untouched = Removal {
        untouched: Some((7, 5)),
        ..as_it_is
    };
    let done = refs.delete_branch(id, &etl.name, &untouched).await.unwrap();
    assert_eq!(done, Cas::Done);
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
    let removed = removal(&branch("v1", 10), 8);
    refs.delete_branch(id, &name("v1"), &removed).await.unwrap();
    refs.create_tag(id, &name("v1"), commit_id(0), 9).await.unwrap();
}

pub(super) async fn a_recreated_branch_is_another(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    refs.create_branch(id, &branch("etl", 2)).await.unwrap();
    let old = fixture.branch("etl").await;
    fixture.append(&old, 3).await;
    refs.delete_branch(id, &old.name, &removal(&old, 9))
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
        .delete_branch(id, &old.name, &removal(&old, 9))
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
    refs.set_branch_rules(id, &main, &BranchRules::of(&before))
        .await
        .unwrap();
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

/// Rules of a repository are changed by compare-and-set, and count as a change of the rules of every branch.
pub(super) async fn rules_of_repositories(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    assert_eq!(refs.repository_rules(id).await.unwrap(), Default::default());
    assert_eq!(refs.repository_rules(NOWHERE).await.unwrap(), Default::default());
    refs.create_branch(id, &branch("etl", 2)).await.unwrap();
    let rule = Rule {
        protection: Some(Protection::default()),
        expiry: Expiry::default(),
    };
    let rules = RepositoryRules {
        patterns: [(Pattern::parse("m*").unwrap(), rule)].into(),
        ..RepositoryRules::default()
    };
    let before = fixture.dump().await;
    assert!(!refs.set_repository_rules(id, 1, &rules).await.unwrap());
    let nowhere = refs.set_repository_rules(NOWHERE, 0, &rules).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::NotFound);
    assert_eq!(fixture.dump().await, before);
    assert!(refs.set_repository_rules(id, 0, &rules).await.unwrap());
    assert_eq!(refs.repository_rules(id).await.unwrap(), (1, rules.clone()));
    for branch in refs.branches(id).await.unwrap() {
        assert_eq!(branch.rules_generation, 1, "{}", branch.name);
    }
    assert!(!refs.set_repository_rules(id, 0, &rules).await.unwrap());
}

/// In a repository that is read-only no ref comes or goes, and what does not know yet that it is loses.
pub(super) async fn a_read_only_repository(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    refs.create_branch(id, &branch("etl", 2)).await.unwrap();
    refs.create_tag(id, &name("v1"), commit_id(0), 5).await.unwrap();
    let (main, etl) = (fixture.main().await, fixture.branch("etl").await);
    let rules = RepositoryRules {
        read_only: true,
        ..RepositoryRules::default()
    };
    assert!(refs.set_repository_rules(id, 0, &rules).await.unwrap());
    let before = fixture.dump().await;
    let refused = [
        refs.create_branch(id, &branch("new", 3)).await,
        refs.delete_branch(id, &etl.name, &removal(&etl, 9))
            .await
            .map(drop),
        refs.create_tag(id, &name("v2"), commit_id(0), 6).await,
        refs.delete_tag(id, &name("v1"), 6).await.map(drop),
    ];
    for outcome in refused {
        assert!(
            matches!(&outcome, Err(Error::RepositoryReadOnly { repository }) if repository == "lake"),
            "{outcome:?}"
        );
    }
    let record = super::fixture::batch(0, 1);
    let late = refs
        .append(id, &main.name, &expected(&main), &record)
        .await
        .unwrap();
    assert!(matches!(late, Cas::Lost(Some(_))), "{late:?}");
    let gone = refs.delete_branch(id, &name("nobody"), &removal(&etl, 9)).await;
    assert_eq!(gone.unwrap(), Cas::Lost(None));
    assert!(!refs.delete_tag(id, &name("v9"), 6).await.unwrap());
    assert_eq!(fixture.dump().await, before);
    let open = RepositoryRules::default();
    assert!(refs.set_repository_rules(id, 1, &open).await.unwrap());
    refs.create_branch(id, &branch("new", 3)).await.unwrap();
}
