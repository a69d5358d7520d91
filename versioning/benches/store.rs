//! Measures what no client can ask for at once: the merge base of a long history of merges, and how many durable
//! writes one branch takes from many writers. On files and SQLite as the server uses them.
//!
//! `cargo bench -p versioning [-- MERGES]` (100,000 if not given); `make bench` runs it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "to measure time and to tell it is what this is for"
)]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use testkit::{SeededIds, SteppingClock};
use versioning::attempts::ConflictRecord;
use versioning::id::Domain;
use versioning::merge::{Landing, MergeOutcome, OpenGate, Resolution, Resolver, Sides, Warnings};
use versioning::refs::{CommitEntry, CommitMode, RefStore, RepositoryId, SqliteRefs};
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::store::LocalFiles;
use versioning::{
    Batch, CommitId, Error, Hash, RefExpr, RefName, Repositories, Repository, RepositoryName, Space, Value,
};

/// The usual end of what cannot go on: people run this, and read the text.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const MERGES: u64 = 100_000;
/// How many of them are made by merging.
const MADE: u32 = 500;
/// Who write to one branch at a time, and how often each of them does.
const WRITERS: usize = 64;
const WRITES: usize = 500;

/// Merges of histories that change nothing.
#[derive(Debug, Clone, Copy)]
struct Nothing;

#[async_trait]
impl Resolver for Nothing {
    type Conflict = Bytes;

    async fn resolve(&self, _sides: &Sides) -> versioning::Result<Resolution<Bytes>> {
        Ok(Resolution {
            patch: Batch::default(),
            conflicts: Vec::new(),
            warnings: Warnings::default(),
        })
    }

    fn record(conflict: &Bytes) -> ConflictRecord {
        ConflictRecord {
            id: String::new(),
            content: conflict.clone(),
            about: Hash::of(Domain::Blob, conflict),
        }
    }

    fn plain(&self) -> Nothing {
        Nothing
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // cargo says `--bench` before what the user says
    let merges = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let merges = merges.unwrap_or(MERGES);
    let folder = tempfile::tempdir()?;
    measure_writes(&folder.path().join("writes")).await?;
    measure_merge_base(&folder.path().join("merges"), merges).await
}

/// Opens a store with nothing in memory.
async fn open(folder: &Path) -> Result<Repositories> {
    std::fs::create_dir_all(folder)?;
    open_on(folder, Arc::new(SqliteRefs::open(&folder.join("refs.db")).await?)).await
}

async fn open_on(folder: &Path, refs: Arc<SqliteRefs>) -> Result<Repositories> {
    let parts = Parts {
        refs,
        files: Arc::new(LocalFiles::open(&folder.join("objects")).await?),
        clock: Arc::new(SteppingClock::default()),
        ids: Arc::new(SeededIds::new(1)),
        ephemeral: |_| false,
    };
    Ok(Repositories::open(parts, Limits::default()).await?)
}

fn lake() -> Result<RepositoryName> {
    Ok(RepositoryName::parse("lake")?)
}

fn name(text: &str) -> Result<RefName> {
    Ok(RefName::parse(text)?)
}

async fn measure_writes(folder: &Path) -> Result<()> {
    let store = open(folder).await?;
    let repository = store.create(&lake()?, &name("main")?).await?;
    let begun = Instant::now();
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write(repository.clone(), writer)));
    for writer in writers.collect::<Vec<_>>() {
        writer.await??;
    }
    let rate = (WRITERS * WRITES) as f64 / begun.elapsed().as_secs_f64();
    println!("durable writes on one branch, {WRITERS} writers: {rate:.0}/s");
    store.close().await;
    Ok(())
}

async fn write(repository: Repository, writer: usize) -> Result<()> {
    let main = name("main")?;
    for at in 0..WRITES {
        let plan = move |_| async move {
            let mut batch = Batch::default();
            let key = Bytes::from(format!("{writer:02}/{at}"));
            batch.put(
                Space::Meta,
                key,
                Value {
                    payload: Bytes::from_static(b"a table"),
                    ..Value::default()
                },
            );
            Ok::<_, Error>((batch, ()))
        };
        repository.write(&main, plan).await?;
    }
    Ok(())
}

/// `old` begins where all began; `etl` is merged into `main` again and again. A few of these merges are made, to tell
/// what one takes; the others stand in the commit index alone, which is all that a merge base reads.
async fn measure_merge_base(folder: &Path, merges: u64) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let refs = Arc::new(SqliteRefs::open(&folder.join("refs.db")).await?);
    let store = open_on(folder, refs.clone()).await?;
    let repository = store.create(&lake()?, &name("main")?).await?;
    let main = RefExpr::from(name("main")?);
    for branch in ["old", "etl"] {
        let branch = name(branch)?;
        repository
            .create_branch(&branch, &main, CommitMode::Staged)
            .await?;
    }
    let old = commit(&repository, "old").await?;
    let begun = Instant::now();
    let (mut head, mut etl) = (old, old);
    for _ in 0..MADE {
        etl = commit(&repository, "etl").await?;
        head = merge(&repository).await?;
    }
    let each = begun.elapsed() / MADE;
    let id = repository.record().id;
    let head = lengthen(refs.as_ref(), id, (head, etl), u64::from(MADE)..merges).await?;
    store.close().await;
    let repository = open(folder).await?.get(&lake()?).await?;
    let begun = Instant::now();
    let base = repository.merge_base(head, old).await?;
    let cold = begun.elapsed();
    let begun = Instant::now();
    repository.merge_base(head, old).await?;
    println!(
        "merge base over {merges} merge commits: {cold:.1?} cold, {:.1?} then; to commit and merge: {each:.1?}",
        begun.elapsed()
    );
    base.map(drop)
        .ok_or_else(|| "the histories have no common commit".into())
}

/// Adds commits to `etl` and merges of them to `main`, as the index knows them; returns the last merge.
async fn lengthen(
    refs: &SqliteRefs,
    id: RepositoryId,
    (mut head, mut etl): (CommitId, CommitId),
    merges: Range<u64>,
) -> Result<CommitId> {
    let mut entries = Vec::new();
    for at in merges {
        let entry = |side: u8, generation, parents| CommitEntry {
            id: CommitId(Hash::of(
                Domain::Commit,
                &[&[side][..], &at.to_be_bytes()].concat(),
            )),
            epoch: 1,
            generation,
            parents,
        };
        // the n-th commit of `etl` is n above the first of all, and its merge one above that
        let committed = entry(1, at + 1, vec![etl]);
        let merged = entry(2, at + 2, vec![head, committed.id]);
        (head, etl) = (merged.id, committed.id);
        entries.extend([committed, merged]);
    }
    refs.index_commits(id, &entries).await?;
    Ok(head)
}

async fn commit(repository: &Repository, branch: &str) -> Result<CommitId> {
    let words = CommitMessage {
        allow_empty: true,
        ..CommitMessage::default()
    };
    Ok(repository.commit(&name(branch)?, words).await?)
}

async fn merge(repository: &Repository) -> Result<CommitId> {
    let landing = Landing::onto(name("main")?, "bench");
    let source = RefExpr::from(name("etl")?);
    let report = repository.merge(&source, &landing, &Nothing, &OpenGate).await?;
    match report.outcome {
        MergeOutcome::Landed(commit) => Ok(commit),
        other => Err(format!("a merge that changes nothing: {other:?}").into()),
    }
}
