//! What a ref looks like at one moment: four trees, and over them the operations that are not folded yet.

use std::sync::Arc;

use bytes::Bytes;

use crate::id::Domain;
use crate::object::Object;
use crate::overlay::{Overlay, Said};
use crate::space::successor;
use crate::store::Blocks;
use crate::tree::{Cursor, Diff, Entry, Totals, Tree};
use crate::{Batch, BlobRef, CommitId, Hash, KeyRange, Result, Roots, Space, Value};

/// An immutable, consistent picture of a repository at a ref. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct View {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    blocks: Arc<Blocks>,
    head: CommitId,
    roots: Roots,
    overlay: Overlay,
    epoch: u32,
}

impl View {
    pub(crate) fn new(
        blocks: Arc<Blocks>,
        head: CommitId,
        roots: Roots,
        overlay: Overlay,
        epoch: u32,
    ) -> View {
        View {
            inner: Arc::new(Inner {
                blocks,
                head,
                roots,
                overlay,
                epoch,
            }),
        }
    }

    /// Returns the commit below the staged state (or the commit itself).
    pub fn head(&self) -> CommitId {
        self.inner.head
    }

    /// Returns the trees below the overlay.
    pub fn roots(&self) -> Roots {
        self.inner.roots
    }

    /// Returns whether the trees alone are the state: nothing waits to be folded.
    pub fn is_settled(&self) -> bool {
        self.inner.overlay.is_empty()
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.inner.overlay
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.inner.epoch
    }

    /// Returns this view with trees that hold its overlay already.
    pub(crate) fn settled(&self, roots: Roots) -> View {
        View {
            inner: Arc::new(Inner {
                roots,
                overlay: Overlay::default(),
                ..Inner::clone(&self.inner)
            }),
        }
    }

    /// Returns what differs in one space between this and another view of the same repository, both settled.
    pub fn diff(&self, after: &View, space: Space, range: &KeyRange) -> Diff {
        self.tree(space).diff(&after.tree(space), range)
    }

    pub(crate) fn tree(&self, space: Space) -> Tree {
        Tree::open(self.inner.blocks.clone(), space, self.inner.roots.get(space))
    }

    /// Returns the value at `key`.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`], as every method here.
    pub async fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        match self.inner.overlay.get(space, key) {
            Said::Put(value) => Ok(Some(value.clone())),
            Said::Deleted => Ok(None),
            Said::Nothing => self.tree(space).get(key).await,
        }
    }

    /// Returns the entries of `range` in the order of their keys.
    pub fn scan(&self, space: Space, range: KeyRange) -> Scan {
        Scan {
            cursor: self.tree(space).cursor(range.clone()),
            overlay: self.inner.overlay.clone(),
            is_bare: self.inner.overlay.is_empty_in(space),
            space,
            range,
            turn: Turn::Tree,
        }
    }

    /// Returns the number of entries in `range` and the sum of their weights. It costs the height of the
    /// tree and, for what is not folded, one look-up a key.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn totals(&self, space: Space, range: KeyRange) -> Result<Totals> {
        let tree = self.tree(space);
        let overlay = &self.inner.overlay;
        let mut totals = tree.totals(&range).await?;
        for prefix in overlay.prefixes(space) {
            let hidden = tree
                .totals(&KeyRange::prefix(prefix.clone()).intersect(&range))
                .await?;
            totals = totals - hidden;
        }
        for (key, value) in overlay.entries(space, &range) {
            if overlay.covering(space, key).is_none()
                && let Some(before) = tree.get(key).await?
            {
                totals = totals
                    - Totals {
                        count: 1,
                        weight: before.weight,
                    };
            }
            if let Some(after) = value {
                totals = totals
                    + Totals {
                        count: 1,
                        weight: after.weight,
                    };
            }
        }
        Ok(totals)
    }

    /// Returns the content of a blob.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn blob(&self, blob: &BlobRef) -> Result<Bytes> {
        match self.inner.overlay.blob(&blob.hash) {
            Some((_, content)) => Ok(content.clone()),
            None => self.inner.blocks.blob(blob).await,
        }
    }

    /// Returns the object at `path`.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn object(&self, path: &str) -> Result<Option<Object>> {
        match self.get(Space::Objects, path.as_bytes()).await? {
            Some(value) => Ok(Some(Object::decode(path.as_bytes(), &value.payload)?)),
            None => Ok(None),
        }
    }

    /// Returns this view with the changes of `batch` on top: for planning, nothing is written.
    pub fn with(&self, batch: &Batch) -> View {
        let mut inner = Inner::clone(&self.inner);
        inner.overlay.apply(batch, inner.epoch);
        View {
            inner: Arc::new(inner),
        }
    }

    /// Returns a reference to a blob with this content. Unless the view has it already, the caller adds the
    /// content to [`Batch::blobs`]; adding it always does no harm.
    pub fn blob_ref(&self, content: &[u8]) -> BlobRef {
        let hash = Hash::of(Domain::Blob, content);
        let epoch = self
            .inner
            .overlay
            .blob(&hash)
            .map_or(self.inner.epoch, |(epoch, _)| *epoch);
        BlobRef { hash, epoch }
    }
}

/// A forward walk over the entries of a range: the tree's and the overlay's, merged.
#[derive(Debug)]
pub struct Scan {
    cursor: Cursor,
    overlay: Overlay,
    /// Whether the tree alone is the state.
    is_bare: bool,
    space: Space,
    /// What was not visited yet.
    range: KeyRange,
    turn: Turn,
}

/// Whose entry comes.
#[derive(Debug)]
enum Turn {
    Tree,
    Overlay(Bytes, Value),
}

impl Scan {
    /// Moves to the next entry and returns it.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.is_bare {
            return self.cursor.next().await;
        }
        loop {
            self.skip_hidden().await?;
            let changed = self.overlay.first(self.space, &self.range);
            let tree_key = self.cursor.peek().await?.map(|entry| entry.key);
            match (changed, tree_key) {
                (None, None) => return Ok(None),
                (Some((key, value)), tree) if tree.is_none_or(|tree| key.as_ref() < tree) => {
                    let (key, value) = (key.clone(), value.cloned());
                    self.range = self.range.clone().after(key.clone());
                    let Some(value) = value else { continue };
                    self.turn = Turn::Overlay(key, value);
                    break;
                }
                _ => {
                    self.turn = Turn::Tree;
                    break;
                }
            }
        }
        match &self.turn {
            Turn::Overlay(key, value) => Ok(Some(Entry::of(key, value))),
            Turn::Tree => self.cursor.next().await,
        }
    }

    /// Moves the cursor over entries that the overlay replaces or deletes.
    async fn skip_hidden(&mut self) -> Result<()> {
        while let Some(entry) = self.cursor.peek().await? {
            if let Some(prefix) = self.overlay.covering(self.space, entry.key) {
                match successor(prefix) {
                    Some(end) => self.cursor.seek(&end).await?,
                    None => self.cursor.end(),
                }
            } else if self.overlay.get(self.space, entry.key) != Said::Nothing {
                self.cursor.next().await?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Skips to the first entry at or after `key`, which the next call of [`Scan::next`] returns. Does nothing
    /// if the walk is there already.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn seek(&mut self, key: &[u8]) -> Result<()> {
        if self.range.starts_by(key) {
            self.range.start = std::ops::Bound::Included(Bytes::copy_from_slice(key));
        }
        self.cursor.seek(key).await
    }
}
