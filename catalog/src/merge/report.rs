//! Where rules ask: each conflict passes through here, is decided as the options say, or reported.

use std::collections::BTreeSet;
use std::sync::Arc;

use versioning::Hash;

use super::about::Digest;
use super::conflict::{Choices, Conflict, ConflictId, ConflictKind, Subject, quoted};
use super::generic::{Three, Whose};
use super::options::{Choice, Options};
use super::settled::Settled;
use super::warning::{Warning, WarningKind};
use crate::Error;

/// Where rules are at work: what their conflicts say of the place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) partition: Option<String>,
}

impl Scope {
    pub(crate) fn database(name: &str) -> Scope {
        Scope {
            database: Some(name.to_owned()),
            ..Scope::default()
        }
    }

    pub(crate) fn table(database: &str, table: &str) -> Scope {
        Scope {
            table: Some(table.to_owned()),
            ..Scope::database(database)
        }
    }

    pub(crate) fn partition(&self, name: &str) -> Scope {
        Scope {
            partition: Some(name.to_owned()),
            ..self.clone()
        }
    }
}

/// The three texts of a conflict.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) base: Option<String>,
    pub(crate) ours: String,
    pub(crate) theirs: String,
    /// A digest of them before they were cut.
    about: Hash,
}

impl Texts {
    pub(crate) fn new(base: Option<&str>, ours: impl Into<String>, theirs: impl Into<String>) -> Texts {
        let (ours, theirs) = (ours.into(), theirs.into());
        Texts {
            about: Digest::of_texts([base, Some(&ours), Some(&theirs)]),
            base: base.map(str::to_owned),
            ours,
            theirs,
        }
    }

    /// Returns the texts of three values that may be missing.
    pub(crate) fn of(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> Texts {
        let text = |value: Option<&str>| value.map_or_else(|| "removed".to_owned(), quoted);
        Texts {
            about: Digest::of_texts([base, ours, theirs]),
            base: base.map(quoted),
            ours: text(ours),
            theirs: text(theirs),
        }
    }
}

/// What was decided about a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Nothing: it is reported, and what ours has stays.
    Open,
    Side(Whose),
    /// A text that is what the rule expects.
    Value(String),
}

impl Pick {
    /// Returns the version that was picked: ours where none was, or a text.
    pub(crate) fn of<T>(&self, versions: Three<T>) -> T {
        versions.take(self.whose().unwrap_or(Whose::Ours))
    }

    pub(crate) fn whose(&self) -> Option<Whose> {
        match self {
            Pick::Side(whose) => Some(*whose),
            Pick::Open | Pick::Value(_) => None,
        }
    }
}

/// Decides conflicts as the options of a merge say, and collects those that are left.
#[derive(Debug, Default)]
pub(crate) struct Report {
    options: Arc<Options>,
    conflicts: Vec<Conflict>,
    warnings: Vec<Warning>,
    asked: usize,
    used: BTreeSet<ConflictId>,
    refused: Vec<Refused>,
    /// Conflicts whose decisions would take back others. They stay, though nothing may be contested there any more once the
    /// others hold.
    overruled: Vec<Conflict>,
    /// What holds of this plan.
    settled: Settled,
    /// What has to hold of the next.
    news: Settled,
}

/// A decision that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) id: ConflictId,
    pub(crate) given: String,
    /// What it has to be.
    pub(crate) rule: &'static str,
}

impl Refused {
    pub(crate) fn to_error(&self) -> Error {
        Error::Store(versioning::Error::Name {
            what: "decision",
            name: format!("{}={}", self.id, self.given),
            rule: self.rule,
        })
    }
}

impl Report {
    pub(crate) fn new(options: Arc<Options>) -> Report {
        Report {
            options,
            ..Report::default()
        }
    }

    /// Returns an empty report that decides alike.
    pub(crate) fn alike(&self) -> Report {
        Report::new(Arc::clone(&self.options))
    }

