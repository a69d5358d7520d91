//! Statements about branches, by the same calls and the same gate as REST.

use std::sync::Arc;

use async_trait::async_trait;
use catalog::merge::{CatalogResolver, Conflict, Warning};
use sql::{Branches, Change, Changed};
use versioning::merge::{Gate, Landing, MergeOutcome, MergeReport, Refusal, Warnings};
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{CommitId, Kind, RefExpr, RefName, Repository};

use crate::output::more;

/// So many conflicts are told in the text of an error; a merge by REST tells all.
const CONFLICTS_SHOWN: usize = 20;

/// Makes the changes.
#[derive(Debug)]
pub(crate) struct BranchStatements {
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) resolver: Arc<CatalogResolver>,
    pub(crate) author: String,
}

#[async_trait]
impl Branches for BranchStatements {
    async fn change(&self, repository: &Repository, at: &RefExpr, change: &Change) -> sql::Result<Changed> {
        match change {
            Change::CreateBranch { name, from } => {
                let from = given(from.as_ref(), at)?;
                let branch = repository
                    .create_branch(&RefName::parse(name)?, &from, CommitMode::Staged)
                    .await?;
                Ok(changed(name, Some(branch.head.to_string()), "created"))
            }
            Change::DropBranch { name } => {
                repository.delete_branch(&RefName::parse(name)?).await?;
                Ok(changed(name, None, "dropped"))
            }
            Change::CreateTag { name, at: of } => {
                let commit = repository
                    .create_tag(&RefName::parse(name)?, &given(of.as_ref(), at)?)
                    .await?;
                Ok(changed(name, Some(commit.to_string()), "created"))
            }
            Change::DropTag { name } => {
                repository.delete_tag(&RefName::parse(name)?).await?;
                Ok(changed(name, None, "dropped"))
            }
            Change::Commit { message } => self.commit(repository, at, message).await,
            Change::Merge {
                source,
                into,
                message,
            } => {
                let landing = Landing {
                    message: message.clone(),
                    ..Landing::onto(RefName::parse(into)?, self.author.clone())
                };
                self.merge(repository, &RefExpr::parse(source)?, &landing).await
            }
            Change::Use { at } => {
                let commit = repository.resolve(&RefExpr::parse(at)?).await?.commit;
                Ok(changed(at, Some(commit.to_string()), "used"))
            }
        }
    }
}

impl BranchStatements {
    async fn commit(&self, repository: &Repository, at: &RefExpr, message: &str) -> sql::Result<Changed> {
        if at.committed || at.back > 0 {
            return Err(sql::Error::Statement {
                message: format!("{at} is no branch, and only what is staged on a branch can be committed"),
            });
        }
        let words = CommitMessage {
            author: self.author.clone(),
            message: message.to_owned(),
            ..CommitMessage::default()
        };
        let commit = repository.commit(&at.name, words).await?;
        Ok(changed(at.name.as_str(), Some(commit.to_string()), "committed"))
    }

    async fn merge(
        &self,
        repository: &Repository,
        source: &RefExpr,
        landing: &Landing,
    ) -> sql::Result<Changed> {
        let resolver = self.resolver.reading(repository);
        let report = repository
            .merge(source, landing, &resolver, self.gate.as_ref())
            .await?;
        let warnings = warned(&report.warnings);
        let changed = told(landing.into.as_str(), report)?;
        Ok(Changed { warnings, ..changed })
    }
}

fn given(text: Option<&String>, at: &RefExpr) -> sql::Result<RefExpr> {
    text.map_or_else(|| Ok(at.clone()), |text| Ok(RefExpr::parse(text)?))
}

fn changed(at: &str, commit: Option<String>, outcome: &str) -> Changed {
    Changed {
        at: at.to_owned(),
        commit,
        outcome: outcome.to_owned(),
        warnings: Vec::new(),
    }
}

fn warned(warnings: &Warnings) -> Vec<String> {
    let told = warnings.first.iter().filter_map(Warning::read);
    let mut texts: Vec<String> = told.map(|warning| warning.message).collect();
    let untold = warnings.total.saturating_sub(texts.len() as u64);
    if untold > 0 {
        texts.push(format!("and {}", more(untold, "warning", "warnings")));
    }
    texts
}

/// A merge that did not land is an error that says why, and under which id it is kept.
fn told(into: &str, report: MergeReport<Conflict>) -> sql::Result<Changed> {
    let kept = report.attempt.map_or_else(String::new, |id| {
        format!("\nhint: it is kept: skep merge show {id} tells all")
    });
    let (kind, why) = match report.outcome {
        MergeOutcome::Landed(id) => return Ok(changed(into, Some(id.to_string()), "merged")),
        MergeOutcome::UpToDate(id) => return Ok(changed(into, Some(id.to_string()), "up to date")),
        MergeOutcome::Clean => return Ok(changed(into, None, "clean")),
        MergeOutcome::Conflicts(conflicts) => (Kind::Conflict, contested(&conflicts)),
        MergeOutcome::Refused { candidate, refusals } => (Kind::Denied, refused(candidate, &refusals)),
    };
    let message = format!("nothing was merged: {why}{kept}");
    Err(sql::Error::NotChanged { kind, message })
}

fn contested(conflicts: &[Conflict]) -> String {
    let shown = conflicts.iter().take(CONFLICTS_SHOWN).map(Conflict::to_string);
    let shown: Vec<_> = shown.collect();
    format!("{} conflicts: {}", conflicts.len(), shown.join("; "))
}

fn refused(candidate: CommitId, refusals: &[Refusal]) -> String {
    let reasons = refusals
        .iter()
        .map(|refusal| format!("{}: {}", refusal.check, refusal.reason));
    let reasons: Vec<_> = reasons.collect();
    format!("checks refused {candidate}: {}", reasons.join("; "))
}
