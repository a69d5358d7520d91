//! What only a file can do: survive, be damaged, be too new, be full, be killed.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::SqliteRefs;
use crate::refs::conformance::{Fixture, conformance, equal_answers, histories, survives_reopening};
use crate::refs::{EventRun, MemoryRefs, RefStore, RepositoryId};
use crate::{CommitId, Error, Hash, Kind, Result};

async fn open(path: &Path) -> Arc<dyn RefStore> {
    Arc::new(SqliteRefs::open(path).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let folder = TempDir::new().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    conformance(async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        open(&folder.path().join(format!("{number}.db"))).await
    })
    .await;
}

#[tokio::test]
async fn survives() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    survives_reopening(async || open(&path).await).await;
}

#[tokio::test]
async fn syncs_every_write() {
    let folder = TempDir::new().unwrap();
    let refs = SqliteRefs::open(&folder.path().join("refs.db")).await.unwrap();
    let mut write = refs.database.write("test").await.unwrap();
    for (pragma, value) in [("PRAGMA synchronous", "2"), ("PRAGMA foreign_keys", "1")] {
        let found: i64 = sqlx::query_scalar(pragma)
            .fetch_one(&mut write.connection)
            .await
            .unwrap();
        assert_eq!(found.to_string(), value, "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut write.connection)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

/// What a `kill -9` leaves behind is the file and its write-ahead log as they are between two calls.
#[tokio::test]
async fn a_copy_between_two_calls_holds_all_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let copy = TempDir::new().unwrap();
    let fixture = Fixture::new(open(&folder.path().join("refs.db")).await).await;
    for _ in 0..5 {
        let at = fixture.main().await;
        fixture.append(&at, 3).await;
    }
    for file in ["refs.db", "refs.db-wal"] {
        std::fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let id = fixture.id;
    let killed = Fixture {
        refs: open(&copy.path().join("refs.db")).await,
        id,
    };
    assert_eq!(killed.dump().await, fixture.dump().await);
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let refs = Arc::new(SqliteRefs::open(&path).await.unwrap());
    let fixture = Fixture::new(refs.clone()).await;
    let before = fixture.dump().await;
    refs.close().await.unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1);
    assert_eq!(refs.epoch().await.unwrap_err().kind(), Kind::Unavailable);
    let again = Fixture {
        refs: open(&path).await,
        id: fixture.id,
    };
    assert_eq!(again.dump().await, before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let text = "this is a note and not a database, whatever its name may say\n".repeat(99);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteRefs::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("refs.db"), "{error}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text,
        "it is left as it was"
    );
}

/// Every page in turn becomes garbage: reading everything either says so or gives what was written.
#[tokio::test]
async fn a_damaged_page_is_noticed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let refs = Arc::new(SqliteRefs::open(&path).await.unwrap());
    let fixture = Fixture::new(refs.clone()).await;
    let before = fixture.dump().await;
    refs.close().await.unwrap();
    let sound = std::fs::read(&path).unwrap();
    let mut noticed = 0;
    for page in 0..sound.len() / 4096 {
        let mut bytes = sound.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0x5e);
        std::fs::write(&path, &bytes).unwrap();
        match read_all(&path, fixture.id).await {
            Ok(found) => assert_eq!(found, before),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt, "page {page}: {error}");
                noticed += 1;
            }
        }
    }
    assert!(noticed > 5, "only {noticed} pages matter");
}

