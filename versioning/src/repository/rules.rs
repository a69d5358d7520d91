//! The rules of a repository: whether it takes writes, and what holds for branches by their names.

use futures::FutureExt;

use super::Repository;
use crate::refs::{BranchRecord, PATTERNS_MAX, Pattern, Protection, RepositoryRules, Rule};
use crate::{Error, RefName, Result};

/// How often a change of the rules is tried again because another was faster.
const TRIES_MAX: u32 = 64;

impl Repository {
    /// Returns the rules of the repository.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn rules(&self) -> Result<RepositoryRules> {
        self.core().rules().await
    }

    /// Fails if nothing in the repository is written any more.
    ///
    /// # Errors
    /// [`Error::RepositoryReadOnly`], [`Error::Storage`].
    pub async fn check_open(&self) -> Result<()> {
        self.rules().await?.check_open(&self.inner.record.name)
    }

    /// Says whether nothing in the repository is written any more. What was written before is still committed where
    /// the server commits on its own.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn set_read_only(&self, read_only: bool) -> Result<()> {
        self.change_rules(|rules| {
            rules.read_only = read_only;
            Ok(())
        })
        .await
    }

    /// Says what holds for the branches that a pattern stands for, instead of what was said before.
    ///
    /// # Errors
    /// [`Error::Refused`] for too many patterns, and for a rule that would contradict itself: a protected branch does
    /// not expire.
    pub async fn set_rule(&self, pattern: &Pattern, rule: &Rule) -> Result<()> {
        let refused = |reason: String| Error::Refused {
            operation: "setting a rule",
            reason,
        };
        if rule.protection.is_some() && !rule.expiry.is_never() {
            return Err(refused("a protected branch does not expire".into()));
        }
        self.change_rules(|rules| {
            rules.patterns.insert(pattern.clone(), rule.clone());
            match rules.patterns.len() <= PATTERNS_MAX {
                true => Ok(()),
                false => Err(refused(format!(
                    "a repository has rules for at most {PATTERNS_MAX} patterns"
                ))),
            }
        })
        .await
    }

    /// Removes what was said of a pattern.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_rule(&self, pattern: &Pattern) -> Result<()> {
        self.change_rules(|rules| match rules.patterns.remove(pattern) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound {
                what: "rule",
                name: pattern.to_string(),
            }),
        })
        .await
    }

    /// Returns what a branch has to obey: what it says itself, and what the rules of the repository add.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn protection(&self, name: &RefName) -> Result<Option<Protection>> {
        Ok(self.open_branch(name).await?.state().protection())
    }

    /// Returns a branch if it can be written to directly.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Protected`], [`Error::RepositoryReadOnly`].
    pub async fn writable(&self, name: &RefName) -> Result<BranchRecord> {
        let state = self.open_branch(name).await?.state();
        state.check_direct(&self.inner.record.name, "changes land on it by merging only")?;
        Ok(state.record.clone())
    }

    /// Changes the rules; no other change comes between. Whoever asks after this is judged by them.
    async fn change_rules(&self, change: impl Fn(&mut RepositoryRules) -> Result<()> + Send) -> Result<()> {
        let core = self.core();
        for _ in 0..TRIES_MAX {
            let (generation, mut rules) = core.refs.repository_rules(core.id).await?;
            let before = rules.clone();
            change(&mut rules)?;
            if rules == before {
                return Ok(());
            }
            let changed = core.refs.set_repository_rules(core.id, generation, &rules).await;
            // of a change that failed nobody knows whether it took effect
            if !matches!(changed, Ok(false)) {
                self.reread_branches().await;
                return changed.map(drop);
            }
        }
        Err(Error::Storage {
            operation: "changing rules",
            message: "other processes keep changing them".into(),
        })
    }

    /// Has the open branches read anew. One that cannot be read is read before anything else is done to it.
    async fn reread_branches(&self) {
        for name in self.inner.names.opened() {
            let Ok(branch) = self.inner.names.branch(&self.inner.core, &name).await else {
                continue;
            };
            let reread = branch
                .lane
                .run(|actor| async move { actor.reload().await }.boxed());
            if let Err(error) = reread.await {
                tracing::warn!(branch = %name, %error, "a branch could not be read after rules changed");
            }
        }
    }
}