    /// Returns the report of the next plan, if this one decided about wholes that were open.
    pub(crate) fn next(&self) -> Option<Report> {
        let mut settled = self.settled.clone();
        settled.absorb(self.news.clone()).then(|| Report {
            used: self.used.clone(),
            overruled: self.overruled.clone(),
            settled,
            ..self.alike()
        })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// As [`Report::decide`], about something as a whole: `settle` says what that concerns. What would take back an
    /// earlier decision is not offered, and if it was decided, the conflict stays: of the two one alone could hold.
    pub(crate) fn decide_whole(
        &mut self,
        at: (&Scope, ConflictKind, Subject),
        texts: Texts,
        choices: Choices,
        settle: impl Fn(&mut Settled, Whose),
    ) {
        let fits = |whose| {
            let mut wanted = Settled::default();
            settle(&mut wanted, whose);
            self.settled.allows(&wanted) && self.news.allows(&wanted)
        };
        let offered = Choices {
            ours: choices.ours && fits(Whose::Ours),
            theirs: choices.theirs && fits(Whose::Theirs),
            base: choices.base && fits(Whose::Base),
            ..choices
        };
        if let Some(whose) = self.ask(at, texts, choices, offered).whose() {
            settle(&mut self.news, whose);
        }
    }

    /// Returns what was decided about a conflict; reports it if nothing was.
    pub(crate) fn decide(
        &mut self,
        at: (&Scope, ConflictKind, Subject),
        texts: Texts,
        choices: Choices,
    ) -> Pick {
        self.ask(at, texts, choices, choices)
    }

    /// As [`Report::decide`], where of what the rule can do only some is `offered` beside other decisions.
    fn ask(
        &mut self,
        (scope, kind, subject): (&Scope, ConflictKind, Subject),
        texts: Texts,
        choices: Choices,
        offered: Choices,
    ) -> Pick {
        self.asked += 1;
        let mut is_overruled = false;
        let id = ConflictId::of(kind, scope, &subject);
        let is_held = kind.is_unsafe() && !self.options.force_unsafe;
        let allowed = |choices| if is_held { Choices::NONE } else { choices };
        match self.options.decisions.get(&id) {
            Some(choice) => {
                self.used.insert(id.clone());
                match (
                    admitted(choice, allowed(offered)),
                    admitted(choice, allowed(choices)),
                ) {
                    (Ok(pick), _) => return pick,
                    (Err(_), Ok(_)) => is_overruled = true,
                    (Err(_), Err(rule)) => self.refused.push(Refused {
                        id: id.clone(),
                        given: choice.to_string(),
                        rule: if is_held { HELD } else { rule },
                    }),
                }
            }
            None => {
                let side = self.options.side_for(kind, scope);
                if let Some(Ok(pick)) = side.map(|side| admitted(&side.into(), allowed(offered))) {
                    return pick;
                }
            }
        }
        let conflict = Conflict {
            database: scope.database.clone(),
            table: scope.table.clone(),
            partition: scope.partition.clone(),
            subject,
            kind,
            base: texts.base,
            ours: texts.ours,
            theirs: texts.theirs,
            id,
            choices: offered,
            about: texts.about,
        };
        self.overruled.extend(is_overruled.then(|| conflict.clone()));
        self.conflicts.push(conflict);
        Pick::Open
    }

    /// Notes something to be wary of: `text` says what is so, and what to do.
    pub(crate) fn warn(&mut self, scope: &Scope, kind: WarningKind, column: Option<&str>, text: &str) {
        self.warnings.push(Warning::new(scope, kind, column, text));
    }

    /// Returns how many conflicts rules came upon, decided ones as well.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// Returns how many conflicts are left.
    pub(crate) fn len(&self) -> usize {
        self.conflicts.len()
    }

    /// Returns the ids of those decisions that were asked for.
    pub(crate) fn used(&self) -> &BTreeSet<ConflictId> {
        &self.used
    }

    /// Returns the first decision that cannot be taken.
    pub(crate) fn refused(&self) -> Option<&Refused> {
        self.refused.first()
    }

    /// Returns all conflicts and warnings, each once, in order. Of what is contested it is not known yet what to be wary
    /// of.
    pub(crate) fn into_parts(mut self) -> (Vec<Conflict>, Vec<Warning>) {
        let mut warnings = std::mem::take(&mut self.warnings);
        let conflicts = self.into_conflicts();
        let contested: BTreeSet<_> = conflicts
            .iter()
            .map(|conflict| (conflict.database.clone(), conflict.table.clone()))
            .collect();
        warnings.retain(|warning| !warning.is_open(&contested));
        warnings.sort();
        warnings.dedup();
        (conflicts, warnings)
    }

    /// Returns all conflicts, each once, in order. What a profile leaves to a person as a whole has none within.
    pub(crate) fn into_conflicts(mut self) -> Vec<Conflict> {
        self.conflicts.append(&mut self.overruled);
        self.conflicts.sort();
        let mut seen = BTreeSet::new();
        self.conflicts.retain(|conflict| seen.insert(conflict.id.clone()));
        let place = |conflict: &Conflict| {
            let Conflict {
                database,
                table,
                partition,
                ..
            } = conflict;
            (database.clone(), table.clone(), partition.clone())
        };
        let wholes = self
            .conflicts
            .iter()
            .filter(|conflict| conflict.kind.is_of_profile());
        let wholes: BTreeSet<_> = wholes.map(place).collect();
        self.conflicts.retain(|conflict| {
            let (database, table, partition) = place(conflict);
            let is_within = wholes.contains(&(database.clone(), table.clone(), None))
                || wholes.contains(&(database, table, partition));
            conflict.kind.is_of_profile() || !is_within
        });
        self.conflicts
    }
}

const HELD: &str = "left to a change of a side, as the result may be unreadable, or forced";

/// Returns a choice as a pick, if it is allowed; else what it has to be.
fn admitted(choice: &Choice, allowed: Choices) -> Result<Pick, &'static str> {
    let (is_allowed, pick) = match choice {
        Choice::Ours => (allowed.ours, Pick::Side(Whose::Ours)),
        Choice::Theirs => (allowed.theirs, Pick::Side(Whose::Theirs)),
        Choice::Base => (allowed.base, Pick::Side(Whose::Base)),
        Choice::Value(text) => match allowed.value {
            Some(expected) => return expected.read(text).map(Pick::Value),
            None => (false, Pick::Open),
        },
    };
    if is_allowed {
        Ok(pick)
    } else {
        Err("one of the choices that are listed with the conflict")
    }
}
