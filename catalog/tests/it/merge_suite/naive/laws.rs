//! What holds of every merge (versioning.md 8, I5).

use catalog::Snapshot;
use catalog::merge::CatalogResolver;
use versioning::merge::{MergeOutcome, OpenGate};
use versioning::{CommitId, Hash, View};

use super::{Lake, Told, landing, text};
use crate::it::history::{at, check_laws, resolve};

/// Checks the laws of one history; panics where one is broken that `merge_laws` checks as well.
pub(super) async fn check(told: &Told) -> Result<(), String> {
    let lake = Lake::new(told).await;
    let mut views = Vec::new();
    for commit in lake.commits {
        let view = lake.catalog.repository().view(&at(&commit.to_string())).await;
        views.push(view.unwrap());
    }
    let (base, ours, theirs) = (&views[0], &views[1], &views[2]);
    check_laws(base, ours, theirs).await;
    sides_can_be_swapped(base, ours, theirs).await?;
    reverts_undo(&lake).await
}

/// Without a conflict, both ways come to the same catalog, up to the order of columns, and which of two files of one
/// name is the copy.
async fn sides_can_be_swapped(base: &View, ours: &View, theirs: &View) -> Result<(), String> {
    let one = resolve(base, ours, theirs).await;
    let two = resolve(base, theirs, ours).await;
    if !one.conflicts.is_empty() {
        return Ok(());
    }
    let one = symmetric(&ours.with(&one.patch)).await;
    let two = symmetric(&theirs.with(&two.patch)).await;
    if one == two {
        return Ok(());
    }
    Err(format!("one way: {one:#?}\nthe other: {two:#?}\n"))
}

async fn symmetric(view: &View) -> Vec<String> {
    let snapshot = Snapshot::new(view.clone(), catalog::SharedCache::default());
    let lines = text::of_catalog(&snapshot).await;
    let mut lines: Vec<String> = lines.iter().map(|line| unordered(line)).collect();
    lines.sort();
    lines
}

fn unordered(line: &str) -> String {
    if let (Some(start), Some(end)) = (line.find('('), line.find(')')) {
        let mut columns: Vec<&str> = line[start + 1..end].split(", ").collect();
        columns.sort_unstable();
        return format!("{}{}{}", &line[..start], columns.join(", "), &line[end..]);
    }
    match (line.find("_copy_"), line.rfind(": ")) {
        (Some(start), Some(end)) => format!("{}{}", &line[..start], &line[end..]),
        _ => line.to_owned(),
    }
}

/// To revert the last commit, a merge or not, gives back the trees of the one before.
async fn reverts_undo(lake: &Lake) -> Result<(), String> {
    let [base, ours, _] = lake.commits;
    if let MergeOutcome::Landed(merged) = lake.merge().await {
        revert(lake, merged, Some(1), ours).await?;
    }
    revert(lake, ours, None, base).await
}

async fn revert(
    lake: &Lake,
    commit: CommitId,
    parent: Option<usize>,
    before: CommitId,
) -> Result<(), String> {
    let repository = lake.catalog.repository();
    let resolver = CatalogResolver::default().reading(repository);
    let landing = landing();
    let reverted = repository.revert(commit, parent, &landing, &resolver, &OpenGate);
    match reverted.await.unwrap().outcome {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {}
        other => return Err(format!("a revert of the last commit: {other:?}\n")),
    }
    let head = repository.resolve(&at("main")).await.unwrap().commit;
    match hashes(lake, head).await == hashes(lake, before).await {
        true => Ok(()),
        false => Err("a revert of the last commit made other trees\n".to_owned()),
    }
}

async fn hashes(lake: &Lake, commit: CommitId) -> Vec<Option<Hash>> {
    let commit = lake.catalog.repository().commit_object(commit).await.unwrap();
    commit
        .roots
        .0
        .iter()
        .map(|root| root.map(|root| root.link.hash))
        .collect()
}
