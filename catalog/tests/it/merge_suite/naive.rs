//! A naive merge over plain maps against the real one, on random histories.
//!
//! `CASES` histories from `SEED`; a disagreement is shrunk to the fewest steps that show it.

mod columns;
mod data;
mod merge;
mod state;
mod steps;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::merge::CatalogResolver;
use catalog::{Catalog, Draft, Snapshot};
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::refs::CommitMode;

use merge::Conflicts;
use state::State;
use steps::{Chance, Counter, Step};

use super::run::line;
use crate::it::history::{self, at, name};

/// What happened before and on both sides.
#[derive(Debug, Clone)]
struct History([Vec<Step>; 3]);

/// A history as the model has it, with its statements.
#[derive(Debug, Default)]
struct Told {
    states: [State; 3],
    statements: [Vec<String>; 3],
}

type Outcome = Result<BTreeSet<String>, Conflicts>;

impl History {
    /// Draws steps until as many are allowed as each part shall have.
    fn random(seed: u64) -> History {
        let mut chance = Chance(seed);
        let mut ids = Counter::default();
        let mut history = History([steps::BEGINNING.to_vec(), Vec::new(), Vec::new()]);
        let mut base = history.told().states[0].clone();
        for (place, most) in [6, 6, 6].into_iter().enumerate() {
            let mut state = base.clone();
            let mut left = chance.bits() % (most + 1);
            while left > 0 {
                let step = chance.step();
                if step.apply(&mut state, &mut ids).is_some() {
                    history.0[place].push(step);
                    left -= 1;
                }
            }
            if place == 0 {
                base = state;
            }
        }
        history
    }

    fn told(&self) -> Told {
        let mut ids = Counter::default();
        let mut told = Told::default();
        for (place, steps) in self.0.iter().enumerate() {
            let mut state = told.states[0].clone();
            let statements = steps.iter().filter_map(|step| step.apply(&mut state, &mut ids));
            told.statements[place] = statements.collect();
            told.states[place] = state;
        }
        told
    }

    /// Returns the histories that lack one step of this one.
    fn smaller(&self) -> Vec<History> {
        let places = (0..3).flat_map(|part| (0..self.0[part].len()).map(move |step| (part, step)));
        let without = |(part, step): (usize, usize)| {
            let mut less = self.clone();
            less.0[part].remove(step);
            less
        };
        places.map(without).collect()
    }
}

/// Returns what the model and the catalog make of it, if that is not the same.
async fn disagreement(told: &Told) -> Result<bool, String> {
    let [base, ours, theirs] = &told.states;
    let expected = merge::merge(base, ours, theirs).map(|merged| text::of_state(&merged));
    let found = real(told).await;
    if expected == found {
        return Ok(found.is_ok());
    }
    Err(format!(
        "{}naive: {expected:#?}\nreal: {found:#?}\n",
        script(told)
    ))
}

fn script(told: &Told) -> String {
    let parts = ["base", "ours", "theirs"].iter().zip(&told.statements);
    parts
        .map(|(part, statements)| format!("{part}: {}\n", statements.join("\n    ")))
        .collect()
}

/// Carries a history out in a fresh repository and merges.
async fn real(told: &Told) -> Outcome {
    let (_store, repository) = testkit::repository(11).await.unwrap();
    let catalog = Catalog::new(repository);
    write(&catalog, "main", &told.statements[0]).await;
    let repository = catalog.repository();
    repository
        .create_branch(&name("etl"), &at("main"), CommitMode::Staged)
        .await
        .unwrap();
    write(&catalog, "main", &told.statements[1]).await;
    write(&catalog, "etl", &told.statements[2]).await;
    let landing = Landing::onto(name("main"), "test");
    let resolver = CatalogResolver::default().reading(repository);
    let merged = repository.merge(&at("etl"), &landing, &resolver, &OpenGate).await;
    match merged.unwrap() {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {
            let snapshot: Snapshot = catalog.snapshot(&at("main")).await.unwrap();
            Ok(text::of_catalog(&snapshot).await)
        }
        MergeOutcome::Conflicts(conflicts) => Err(conflicts
            .iter()
            .map(|conflict| line(conflict).trim_start_matches("! ").trim_end().to_owned())
            .collect()),
        other => panic!("{other:?}"),
    }
}

/// Carries out statements as one write, and commits it.
async fn write(catalog: &Catalog, branch: &str, statements: &[String]) {
    let repository = catalog.repository();
    let view = repository.view(&at(branch)).await.unwrap();
    let ids = Arc::clone(repository.ids());
    let mut draft = Draft::new(view, catalog.cache().clone(), ids, repository.clock().now_us());
    for statement in statements {
        let done = history::execute(&mut draft, statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let batch = draft.into_batch();
    let plan = move |_| {
        let batch = batch.clone();
        async move { Ok::<_, versioning::Error>((batch, ())) }
    };
    repository.write(&name(branch), plan).await.unwrap();
    history::commit_as_is(repository, branch).await;
}

async fn shrunk(mut history: History) -> String {
    'again: loop {
        for less in history.smaller() {
            if disagreement(&less.told()).await.is_err() {
                history = less;
                continue 'again;
            }
        }
        return disagreement(&history.told()).await.unwrap_err();
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(usual, |text| text.parse().expect(variable))
}

/// The most disagreements that one run shows.
const SHOWN_MAX: usize = 12;

#[tokio::test]
async fn the_naive_merge_agrees() {
    let (cases, seed) = (number("CASES", 300), number("SEED", 1));
    let (mut clean, mut contested, mut failed) = (0, 0, Vec::new());
    for case in 0..cases {
        let history = History::random(seed.wrapping_mul(0x1_0000_0001).wrapping_add(case << 8));
        match disagreement(&history.told()).await {
            Ok(true) => clean += 1,
            Ok(false) => contested += 1,
            Err(_) => failed.push(format!("case {case}\n{}", shrunk(history).await)),
        }
        if failed.len() >= SHOWN_MAX {
            break;
        }
    }
    println!(
        "seed {seed}: {clean} histories merge, {contested} have the same conflicts, {} differ",
        failed.len()
    );
    assert!(failed.is_empty(), "SEED={seed}\n{}", failed.join("\n"));
}
