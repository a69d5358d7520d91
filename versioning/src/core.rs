//! What all handles of one repository share, and how operations become trees and commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::branch::{Branch, Lane, Prepared, State};
use crate::commit::{Commit, CommitKind, SKIPS_MAX, Sealed};
use crate::events::Narrate;
use crate::guard::Guard;
use crate::id::Domain;
use crate::overlay::Overlay;
use crate::refs::{CommitEntry, HeadMove, RefStore, RepositoryId, RepositoryRecord, RepositoryRules};
use crate::repository::{CommitMessage, Ephemeral, Limits, Parts};
use crate::store::Blocks;
use crate::tree::Tree;
use crate::turns::Turns;
use crate::view::View;
use crate::{Clock, CommitId, Edit, Error, Ids, KeyRange, RepositoryName, Result, Roots, Space};

/// The version of the merge rules that this binary applies.
pub(crate) const RULES_VERSION: u32 = 1;
/// How many bytes of commits are kept in memory, and how many of index entries: about 200,000 of these.
const COMMITS_BYTES: u64 = 32 << 20;
/// The author of what the server commits on its own.
const SERVER: &str = "skep";

/// The shared inside of a repository's handles.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: RepositoryId,
    pub(crate) refs: Arc<dyn RefStore>,
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) limits: Limits,
    pub(crate) ephemeral: Ephemeral,
    pub(crate) name: RepositoryName,
    /// Who tells of moves of heads, if anybody does.
    pub(crate) narrator: Option<Arc<dyn Narrate>>,
    /// Who is asked before refs move, and told after, if anybody is.
    pub(crate) guard: Option<Arc<dyn Guard>>,
    /// Which merges have or await their turns, where other servers have to know.
    pub(crate) turns: Turns,
    /// The tasks of the repository's branches, and those that they started.
    pub(crate) tasks: TaskTracker,
    /// How many events were told since the repository was opened.
    pub(crate) events_counted: AtomicU64,
    /// Ends the tasks of branches, whoever still holds one.
    pub(crate) stop: CancellationToken,
    /// 0 until it was read.
    known_epoch: AtomicU32,
    commits: moka::sync::Cache<CommitId, Arc<Commit>>,
    entries: moka::sync::Cache<CommitId, Arc<CommitEntry>>,
}

/// A commit of a branch's operations that is stored and not yet its head.
pub(crate) struct Unlanded {
    pub(crate) from: Prepared,
    pub(crate) to: HeadMove,
    roots: Roots,
}

/// What a new commit says beside its trees and parents.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) kind: CommitKind,
    pub(crate) author: String,
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) sealed: Sealed,
    pub(crate) attested: Vec<(String, CommitId)>,
}

impl Words {
    pub(crate) fn new(kind: CommitKind, author: &str, message: &str) -> Words {
        Words {
            kind,
            author: author.to_owned(),
            message: message.to_owned(),
            metadata: BTreeMap::new(),
            sealed: Sealed::default(),
            attested: Vec::new(),
        }
    }
}

impl Core {
    pub(crate) fn new(
        record: &RepositoryRecord,
        parts: &Parts,
        blocks: Arc<Blocks>,
        limits: Limits,
        narrator: Option<Arc<dyn Narrate>>,
        guard: Option<Arc<dyn Guard>>,
    ) -> Core {
        Core {
            id: record.id,
            name: record.name.clone(),
            narrator,
            guard,
            turns: Turns::new(parts.refs.clone(), record.id),
            refs: parts.refs.clone(),
            blocks,
            clock: parts.clock.clone(),
            ids: parts.ids.clone(),
            limits,
            ephemeral: parts.ephemeral,
            tasks: TaskTracker::new(),
            events_counted: AtomicU64::new(0),
            stop: CancellationToken::new(),
            known_epoch: AtomicU32::new(0),
            commits: weighed(|commit: &Arc<Commit>| commit.memory_bytes()),
            entries: weighed(|entry: &Arc<CommitEntry>| size_of::<CommitEntry>() + 32 * entry.parents.len()),
        }
    }

