//! Histories in a small language, one statement a line; a path or a name says what it is about.
//!
//! ```text
//! create sales.orders (id int, amt int) by (dt string) as csv
//! columns sales.orders (id int, amt bigint)     rename sales.orders sales.old     drop sales.orders
//! set sales.orders k=v                          unset sales.orders k              owner sales.orders eve
//! add sales.orders dt=1 [at path]               droppart sales.orders dt=1        setpart sales.orders dt=1 k=v
//! analyze sales.orders id@7                     analyzepart sales.orders dt=1 id@7
//! put path content                              rm path                           move sales.orders path
//! setdb x k=v    ownerdb x eve                  buckets sales.orders 8         serdeparam sales.orders k=v
//! keys sales.orders (dt int)                    partcolumns sales.orders dt=1 (id int)
//! movepart sales.orders dt=1 path               renamepart sales.orders dt=1 dt=2
//! iceberg sales.t 3 1 2: the metadata file 3, whose log has 1 and 2, and the table that points there
//! again path content: the same bytes, as another file and later
//! database x    dropdb x    movedb x path    setdb x k=v    comment x text
//!     function sales.f class            dropfn sales.f
//! view sales.v text
//! pk sales.t name a b    uk sales.t name a    nn sales.t name a    check sales.t name a expression
//! fk sales.t name a sales.u b    unconstrain sales.t name
//! schema sales.s text    dropschema sales.s    version sales.s 1    dropversion sales.s 1
//! ```

mod dump;
mod language;

use std::sync::Arc;

use catalog::merge::{CatalogResolver, ConflictKind, Options};
use catalog::{Catalog, Draft, Result};
use versioning::merge::{Landing, MergeOutcome, MergeReport, OpenGate, Resolver, Sides};
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{CommitId, KeyRange, RefExpr, RefName, Repositories, Repository, Space, View};

pub(crate) use dump::dump;

use dump::check_ids;
pub(crate) use language::execute;

/// A repository whose branches are written in the language.
pub(crate) struct History {
    pub(crate) catalog: Catalog,
    _store: Repositories,
}

pub(crate) fn name(name: &str) -> RefName {
    RefName::parse(name).unwrap()
}

pub(crate) fn at(text: &str) -> RefExpr {
    RefExpr::parse(text).unwrap()
}

impl History {
    /// Starts with the database `sales`, and what `statements` say, committed on `main`.
    pub(crate) async fn new(statements: &str) -> History {
        let (store, repository) = testkit::repository(11).await.unwrap();
        let history = History {
            catalog: Catalog::new(repository),
            _store: store,
        };
        history
            .commit("main", &format!("database sales\n{statements}"))
            .await;
        history
    }

    /// Makes a branch from `main`.
    pub(crate) async fn branch(&self, branch: &str) {
        let repository = self.catalog.repository();
        repository
            .create_branch(&name(branch), &at("main"), CommitMode::Staged)
            .await
            .unwrap();
    }

