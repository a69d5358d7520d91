//! The commit index, the ref log and the small records of upper rooms.

use bytes::Bytes;

use super::fixture::{Fixture, NOWHERE, branch, commit, commit_id, commit_move, expected, name, removal};
use crate::Kind;
use crate::refs::{CommitEntry, RefLogEntry};

pub(super) async fn commits_by_generation(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    refs.index_commits(id, &[commit(1), commit(2), commit(3)])
        .await
        .unwrap();
    let up_to = async |generation, limit| refs.commits_up_to(id, generation, limit).await.unwrap();
    assert_eq!(up_to(2, 9).await, [commit(2), commit(1), commit(0)]);
    assert_eq!(up_to(2, 2).await, [commit(2), commit(1)]);
    assert_eq!(up_to(u64::MAX, 1).await, [commit(3)]);
    assert_eq!(refs.commits_up_to(NOWHERE, 9, 9).await.unwrap(), []);
}

/// A line from 0 to 40; 50 is a merge of 3 into 40, 51 one of 50 into 3.
pub(super) async fn ancestry(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let line: Vec<CommitEntry> = (1..=40).map(commit).collect();
    let merge = |n, parents: [u8; 2]| CommitEntry {
        parents: parents.map(commit_id).to_vec(),
        ..commit(n)
    };
    let merges = [merge(50, [40, 3]), merge(51, [3, 50])];
    refs.index_commits(id, &[&line[..], &merges].concat())
        .await
        .unwrap();

    let children = async |parents: &[u8], limit| {
        let parents: Vec<_> = parents.iter().copied().map(commit_id).collect();
        let found = refs.children(id, &parents, limit).await.unwrap();
        found.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u8]| numbers.iter().copied().map(commit_id).collect::<Vec<_>>();
    assert_eq!(children(&[3], 9).await, ids(&[4, 50, 51]));
    assert_eq!(children(&[3, 50, 3], 9).await, ids(&[4, 50, 51]), "each once");
    assert_eq!(children(&[3], 2).await, ids(&[4, 50]));
    assert_eq!(children(&[51, 99], 9).await, []);
    assert_eq!(children(&[], 9).await, []);
    let all: Vec<u8> = (0..=40).rev().collect();
    let found: Vec<u8> = (1..=40).chain([50, 51]).collect();
    assert_eq!(children(&all, 99).await, ids(&found), "more than one query takes");
    assert_eq!(children(&all, 3).await, ids(&[1, 2, 3]));
    assert_eq!(refs.children(NOWHERE, &ids(&[3]), 9).await.unwrap(), []);

    let line = async |head, generation| {
        refs.first_parent_from(id, commit_id(head), generation)
            .await
            .unwrap()
    };
    for head in [40, 50] {
        for generation in 0..=40 {
            assert_eq!(line(head, generation.into()).await, Some(commit_id(generation)));
        }
    }
    assert_eq!(line(50, 41).await, Some(commit_id(50)), "there is none between");
    assert_eq!(line(51, 4).await, Some(commit_id(51)), "along first parents");
    assert_eq!(line(51, 2).await, Some(commit_id(2)));
    assert_eq!(line(50, 51).await, None);
    assert_eq!(line(99, 0).await, None);
    assert_eq!(
        refs.first_parent_from(NOWHERE, commit_id(50), 0).await.unwrap(),
        None
    );
    orphans_are_refused(fixture).await;
}

async fn orphans_are_refused(fixture: &Fixture) {
    let before = fixture.dump().await;
    let turned = [commit(61), commit(60)];
    let orphan = fixture.refs.index_commits(fixture.id, &turned).await;
    assert_eq!(orphan.unwrap_err().kind(), Kind::Internal);
    assert_eq!(fixture.dump().await, before);
}

pub(super) async fn commit_index(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let line: Vec<CommitEntry> = (1..=40).map(commit).collect();
    refs.index_commits(id, &line).await.unwrap();
    let mut merge = commit(50);
    merge.parents = vec![commit_id(3), commit_id(40)];
    refs.index_commits(id, std::slice::from_ref(&merge))
        .await
        .unwrap();
    refs.index_commits(id, &[]).await.unwrap();

    let asked = [commit_id(50), commit_id(99), commit_id(7), commit_id(7)];
    let found = refs.commit_entries(id, &asked).await.unwrap();
    assert_eq!(
        found,
        [merge, commit(7), commit(7)],
        "in the order asked, the unknown left out"
    );
    let ids: Vec<_> = line.iter().rev().map(|entry| entry.id).collect();
    let found = refs.commit_entries(id, &ids).await.unwrap();
    assert!(found.iter().eq(line.iter().rev()));
    assert_eq!(refs.commit_entries(id, &[]).await.unwrap(), []);
    assert_eq!(refs.commit_entries(NOWHERE, &ids).await.unwrap(), []);
    later_copies_count(fixture).await;
    prefixes(fixture).await;
    let nowhere = refs.index_commits(NOWHERE, &line).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::NotFound);
}

async fn later_copies_count(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    for (given, kept) in [(3, 3), (2, 3), (4, 4)] {
        let entry = CommitEntry {
            epoch: given,
            ..commit(5)
        };
        refs.index_commits(id, &[entry]).await.unwrap();
        assert_eq!(
            refs.commit_entries(id, &[commit_id(5)]).await.unwrap()[0].epoch,
            kept
        );
    }
}

