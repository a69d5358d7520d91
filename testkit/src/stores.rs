//! Stores in memory.

use std::sync::Arc;

use versioning::refs::MemoryRefs;
use versioning::repository::{Limits, Parts};
use versioning::store::MemoryFiles;
use versioning::{RefName, Repositories, Repository, RepositoryName, Result};

use crate::{SeededIds, SteppingClock};

/// Returns the parts of a store in memory. Objects below `_temporary/` are ephemeral.
pub fn memory_parts(seed: u64) -> Parts {
    Parts {
        refs: Arc::new(MemoryRefs::new()),
        files: Arc::new(MemoryFiles::new()),
        clock: Arc::new(SteppingClock::default()),
        ids: Arc::new(SeededIds::new(seed)),
        ephemeral: |path| path.windows(11).any(|part| part == b"_temporary/"),
    }
}

/// Returns the repository `lake` with the branch `main` in a fresh store in memory, with its store.
///
/// # Errors
/// Those of the store.
pub async fn repository(seed: u64) -> Result<(Repositories, Repository)> {
    let repositories = Repositories::open(memory_parts(seed), Limits::default()).await?;
    let name = RepositoryName::parse("lake")?;
    let repository = repositories.create(&name, &RefName::parse("main")?).await?;
    Ok((repositories, repository))
}