    /// Does what the statements say on a branch and commits it. An empty text changes nothing.
    pub(crate) async fn commit(&self, branch: &str, statements: &str) -> CommitId {
        for statement in statements.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let done = self.execute(branch, statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        self.commit_as_is(branch).await
    }

    /// Does what one statement says, or nothing if it fails.
    pub(crate) async fn execute(&self, branch: &str, statement: &str) -> Result<()> {
        if let Some(numbers) = statement.strip_prefix("iceberg sales.t ") {
            let numbers: Vec<u32> = numbers.split(' ').map(|text| text.parse().unwrap()).collect();
            Box::pin(super::iceberg::advance(self, branch, numbers[0], &numbers[1..])).await;
            return Ok(());
        }
        let repository = self.catalog.repository();
        let view = repository.view(&at(branch)).await.unwrap();
        let (ids, now) = (Arc::clone(repository.ids()), repository.clock().now_us());
        let mut draft = Draft::new(view, self.catalog.cache().clone(), ids, now);
        Box::pin(execute(&mut draft, statement)).await?;
        let batch = draft.into_batch();
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        Ok(repository.write(&name(branch), plan).await?)
    }

    pub(crate) async fn commit_as_is(&self, branch: &str) -> CommitId {
        commit_as_is(self.catalog.repository(), branch).await
    }

    pub(crate) async fn view(&self, commit: CommitId) -> View {
        self.catalog
            .repository()
            .view(&at(&commit.to_string()))
            .await
            .unwrap()
    }

    pub(crate) async fn merge(&self, source: &str, into: &str) -> MergeOutcome<catalog::merge::Conflict> {
        self.merge_with(source, into, Options::default()).await.unwrap()
    }

    /// As [`History::merge`], with what was said beforehand.
    pub(crate) async fn merge_with(
        &self,
        source: &str,
        into: &str,
        options: Options,
    ) -> versioning::Result<MergeOutcome<catalog::merge::Conflict>> {
        let report = self.merge_report(source, into, options).await?;
        Ok(report.outcome)
    }

    /// As [`History::merge_with`], with what there is to be wary of.
    pub(crate) async fn merge_report(
        &self,
        source: &str,
        into: &str,
        options: Options,
    ) -> versioning::Result<MergeReport<catalog::merge::Conflict>> {
        let landing = Landing::onto(name(into), "test");
        let resolver = CatalogResolver::default().with(options);
        let resolver = resolver.reading(self.catalog.repository());
        self.catalog
            .repository()
            .merge(&at(source), &landing, &resolver, &OpenGate)
            .await
    }

    pub(crate) async fn dump(&self, branch: &str) -> String {
        dump(&self.catalog.snapshot(&at(branch)).await.unwrap()).await
    }
}

/// Commits what is staged, if nothing is, too.
pub(crate) async fn commit_as_is(repository: &Repository, branch: &str) -> CommitId {
    let words = CommitMessage {
        allow_empty: true,
        ..CommitMessage::default()
    };
    repository.commit(&name(branch), words).await.unwrap()
}

/// Merges `theirs` into `ours`, both of which start from `base`; returns the merged catalog or the conflicts, and
/// checks what has to hold of every merge.
pub(crate) async fn merged(base: &str, ours: &str, theirs: &str) -> String {
    let history = History::new(base).await;
    history.branch("etl").await;
    let base = history
        .catalog
        .repository()
        .resolve(&at("main"))
        .await
        .unwrap()
        .commit;
    let theirs = history.commit("etl", theirs).await;
    let ours = history.commit("main", ours).await;
    let (b, o, t) = (
        history.view(base).await,
        history.view(ours).await,
        history.view(theirs).await,
    );
    check_laws(&b, &o, &t).await;
    match history.merge("etl", "main").await {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {
            check_ids(&history.catalog.snapshot(&at("main")).await.unwrap()).await;
            history.dump("main").await
        }
        MergeOutcome::Conflicts(conflicts) => {
            let lines: Vec<String> = conflicts
                .iter()
                .map(|conflict| format!("! {conflict}\n"))
                .collect();
            lines.concat()
        }
        other => panic!("{other:?}"),
    }
}

/// What has to hold of every merge, whatever the rules say (versioning.md 8, I5).
pub(crate) async fn check_laws(base: &View, ours: &View, theirs: &View) {
    for side in [ours, theirs] {
        assert_eq!(
            clean(base, side, base).await,
            entries(side).await,
            "merge(b, x, b) = x"
        );
        assert_eq!(
            clean(base, base, side).await,
            entries(side).await,
            "merge(b, b, x) = x"
        );
        assert_eq!(
            clean(base, side, side).await,
            entries(side).await,
            "merge(b, x, x) = x"
        );
    }
    let kinds = |resolution: versioning::merge::Resolution<catalog::merge::Conflict>| {
        let mut kinds: Vec<_> = resolution
            .conflicts
            .iter()
            .map(|conflict| conflict.kind)
            .collect();
        kinds.sort();
        // which names collide depends on which of two contested names ours has
        if kinds.contains(&ConflictKind::RenameRename) {
            kinds.retain(|kind| *kind != ConflictKind::NameCollision);
        }
        kinds
    };
    let (one, two) = (
        resolve(base, ours, theirs).await,
        resolve(base, theirs, ours).await,
    );
    assert_eq!(
        kinds(one),
        kinds(two),
        "swapped sides agree on the kinds of conflicts"
    );
}

pub(crate) async fn resolve(
    base: &View,
    ours: &View,
    theirs: &View,
) -> versioning::merge::Resolution<catalog::merge::Conflict> {
    let sides = Sides {
        base: base.clone(),
        ours: ours.clone(),
        theirs: theirs.clone(),
    };
    CatalogResolver::default().resolve(&sides).await.unwrap()
}

/// As [`resolve`], with what was said beforehand.
pub(crate) async fn resolve_with(
    (base, ours, theirs): (&View, &View, &View),
    options: &Options,
) -> versioning::Result<versioning::merge::Resolution<catalog::merge::Conflict>> {
    let sides = Sides {
        base: base.clone(),
        ours: ours.clone(),
        theirs: theirs.clone(),
    };
    CatalogResolver::default()
        .with(options.clone())
        .resolve(&sides)
        .await
}

async fn clean(base: &View, ours: &View, theirs: &View) -> Vec<(Space, String)> {
    let resolution = resolve(base, ours, theirs).await;
    assert!(resolution.conflicts.is_empty(), "{:?}", resolution.conflicts);
    entries(&ours.with(&resolution.patch)).await
}

/// Returns everything that a view holds.
async fn entries(view: &View) -> Vec<(Space, String)> {
    let mut all = Vec::new();
    for space in Space::ALL {
        let mut scan = view.scan(space, KeyRange::all());
        while let Some(entry) = scan.next().await.unwrap() {
            let blobs: Vec<_> = entry.blobs.iter().map(|blob| blob.hash).collect();
            let text = format!(
                "{} = {} {blobs:?}",
                entry.key.escape_ascii(),
                entry.payload.escape_ascii()
            );
            all.push((space, text));
        }
    }
    all
}