async fn prefixes(fixture: &Fixture) {
    let ids = |range: std::ops::RangeInclusive<u8>| range.map(commit_id).collect::<Vec<_>>();
    let whole = commit_id(0x10).to_string();
    let after = format!("{}b", &whole[..63]);
    let table = [
        ("1", 99, ids(0x10..=0x1f)),
        ("1", 3, ids(0x10..=0x12)),
        ("1", 0, vec![]),
        ("10", 99, ids(0x10..=0x10)),
        ("105a5", 99, ids(0x10..=0x10)),
        ("105b", 99, vec![]),
        (&whole, 99, ids(0x10..=0x10)),
        (&after, 99, vec![]),
        ("", 2, ids(0..=1)),
        ("3", 99, vec![commit_id(50)]),
        ("1G", 99, vec![]),
        ("10%", 99, vec![]),
        ("é", 99, vec![]),
    ];
    for (prefix, limit, found) in table {
        let answer = fixture
            .refs
            .commits_by_prefix(fixture.id, prefix, limit)
            .await
            .unwrap();
        assert_eq!(answer, found, "{limit} with {prefix:?}");
    }
    assert_eq!(fixture.refs.commits_by_prefix(NOWHERE, "1", 9).await.unwrap(), []);
}

pub(super) async fn ref_log(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let known = refs.ref_log(id, usize::MAX).await.unwrap().len();
    let at = fixture.main().await;
    refs.move_head(id, &at.name, &expected(&at), &commit_move(1, at.folded_seq))
        .await
        .unwrap();
    refs.create_branch(id, &branch("etl", 42)).await.unwrap();
    refs.create_tag(id, &name("v1"), commit_id(1), 20).await.unwrap();
    refs.delete_tag(id, &name("v1"), 10).await.unwrap();
    let removed = removal(&fixture.branch("etl").await, 30);
    refs.delete_branch(id, &name("etl"), &removed).await.unwrap();

    let entry = |ref_name: &str, time_us, from: Option<u8>, to: Option<u8>, reason: &str| RefLogEntry {
        branch: name(ref_name),
        time_us,
        from: from.map(commit_id),
        to: to.map(commit_id),
        reason: reason.to_owned(),
    };
    let newest = [
        entry("etl", 30, Some(0), None, "delete branch"),
        entry("v1", 10, Some(1), None, "delete tag"),
        entry("v1", 20, None, Some(1), "create tag"),
        entry("etl", 2_000, None, Some(0), "create branch"),
        entry("main", 4_001, Some(0), Some(1), "commit 1"),
    ];
    assert_eq!(
        refs.ref_log(id, 5).await.unwrap(),
        newest,
        "by order of events, not of clocks"
    );
    let all = refs.ref_log(id, usize::MAX).await.unwrap();
    assert_eq!(all.len(), known + 5);
    assert_eq!(
        all.last(),
        Some(&entry("main", 2_000, None, Some(0), "create branch"))
    );
    assert_eq!(refs.ref_log(id, 0).await.unwrap(), []);
    assert_eq!(refs.ref_log(NOWHERE, 9).await.unwrap(), []);
}

pub(super) async fn small_records(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let keys = ["a", "a/1", "a/10", "a/2", "a/é", "aé", "b", "z\u{10ffff}"];
    let all: Vec<_> = keys
        .iter()
        .map(|key| ((*key).to_owned(), Some(Bytes::from(key.len().to_string()))))
        .collect();
    refs.kv_write(id, "uploads", &all).await.unwrap();
    let list = async |prefix: &str, after: &str, limit: usize| {
        let found = refs.kv_list(id, "uploads", prefix, after, limit).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let table: [(&str, &str, usize, &[&str]); 11] = [
        ("", "", 99, &keys),
        ("", "a/2", 2, &["a/é", "aé"]),
        ("a/", "", 99, &["a/1", "a/10", "a/2", "a/é"]),
        ("a/", "", 2, &["a/1", "a/10"]),
        ("a/", "a/10", 2, &["a/2", "a/é"]),
        ("a/", "a/0", 1, &["a/1"]),
        ("a/", "b", 9, &[]),
        ("a/1", "a/1", 9, &["a/10"]),
        ("z", "", 9, &["z\u{10ffff}"]),
        ("A", "", 9, &[]),
        ("", "", 0, &[]),
    ];
    for (prefix, after, limit, found) in table {
        assert_eq!(
            list(prefix, after, limit).await,
            found,
            "{limit} of {prefix:?} after {after:?}"
        );
    }
    changes_of_small_records(fixture).await;
}

async fn changes_of_small_records(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    let changes = [
        ("a".to_owned(), text("new")),
        ("b".to_owned(), None),
        ("c".to_owned(), None),
        ("e".to_owned(), text("")),
    ];
    refs.kv_write(id, "uploads", &changes).await.unwrap();
    for (key, value) in &changes {
        assert_eq!(refs.kv_get(id, "uploads", key).await.unwrap(), *value, "{key}");
    }
    assert_eq!(
        refs.kv_get(id, "locks", "a").await.unwrap(),
        None,
        "namespaces are apart"
    );
    assert_eq!(refs.kv_get(NOWHERE, "uploads", "a").await.unwrap(), None);
    assert_eq!(refs.kv_list(NOWHERE, "uploads", "", "", 9).await.unwrap(), []);
    let twice = [
        ("d".to_owned(), text("1")),
        ("d".to_owned(), None),
        ("d".to_owned(), text("2")),
    ];
    refs.kv_write(id, "uploads", &twice).await.unwrap();
    assert_eq!(
        refs.kv_get(id, "uploads", "d").await.unwrap(),
        text("2"),
        "in order"
    );

    let before = fixture.dump().await;
    let nameless = [("a".to_owned(), text("lost")), (String::new(), text("x"))];
    assert_eq!(
        refs.kv_write(id, "uploads", &nameless).await.unwrap_err().kind(),
        Kind::Invalid
    );
    assert_eq!(
        refs.kv_write(NOWHERE, "uploads", &changes)
            .await
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    assert_eq!(fixture.dump().await, before);
}
