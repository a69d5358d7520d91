//! Verification of a whole repository: everything that any ref can reach is there and is what it should be.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures::TryStreamExt;

use crate::commit::Commit;
use crate::core::Core;
use crate::id::Domain;
use crate::object::{DataFile, Object};
use crate::refs::BranchRecord;
use crate::tree::{Change, Reached};
use crate::{
    Batch, BlobRef, CommitId, Error, Hash, KeyRange, Mutation, Repository, Result, Roots, Space, oplog,
};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub branches: u64,
    pub tags: u64,
    pub commits: u64,
    pub nodes: u64,
    pub blobs: u64,
    pub objects: u64,
    pub data_files: u64,
    /// What is wrong, each with what it belongs to. Empty means sound.
    pub problems: Vec<String>,
}

/// What was looked at already.
#[derive(Debug, Default)]
struct Seen {
    commits: HashSet<CommitId>,
    /// Of each commit that a commit has as a parent, the children that the index knows.
    children: HashMap<CommitId, HashSet<CommitId>>,
    /// With variant and epoch: each stored copy is looked at.
    nodes: HashSet<(Hash, u32, u32)>,
    /// With the epoch.
    blobs: HashSet<(Hash, u32)>,
    data: HashMap<DataFile, u64>,
}

/// Verifies all that the refs of a repository reach: commits, nodes, blobs, op logs, and that data files
/// have the length that objects need, those of writes included that are in the log alone. Everything is read
/// from the store, whatever is in memory; the contents of data files are not read.
///
/// # Errors
/// Those of the ref store; damage is no error but a line of the report.
pub async fn fsck(repository: &Repository) -> Result<Report> {
    let core = repository.inner_core().cold();
    let mut check = Check {
        core: &core,
        seen: Seen::default(),
        report: Report::default(),
    };
    for branch in core.refs.branches(core.id).await? {
        check.branch(&branch).await?;
    }
    for (name, commit) in core.refs.tags(core.id).await? {
        check.report.tags += 1;
        check.history(commit, &format!("tag {name}")).await?;
    }
    check.report.nodes = check.seen.nodes.len() as u64;
    check.report.blobs = check.seen.blobs.len() as u64;
    check.data(repository).await?;
    Ok(check.report)
}

struct Check<'a> {
    core: &'a Core,
    seen: Seen,
    report: Report,
}