    /// Returns the same repository with nothing in memory: all that is asked for is read and verified.
    pub(crate) fn cold(&self) -> Core {
        Core {
            blocks: Arc::new(self.blocks.uncached()),
            commits: weighed(|commit: &Arc<Commit>| commit.memory_bytes()),
            entries: weighed(|_| 0),
            ..self.twin()
        }
    }

    /// Returns the same repository to try things out: trees that are made of it are kept in memory, as long as
    /// something refers to them, and never stored.
    pub(crate) fn scratch(&self) -> Core {
        Core {
            blocks: Arc::new(self.blocks.scratch()),
            ..self.twin()
        }
    }

    fn twin(&self) -> Core {
        Core {
            id: self.id,
            turns: Turns::new(self.refs.clone(), self.id),
            refs: self.refs.clone(),
            blocks: self.blocks.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            limits: self.limits.clone(),
            ephemeral: self.ephemeral,
            name: self.name.clone(),
            narrator: self.narrator.clone(),
            guard: self.guard.clone(),
            tasks: TaskTracker::new(),
            events_counted: AtomicU64::new(0),
            stop: self.stop.clone(),
            known_epoch: AtomicU32::new(0),
            commits: self.commits.clone(),
            entries: self.entries.clone(),
        }
    }

    /// Returns what the index knows of a commit.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn entry(&self, id: CommitId) -> Result<Arc<CommitEntry>> {
        if let Some(entry) = self.known_entry(&id) {
            return Ok(entry);
        }
        let found = self.refs.commit_entries(self.id, &[id]).await?;
        let entry = found.into_iter().next().ok_or_else(|| not_found(&id))?;
        let entry = Arc::new(entry);
        self.remember(entry.clone());
        Ok(entry)
    }

    /// Returns what the index knows of a commit, if it is in memory.
    pub(crate) fn known_entry(&self, id: &CommitId) -> Option<Arc<CommitEntry>> {
        self.entries.get(id)
    }

    pub(crate) fn remember(&self, entry: Arc<CommitEntry>) {
        self.entries.insert(entry.id, entry);
    }

    /// Returns the entries of commits of which some are likely not in memory, with one request.
    pub(crate) async fn entries(&self, ids: &[CommitId]) -> Result<Vec<Arc<CommitEntry>>> {
        let missing: Vec<CommitId> = ids
            .iter()
            .copied()
            .filter(|id| !self.entries.contains_key(id))
            .collect();
        if !missing.is_empty() {
            for entry in self.refs.commit_entries(self.id, &missing).await? {
                self.remember(Arc::new(entry));
            }
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push(self.entry(*id).await?);
        }
        Ok(found)
    }

    /// Returns a commit.
    pub(crate) async fn commit(&self, id: CommitId) -> Result<Arc<Commit>> {
        if let Some(commit) = self.commits.get(&id) {
            return Ok(commit);
        }
        let epoch = self.entry(id).await?.epoch;
        let block = self.blocks.commit(id, epoch).await?;
        let commit = Arc::new(Commit::decode(id, &block.hashed, &block.physical)?);
        self.commits.insert(id, commit.clone());
        Ok(commit)
    }

    /// Returns the rules of the repository.
    pub(crate) async fn rules(&self) -> Result<RepositoryRules> {
        Ok(self.refs.repository_rules(self.id).await?.1)
    }

    /// Returns the current epoch.
    pub(crate) async fn epoch(&self) -> Result<u32> {
        // only a store that other processes write to can be in another epoch than it was
        match self.known_epoch.load(Relaxed) {
            0 => {}
            epoch if !self.refs.shared() => return Ok(epoch),
            _ => {}
        }
        let epoch = self.refs.epoch().await?;
        self.known_epoch.store(epoch, Relaxed);
        Ok(epoch)
    }

    /// Returns the state of a branch, to prepare trees on.
    pub(crate) async fn prepare(&self, branch: &Branch) -> Result<Prepared> {
        let epoch = self.epoch().await?;
        Ok(Prepared {
            state: branch.state(),
            epoch,
        })
    }

    /// Returns a view of a branch's state.
    pub(crate) fn view_of(&self, state: &State, epoch: u32) -> View {
        View::new(
            self.blocks.clone(),
            state.record.head,
            state.base(),
            state.overlay.clone(),
            epoch,
        )
    }

    /// Returns a view of a commit.
    pub(crate) async fn view_at(&self, id: CommitId) -> Result<View> {
        let roots = self.commit(id).await?.roots;
        let epoch = self.epoch().await?;
        Ok(View::new(
            self.blocks.clone(),
            id,
            roots,
            Overlay::default(),
            epoch,
        ))
    }

    pub(crate) fn tree(&self, space: Space, roots: &Roots) -> Tree {
        Tree::open(self.blocks.clone(), space, roots.get(space))
    }

    /// Writes the trees that `base` becomes under `overlay`, and the blobs that the overlay brought.
    pub(crate) async fn fold(&self, base: &Roots, overlay: &Overlay, epoch: u32) -> Result<Roots> {
        // all of them: what is written later may refer to a blob whose first user is gone
        let blobs = overlay
            .blobs()
            .map(|(_, (epoch, content))| self.blocks.blob_frame(*epoch, content));
        let blobs = self.blocks.put_all(blobs.collect::<Result<Vec<_>>>()?);
        let trees = futures::future::try_join_all(Space::ALL.map(|space| async move {
            let edits: Vec<Edit> = overlay
                .entries(space, &KeyRange::all())
                .map(|(key, value)| (key.clone(), value.cloned()))
                .collect();
            let prefixes: Vec<_> = overlay.prefixes(space).cloned().collect();
            if edits.is_empty() && prefixes.is_empty() {
                return Ok(base.get(space));
            }
            self.tree(space, base).edit(epoch, edits, prefixes).await
        }));
        let ((), trees) = futures::try_join!(blobs, trees)?;
        let mut roots = Roots::default();
        for (space, root) in Space::ALL.into_iter().zip(trees) {
            roots.set(space, root);
        }
        Ok(roots)
    }

    /// Returns `staged` without the ephemeral objects that it adds to `head`.
    pub(crate) async fn without_ephemeral(&self, head: &Roots, staged: &Roots, epoch: u32) -> Result<Roots> {
        let (before, after) = (self.tree(Space::Objects, head), self.tree(Space::Objects, staged));
        let mut diff = before.diff(&after, &KeyRange::all());
        let mut edits: Vec<Edit> = Vec::new();
        while let Some(change) = diff.next().await? {
            if (self.ephemeral)(&change.key) {
                edits.push((change.key, change.before));
            }
        }
        if edits.is_empty() {
            return Ok(*staged);
        }
        let mut roots = *staged;
        roots.set(Space::Objects, after.edit(epoch, edits, Vec::new()).await?);
        Ok(roots)
    }

    /// Returns the trees of a commit of all that a branch has.
    pub(crate) async fn would_commit(&self, state: &State) -> Result<Roots> {
        if !state.has_staged() {
            return Ok(state.head_roots);
        }
        let epoch = self.epoch().await?;
        let staged = self.fold(&state.base(), &state.overlay, epoch).await?;
        self.without_ephemeral(&state.head_roots, &staged, epoch).await
    }

    /// Stores a commit and returns its id and its entry for the index.
    pub(crate) async fn store_commit(
        &self,
        parents: &[CommitId],
        roots: Roots,
        words: Words,
        epoch: u32,
    ) -> Result<CommitEntry> {
        let generation = match self
            .entries(parents)
            .await?
            .iter()
            .map(|entry| entry.generation)
            .max()
        {
            Some(greatest) => greatest + 1,
            None => 0,
        };
        let commit = Commit {
            kind: words.kind,
            rules_version: RULES_VERSION,
            parents: parents.to_vec(),
            generation,
            skips: self.skips(parents.first()).await?,
            roots,
            author: words.author,
            committer: SERVER.into(),
            time_us: self.clock.now_us(),
            message: words.message,
            metadata: words.metadata,
            sealed: words.sealed,
            attested: words.attested,
            write_id: self.ids.fresh(),
        };
        let frame = self
            .blocks
            .frame(Domain::Commit, epoch, &commit.encode(), &commit.encode_places())?;
        let id = CommitId(frame.link.hash);
        self.blocks.put_all([frame]).await?;
        self.commits.insert(id, Arc::new(commit));
        let entry = CommitEntry {
            id,
            epoch,
            generation,
            parents: parents.to_vec(),
        };
        self.remember(Arc::new(entry.clone()));
        Ok(entry)
    }

    /// Returns the first-parent ancestors at distances 2, 4, 8, … of a commit with this first parent: the
    /// one at 2·d is the one at d of the one at d.
    async fn skips(&self, parent: Option<&CommitId>) -> Result<Vec<CommitId>> {
        let mut skips = Vec::new();
        let Some(parent) = parent else { return Ok(skips) };
        let mut at = self.commit(*parent).await?.parents.first().copied();
        while let Some(id) = at {
            skips.push(id);
            if skips.len() == SKIPS_MAX {
                break;
            }
            at = self.commit(id).await?.skips.get(skips.len() - 1).copied();
        }
        Ok(skips)
    }

    /// Commits all operations that the branch has now. The caller holds `branch.heads`.
    pub(crate) async fn commit_held(
        &self,
        branch: &Branch,
        lane: &Lane,
        kind: CommitKind,
        words: CommitMessage,
    ) -> Result<CommitId> {
        let unlanded = self.commit_candidate(branch, lane, kind, words).await?;
        let id = unlanded.to.head;
        self.land_commit(lane, unlanded).await.map(|()| id)
    }

    /// Stores a commit of all operations that the branch has now, which is not its head yet.
    pub(crate) async fn commit_candidate(
        &self,
        branch: &Branch,
        lane: &Lane,
        kind: CommitKind,
        words: CommitMessage,
    ) -> Result<Unlanded> {
        let from = self.prepare(branch).await?;
        let state = &from.state;
        let nothing = || Error::NothingToCommit {
            branch: branch.name.clone(),
        };
        if !state.has_staged() && !words.allow_empty {
            return Err(nothing());
        }
        let staged = self.fold(&state.base(), &state.overlay, from.epoch).await?;
        let committed = self
            .without_ephemeral(&state.head_roots, &staged, from.epoch)
            .await?;
        if committed == state.head_roots && !words.allow_empty {
            self.keep_fold(lane, from, staged).await?;
            return Err(nothing());
        }
        let mut say = Words::new(kind, &words.author, &words.message);
        say.metadata = words.metadata;
        say.sealed = sealed(state);
        let entry = self
            .store_commit(&[state.record.head], committed, say, from.epoch)
            .await?;
        let to = HeadMove {
            head: entry.id,
            staged: (staged != committed).then_some(staged),
            folded_seq: state.record.seq,
            rebased: false,
            // what the server commits on its own was allowed when it was written
            rules: (kind == CommitKind::Normal).then_some(state.record.rules_generation),
            index: vec![entry],
            reason: format!("commit: {}", words.message),
            time_us: self.clock.now_us(),
            events: Vec::new(),
        };
        let roots = committed;
        Ok(Unlanded { from, to, roots })
    }

    /// Makes a stored commit the head; operations that came since stay staged. The caller holds `branch.heads`.
    pub(crate) async fn land_commit(&self, lane: &Lane, unlanded: Unlanded) -> Result<()> {
        let Unlanded { from, to, roots } = unlanded;
        lane.run(move |actor| async move { actor.move_head(&from, to, roots).await }.boxed())
            .await
    }

    /// Records trees that hold what is staged, unless they are recorded already.
    async fn keep_fold(&self, lane: &Lane, from: Prepared, staged: Roots) -> Result<()> {
        if from.state.record.seq == from.state.record.folded_seq {
            return Ok(());
        }
        lane.run(move |actor| async move { actor.fold(&from, staged).await }.boxed())
            .await
    }

    /// Folds all operations that the branch has now. The caller holds `branch.heads`.
    pub(crate) async fn fold_held(&self, branch: &Branch) -> Result<()> {
        let from = self.prepare(branch).await?;
        let staged = self
            .fold(&from.state.base(), &from.state.overlay, from.epoch)
            .await?;
        self.keep_fold(&branch.lane, from, staged).await
    }

    /// Drops all operations that the branch has now; those that come meanwhile are dropped as well. The caller
    /// holds `branch.heads`.
    pub(crate) async fn reset_held(&self, branch: &Branch) -> Result<u64> {
        let lane = branch.hold().await?;
        let from = self.prepare(branch).await?;
        let state = &from.state;
        if !state.has_staged() {
            return Ok(0);
        }
        let dropped = state.record.seq - state.record.sealed_seq;
        let staged = self.fold(&state.base(), &state.overlay, from.epoch).await?;
        let before = self.view_of(state, from.epoch).settled(staged);
        let after = self.view_at(state.record.head).await?;
        let events = self.events_of_move(&branch.name, &before, &after).await?;
        let to = HeadMove {
            head: state.record.head,
            staged: None,
            folded_seq: state.record.seq,
            rebased: true,
            rules: None,
            index: Vec::new(),
            reason: "reset".into(),
            time_us: self.clock.now_us(),
            events,
        };
        let roots = state.head_roots;
        lane.run(move |actor| async move { actor.move_head(&from, to, roots).await }.boxed())
            .await?;
        Ok(dropped)
    }

    /// Commits for the modes `coalesce` and `sync`.
    pub(crate) async fn commit_on_own(&self, branch: &Branch, author: &str) -> Result<()> {
        let _heads = branch.heads.lock().await;
        let words = CommitMessage {
            author: author.to_owned(),
            message: "written without a commit of its own".into(),
            ..CommitMessage::default()
        };
        match self
            .commit_held(branch, &branch.lane, CommitKind::Auto, words)
            .await
        {
            Ok(_) | Err(Error::NothingToCommit { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn commit_in_background(&self, branch: &Branch) {
        let outcome = match branch.is_reserved(self).await {
            true => Err("a merge has its turn".to_owned()),
            false => self
                .commit_on_own(branch, SERVER)
                .await
                .map_err(|error| error.to_string()),
        };
        if let Err(reason) = outcome {
            tracing::warn!(branch = %branch.name, reason, "could not commit in the background, trying again later");
            let later = branch
                .lane
                .run(|actor| {
                    async move {
                        actor.retry_later();
                        Ok(())
                    }
                    .boxed()
                })
                .await;
            tracing::debug!(branch = %branch.name, ?later, "background commit put off");
        }
    }

    pub(crate) async fn fold_in_background(&self, branch: &Branch) {
        // whoever holds the lock folds already
        let Ok(_heads) = branch.heads.try_lock() else {
            return;
        };
        if let Err(error) = self.fold_held(branch).await {
            tracing::warn!(branch = %branch.name, %error, "could not fold the op log, trying again after the next write");
        }
    }
}

/// Returns a cache that weighs what it keeps.
fn weighed<V: Clone + Send + Sync + 'static>(
    bytes: impl Fn(&V) -> usize + Send + Sync + 'static,
) -> moka::sync::Cache<CommitId, V> {
    // with what the cache itself needs of each
    let weight = move |_: &CommitId, value: &V| u32::try_from(bytes(value) + 100).unwrap_or(u32::MAX);
    moka::sync::Cache::builder()
        .max_capacity(COMMITS_BYTES)
        .weigher(weight)
        .build()
}

fn not_found(id: &CommitId) -> Error {
    Error::NotFound {
        what: "commit",
        name: id.to_string(),
    }
}

/// Returns which operations a commit of all that the branch has seals.
fn sealed(state: &State) -> Sealed {
    Sealed {
        incarnation: state.record.incarnation,
        from_seq: state.record.sealed_seq + 1,
        to_seq: state.record.seq,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_kept_by_their_bytes() {
        let kept = weighed(|bytes: &usize| *bytes);
        for n in 0..100 {
            kept.insert(CommitId(crate::Hash([n; 32])), 1 << 20);
            kept.run_pending_tasks();
        }
        assert!(kept.weighted_size() <= COMMITS_BYTES);
        assert_eq!(kept.entry_count(), 31, "of 1 MiB and a little each");
    }
}