async fn read_all(path: &Path, id: RepositoryId) -> Result<String> {
    let refs = Arc::new(SqliteRefs::open(path).await?);
    let read = async {
        refs.epoch().await?;
        refs.repositories().await?;
        refs.repository_rules(id).await?;
        refs.branches(id).await?;
        refs.tags(id).await?;
        refs.log_after(id, [1; 16], 0).await?;
        let commits = refs.commits_by_prefix(id, "", 99).await?;
        refs.commit_entries(id, &commits).await?;
        refs.ref_log(id, 99).await?;
        refs.kv_list(id, "locks", "", "", 99).await?;
        refs.kv_list(id, "uploads", "", "", 99).await?;
        for namespace in ["locks", "uploads"] {
            refs.kv_version(id, namespace).await?;
        }
        refs.last_event(id, [1; 16]).await?;
        refs.events_after(id, [1; 16], 0, 99).await?;
        Ok(Fixture {
            refs: refs.clone(),
            id,
        }
        .dump()
        .await)
    };
    let outcome = read.await;
    refs.close().await?;
    outcome
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_named() {
    let folder = TempDir::new().unwrap();
    let refs = Arc::new(SqliteRefs::open(&folder.path().join("refs.db")).await.unwrap());
    let fixture = Fixture::new(refs.clone()).await;
    let main = fixture.main().await;
    for damage in [
        "staged = x'0110'",
        "mode = 9",
        "incarnation = x'00'",
        "seq = -1",
        "protection = x'02'",
        "sealed_seq = -1",
        "recent_writes = x'00'",
        "expiry = x'01'",
        "touched_us = -1",
    ] {
        let mut write = refs.database.write("test").await.unwrap();
        let damage = sqlx::AssertSqlSafe(format!("UPDATE branches SET {damage}"));
        sqlx::query(damage).execute(&mut write.connection).await.unwrap();
        write.end(Ok(())).await.unwrap();
        let error = refs.branch(fixture.id, &main.name).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.to_string().starts_with("branch main is damaged"), "{error}");
    }
}

/// What an earlier skep wrote is there after the schema grew.
#[tokio::test]
async fn a_database_of_an_earlier_skep_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut old = sqlx::ConnectOptions::connect(&options.create_if_missing(true))
        .await
        .unwrap();
    let branch = "
        CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY);
        INSERT INTO schema_versions VALUES (1);
        INSERT INTO repositories VALUES (zeroblob(16), 'lake', 'main', 1, x'0100');
        INSERT INTO commits VALUES (zeroblob(16), zeroblob(32), 1, 0, x'');
        WITH RECURSIVE line (n) AS (SELECT 1 UNION SELECT n + 1 FROM line WHERE n < 9)
        INSERT INTO commits SELECT zeroblob(16), unhex(printf('%02x%062d', n, 0)), 1, n,
            unhex(printf('%02x%062d', n - 1, 0)) FROM line;
        INSERT INTO ref_names VALUES (zeroblob(16), 'main', 'branch');
        INSERT INTO branches VALUES
            (zeroblob(16), 'main', zeroblob(16), 3, 0, zeroblob(32), NULL, 5, 5, 1, NULL, 1);";
    for text in [include_str!("schema_1.sql"), branch] {
        sqlx::raw_sql(text).execute(&mut old).await.unwrap();
    }
    drop(old);
    let refs = open(&path).await;
    let (id, main) = (RepositoryId([0; 16]), crate::RefName::parse("main").unwrap());
    let found = refs.branch(id, &main).await.unwrap().unwrap();
    assert_eq!((found.generation, found.seq), (3, 5));
    assert_eq!((found.touched_us, found.expiry), (1, Default::default()));
    assert_eq!(refs.repository_rules(id).await.unwrap(), Default::default());
    let event = [EventRun::one(Bytes::from_static(b"e"))];
    refs.add_events(id, &main, [0; 16], 9, &event).await.unwrap();
    assert_eq!(refs.last_event(id, [0; 16]).await.unwrap(), 1);
    history_is_taken_over(refs.as_ref(), id).await;
}

async fn history_is_taken_over(refs: &dyn RefStore, id: RepositoryId) {
    let commit = |n: u8| {
        let mut bytes = [0; 32];
        bytes[0] = n;
        CommitId(Hash(bytes))
    };
    for n in 0..9 {
        let children = refs.children(id, &[commit(n)], 9).await.unwrap();
        assert_eq!(children.iter().map(|c| c.id).collect::<Vec<_>>(), [commit(n + 1)]);
        let back = refs.first_parent_from(id, commit(9), n.into()).await.unwrap();
        assert_eq!(back, Some(commit(n)));
    }
}

