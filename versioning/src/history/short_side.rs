//! A merge base found from the shorter of two histories, whatever the length of the other.
//!
//! The best common ancestor of two commits is the first commit that a walk down from one of them meets which is an
//! ancestor of the other. Whether a commit is that is told from the other end of the index: by its descendants. One
//! of them on the other's line of first parents says yes; that there are no more of them says no. So the long history
//! is never walked: from a branch that began a hundred thousand merges ago it takes a few questions.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Frontier;
use super::read_ahead::ReadAhead;
use crate::core::Core;
use crate::refs::CommitEntry;
use crate::{CommitId, Result};

/// How many questions this may take before walking down both histories is thought to be cheaper.
const QUESTIONS_MAX: usize = 512;
/// How many descendants are taken at once; a commit from which more branches began is none to search from.
const CHILDREN_MAX: usize = 1_024;

/// Returns the best common ancestor, or that there is none, or `Continue` if that would take too many questions.
pub(super) async fn merge_base(
    core: &Core,
    ends: &[Arc<CommitEntry>; 2],
) -> Result<ControlFlow<Option<CommitId>>> {
    let [one, other] = ends;
    // the generation tells which is longer, as far as the index can
    let (short, long) = match one.generation <= other.generation {
        true => (one, other),
        false => (other, one),
    };
    let mut search = Search::new(core, long);
    let (mut frontier, mut ahead) = (Frontier::default(), ReadAhead::default());
    frontier.reach(short.clone(), 0);
    while let Some((entry, _)) = frontier.pop() {
        match search.leads_there(&entry).await? {
            Some(true) => return Ok(ControlFlow::Break(Some(entry.id))),
            Some(false) => {}
            None => return Ok(ControlFlow::Continue(())),
        }
        for parent in ahead.parents(core, &entry).await? {
            frontier.reach(parent, 0);
        }
    }
    Ok(ControlFlow::Break(None))
}

/// What is known of the ancestors of one commit.
struct Search<'a> {
    core: &'a Core,
    head: &'a CommitEntry,
    /// Commits that are none of them.
    apart: HashSet<CommitId>,
    /// By generation, the commit of it or the next above on the line of first parents.
    line: HashMap<u64, Option<CommitId>>,
    questions_left: usize,
}

impl<'a> Search<'a> {
    fn new(core: &'a Core, head: &'a CommitEntry) -> Search<'a> {
        Search {
            core,
            head,
            apart: HashSet::new(),
            line: HashMap::new(),
            questions_left: QUESTIONS_MAX,
        }
    }

    /// Returns whether `from` is the head or an ancestor of it; `None` if it takes too many questions to tell.
    async fn leads_there(&mut self, from: &CommitEntry) -> Result<Option<bool>> {
        let mut seen = HashSet::from([from.id]);
        let mut open = vec![(from.generation, from.id)];
        while !open.is_empty() {
            for (generation, id) in &open {
                match self.on_line(*generation, *id).await? {
                    Some(false) => {}
                    answer => return Ok(answer),
                }
            }
            let Some(children) = self.children(&open).await? else {
                return Ok(None);
            };
            open = children
                .iter()
                .filter(|child| child.generation <= self.head.generation)
                .filter(|child| !self.apart.contains(&child.id) && seen.insert(child.id))
                .map(|child| (child.generation, child.id))
                .collect();
        }
        self.apart.extend(seen);
        Ok(Some(false))
    }

    /// Returns whether a commit is the head, its first parent, the first parent of that, and so on.
    async fn on_line(&mut self, generation: u64, id: CommitId) -> Result<Option<bool>> {
        if let Some(known) = self.line.get(&generation) {
            return Ok(Some(*known == Some(id)));
        }
        if !self.may_ask() {
            return Ok(None);
        }
        let (core, head) = (self.core, self.head.id);
        let found = core.refs.first_parent_from(core.id, head, generation).await?;
        self.line.insert(generation, found);
        Ok(Some(found == Some(id)))
    }

    async fn children(&mut self, of: &[(u64, CommitId)]) -> Result<Option<Vec<CommitEntry>>> {
        if !self.may_ask() {
            return Ok(None);
        }
        let ids: Vec<CommitId> = of.iter().map(|(_, id)| *id).collect();
        let found = self.core.refs.children(self.core.id, &ids, CHILDREN_MAX).await?;
        Ok(Some(found).filter(|found| found.len() < CHILDREN_MAX))
    }

    fn may_ask(&mut self) -> bool {
        let may = self.questions_left > 0;
        self.questions_left = self.questions_left.saturating_sub(1);
        may
    }
}
