//! Conflicts that are decided: by strategies, one by one, and by profiles.

mod about;
mod options;
mod profiles;
mod sides;

use catalog::Snapshot;
use catalog::merge::{Choice, Conflict, Options, Side, Strategy};
use versioning::View;
use versioning::merge::Resolution;

use super::history::{History, at, dump, resolve, resolve_with};

/// Three versions that start from one.
struct Sides {
    base: View,
    ours: View,
    theirs: View,
    _history: History,
}

impl Sides {
    async fn new(base: &str, ours: &str, theirs: &str) -> Sides {
        let history = History::new(base).await;
        history.branch("etl").await;
        let base = history.catalog.repository().resolve(&at("main")).await.unwrap();
        let theirs = history.commit("etl", theirs).await;
        let ours = history.commit("main", ours).await;
        Sides {
            base: history.view(base.commit).await,
            ours: history.view(ours).await,
            theirs: history.view(theirs).await,
            _history: history,
        }
    }

    async fn conflicts(&self) -> Vec<Conflict> {
        resolve(&self.base, &self.ours, &self.theirs).await.conflicts
    }

    async fn with(&self, options: &Options) -> Resolution<Conflict> {
        let sides = (&self.base, &self.ours, &self.theirs);
        resolve_with(sides, options).await.unwrap()
    }

    /// Returns the merged catalog, or the conflicts that are left.
    async fn text(&self, options: &Options) -> String {
        let resolution = self.with(options).await;
        if resolution.conflicts.is_empty() {
            return text(&self.ours.with(&resolution.patch)).await;
        }
        let lines = resolution
            .conflicts
            .iter()
            .map(|conflict| format!("! {conflict}\n"));
        lines.collect()
    }

    /// Decides each conflict alike, and those that come up then.
    async fn decide(&self, choice: &Choice) -> String {
        let mut options = Options {
            force_unsafe: true,
            ..Options::default()
        };
        for _ in 0..3 {
            for conflict in self.with(&options).await.conflicts {
                if is_listed(&conflict, choice) {
                    options.decisions.insert(conflict.id, choice.clone());
                }
            }
        }
        self.text(&options).await
    }
}

fn is_listed(conflict: &Conflict, choice: &Choice) -> bool {
    let choices = conflict.choices;
    match choice {
        Choice::Ours => choices.ours,
        Choice::Theirs => choices.theirs,
        Choice::Base => choices.base,
        Choice::Value(_) => choices.value.is_some(),
    }
}

async fn text(view: &View) -> String {
    dump(&Snapshot::new(view.clone(), catalog::SharedCache::default())).await
}

fn all(side: Side) -> Options {
    Options {
        strategies: vec![Strategy {
            kind: None,
            tables: None,
            side,
        }],
        force_unsafe: true,
        ..Options::default()
    }
}

const FILLED: &str = "create sales.t (id int, amt int) by (dt string)
    add sales.t dt=1
    put sales.db/t/dt=1/a one";
const PLAIN: &str = "create sales.t (id int)
    put sales.db/t/a one";