#[tokio::test]
async fn a_database_of_a_later_skep_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let refs = SqliteRefs::open(&path).await.unwrap();
    let mut write = refs.database.write("test").await.unwrap();
    write
        .run(sqlx::query("INSERT INTO schema_versions (version) VALUES (99)"))
        .await
        .unwrap();
    write.end(Ok(())).await.unwrap();
    drop(refs);
    let Err(Error::Refused { reason, .. }) = SqliteRefs::open(&path).await else {
        panic!("opened")
    };
    assert!(reason.contains("99"), "{reason}");
}

/// What the first schema knew of a branch is kept; operations count as committed where nothing is staged.
#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut old = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let rows = "
        CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY);
        INSERT INTO schema_versions VALUES (1);
        INSERT INTO repositories VALUES (zeroblob(16), 'lake', 'main', 1, x'0100');
        INSERT INTO commits VALUES (zeroblob(16), zeroblob(32), 1, 0, x'');
        INSERT INTO ref_names VALUES (zeroblob(16), 'main', 'branch'), (zeroblob(16), 'etl', 'branch');
        INSERT INTO branches VALUES
            (zeroblob(16), 'etl', x'01010101010101010101010101010101', 2, 1, zeroblob(32), x'0100', 5, 7, 0, NULL, 9),
            (zeroblob(16), 'main', x'02020202020202020202020202020202', 2, 1, zeroblob(32), NULL, 5, 7, 0, NULL, 9);";
    for text in [include_str!("schema_1.sql"), rows] {
        sqlx::raw_sql(text).execute(&mut old).await.unwrap();
    }
    sqlx::Connection::close(old).await.unwrap();
    let refs = open(&path).await;
    let branches = refs.branches(RepositoryId([0; 16])).await.unwrap();
    let seqs = branches
        .iter()
        .map(|b| (b.name.as_str(), b.sealed_seq, b.folded_seq, b.seq));
    assert_eq!(seqs.collect::<Vec<_>>(), [("etl", 0, 5, 7), ("main", 5, 5, 7)]);
    assert!(branches.iter().all(|branch| branch.recent_writes.is_empty()));
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let refs = Arc::new(SqliteRefs::open(&folder.path().join("refs.db")).await.unwrap());
    let fixture = Fixture::new(refs.clone()).await;
    let before = fixture.dump().await;
    let mut write = refs.database.write("test").await.unwrap();
    // The smallest limit there is: as many pages as the file has now.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&mut write.connection)
        .await
        .unwrap();
    write.end(Ok(())).await.unwrap();

    let large = [("a".to_owned(), Some(Bytes::from(vec![7; 1 << 20])))];
    let full = refs.kv_write(fixture.id, "uploads", &large).await.unwrap_err();
    assert!(matches!(full, Error::NoSpace { .. }), "{full}");
    assert_eq!(fixture.dump().await, before);
    // The next write opens another connection, for which there is space again.
    refs.kv_write(fixture.id, "uploads", &large).await.unwrap();
    assert_eq!(refs.kv_get(fixture.id, "uploads", "a").await.unwrap(), large[0].1);
}

/// Callers that stop waiting at any point leave a store on which the next call works.
#[tokio::test]
async fn abandoned_calls_do_no_harm() {
    let folder = TempDir::new().unwrap();
    let fixture = Fixture::new(open(&folder.path().join("refs.db")).await).await;
    for polls in 0..40 {
        let at = fixture.main().await;
        let mut append = Box::pin(fixture.append(&at, 2));
        for _ in 0..polls {
            if futures::poll!(&mut append).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(append);
        // A write waits for what was abandoned to land or to be undone; from then on all is settled.
        fixture
            .refs
            .kv_write(fixture.id, "locks", &[("a".into(), None)])
            .await
            .unwrap();
        let now = fixture.main().await;
        let log = fixture
            .refs
            .log_after(fixture.id, now.incarnation, 0)
            .await
            .unwrap();
        assert_eq!(
            log.last().map_or(0, |last| last.seq),
            now.seq,
            "all of it or nothing"
        );
        fixture.append(&now, 1).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_memory(history in histories(60)) {
        let folder = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let file = open(&folder.path().join("refs.db")).await;
            equal_answers(Arc::new(MemoryRefs::new()), file, &history).await;
        });
    }
}