impl Check<'_> {
    async fn branch(&mut self, branch: &BranchRecord) -> Result<()> {
        let owner = match branch.name.is_shared() {
            true => "the shared namespace".to_owned(),
            false => format!("branch {}", branch.name),
        };
        self.report.branches += u64::from(!branch.name.is_shared());
        self.history(branch.head, &owner).await?;
        if let Some(staged) = branch.staged {
            let head = match self.core.commit(branch.head).await {
                Ok(head) => head.roots,
                Err(_) => Roots::default(),
            };
            self.trees(&head, &staged, &format!("{owner}, staged")).await?;
        }
        let mut brought = HashSet::new();
        for record in self
            .core
            .refs
            .log_after(self.core.id, branch.incarnation, branch.folded_seq)
            .await?
        {
            match oplog::decode(record.seq, &record.payload) {
                Ok(batches) => brought.extend(self.batches(&batches, &brought, &owner).await?),
                Err(error) => self.problem(&owner, error)?,
            }
        }
        Ok(())
    }

    /// Verifies what unfolded writes need: data files, and blobs, unless the log brought those itself. Returns
    /// the blobs that these writes bring.
    async fn batches(
        &mut self,
        batches: &[Batch],
        before: &HashSet<Hash>,
        owner: &str,
    ) -> Result<HashSet<Hash>> {
        let blobs = batches.iter().flat_map(|batch| &batch.blobs);
        let brought: HashSet<Hash> = blobs.map(|blob| Hash::of(Domain::Blob, blob)).collect();
        for mutation in batches.iter().flat_map(|batch| &batch.mutations) {
            let Mutation::Put { space, key, value } = mutation else {
                continue;
            };
            if *space == Space::Objects {
                match Object::decode(key, &value.payload) {
                    Ok(object) => self.need(&object),
                    Err(error) => self.problem(owner, error)?,
                }
            }
            for blob in &value.blobs {
                let is_stored = !before.contains(&blob.hash) && !brought.contains(&blob.hash);
                if is_stored && self.seen.blobs.insert((blob.hash, blob.epoch)) {
                    self.blob(blob, owner).await?;
                }
            }
        }
        Ok(brought)
    }

    async fn blob(&mut self, blob: &BlobRef, owner: &str) -> Result<()> {
        match self.core.blocks.blob(blob).await {
            Ok(_) => Ok(()),
            Err(error) => self.problem(owner, error),
        }
    }

    /// Verifies a commit and all before it.
    async fn history(&mut self, head: CommitId, owner: &str) -> Result<()> {
        let mut queue = BTreeSet::from([head]);
        while let Some(id) = queue.pop_first() {
            if !self.seen.commits.insert(id) {
                continue;
            }
            self.report.commits += 1;
            let commit = match self.core.commit(id).await {
                Ok(commit) => commit,
                Err(error) => {
                    self.problem(owner, error)?;
                    continue;
                }
            };
            queue.extend(commit.parents.iter().copied());
            // one that cannot be read is told of when its turn comes
            let parent = match commit.parents.first() {
                Some(parent) => self.core.commit(*parent).await.ok(),
                None => None,
            };
            self.index(id, &commit, parent.as_deref()).await?;
            let before = parent.map(|parent| parent.roots).unwrap_or_default();
            self.trees(&before, &commit.roots, &format!("commit {}", id.short()))
                .await?;
        }
        Ok(())
    }

    /// Verifies that the commit index says of a commit what it says itself, from either end; `parent` is its first.
    async fn index(&mut self, id: CommitId, commit: &Commit, parent: Option<&Commit>) -> Result<()> {
        let (refs, repository) = (&self.core.refs, self.core.id);
        let entry = self.core.entry(id).await?;
        let mut agrees = entry.parents == commit.parents && entry.generation == commit.generation;
        for parent in &commit.parents {
            if !self.seen.children.contains_key(parent) {
                let children = refs.children(repository, &[*parent], usize::MAX).await?;
                let ids = children.iter().map(|child| child.id).collect();
                self.seen.children.insert(*parent, ids);
            }
            agrees &= self.seen.children[parent].contains(&id);
        }
        if let Some(parent) = parent {
            let line = refs.first_parent_from(repository, id, parent.generation).await?;
            agrees &= line.as_ref() == commit.parents.first();
        }
        match agrees {
            true => Ok(()),
            false => {
                let message = "it does not have the parents, generation or children that the commits have";
                let damaged = Error::Corrupt {
                    what: "commit index",
                    key: id.to_string(),
                    message: message.into(),
                };
                self.problem(&format!("commit {}", id.short()), damaged)
            }
        }
    }

    /// Verifies the trees of `roots`, but not what they share with others that were verified.
    async fn trees(&mut self, before: &Roots, roots: &Roots, owner: &str) -> Result<()> {
        for space in Space::ALL {
            let mut blobs = Vec::new();
            let seen = &mut self.seen;
            let tree = self.core.tree(space, roots);
            let mut damage = Vec::new();
            let visit = |reached: Reached<'_>| match reached {
                Reached::Node(link) => seen.nodes.insert((link.hash, link.variant, link.epoch)),
                Reached::Blob(blob) => {
                    if seen.blobs.insert((blob.hash, blob.epoch)) {
                        blobs.push(*blob);
                    }
                    true
                }
            };
            let failed = |error| {
                damage.push(error);
                Ok(())
            };
            tree.walk_past(visit, failed).await?;
            for error in damage {
                self.problem(owner, error)?;
            }
            for blob in blobs {
                self.blob(&blob, owner).await?;
            }
        }
        self.objects(before, roots, owner).await
    }

    /// Notes which data files the objects need that `roots` has beyond `before`.
    async fn objects(&mut self, before: &Roots, roots: &Roots, owner: &str) -> Result<()> {
        let (before, after) = (
            self.core.tree(Space::Objects, before),
            self.core.tree(Space::Objects, roots),
        );
        let mut diff = before.diff(&after, &KeyRange::all());
        loop {
            let object = match diff.next().await {
                Ok(None) => return Ok(()),
                Ok(Some(Change {
                    key,
                    after: Some(value),
                    ..
                })) => Object::decode(&key, &value.payload),
                Ok(Some(_)) => continue,
                Err(error) => return self.problem(owner, error),
            };
            match object {
                Ok(object) => self.need(&object),
                Err(error) => self.problem(owner, error)?,
            }
        }
    }

    fn need(&mut self, object: &Object) {
        self.report.objects += 1;
        for segment in &object.segments {
            let end = self.seen.data.entry(segment.file).or_default();
            *end = (*end).max(segment.offset + segment.len);
        }
    }

    /// Verifies that the data files are there, and as long as objects need them.
    async fn data(&mut self, repository: &Repository) -> Result<()> {
        let data = repository.data();
        let mut sizes = HashMap::new();
        let mut stored = data.list();
        while let Some((file, size)) = stored.try_next().await? {
            sizes.insert(file, size);
        }
        self.report.data_files = self.seen.data.len() as u64;
        for (file, end) in &self.seen.data {
            let path = data.path(*file);
            match sizes.get(file) {
                None => self.report.problems.push(format!("data file {path} is missing")),
                Some(size) if size < end => {
                    self.report
                        .problems
                        .push(format!("data file {path} has {size} bytes, {end} are needed"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn problem(&mut self, owner: &str, error: Error) -> Result<()> {
        match error {
            Error::Corrupt { .. } | Error::NotFound { .. } => {
                let line = format!("{owner}: {error}");
                // what is damaged is come upon by several ways
                if !self.report.problems.contains(&line) {
                    self.report.problems.push(line);
                }
                Ok(())
            }
            other => Err(other),
        }
    }
}
