//! Conflicts as they are stored with a merge that waits for decisions.

use serde::{Deserialize, Serialize};
use versioning::attempts::ConflictRecord;

use super::conflict::{Choices, Conflict, Subject};
use super::options::{Choice, Expected};

/// A conflict as it is stored: as [`Conflict`], in the words of people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredConflict {
    /// By what a decision names it.
    pub id: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The field, parameter, function or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    pub ours: String,
    pub theirs: String,
    /// What it can be decided by: `ours`, `theirs`, `base`.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What a text has to be that is given instead: `text`, `type` or `column`; missing if none can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it has to be forced, since the table may be unreadable after it.
    #[serde(default)]
    pub is_unsafe: bool,
    /// All of it in one line.
    pub message: String,
}

impl From<&Conflict> for StoredConflict {
    fn from(conflict: &Conflict) -> StoredConflict {
        let (column, item) = match &conflict.subject {
            Subject::Whole => (None, None),
            Subject::Column(name) => (Some(name.clone()), None),
            Subject::Columns => (None, Some("columns".to_owned())),
            Subject::Field(name) => (None, Some((*name).to_owned())),
            Subject::Parameter(item)
            | Subject::Function(item)
            | Subject::Constraint(item)
            | Subject::Path(item)
            | Subject::Folder(item)
            | Subject::Key(item) => (None, Some(item.clone())),
        };
        StoredConflict {
            id: conflict.id.to_string(),
            kind: conflict.kind.name().to_owned(),
            database: conflict.database.clone(),
            table: conflict.table.clone(),
            partition: conflict.partition.clone(),
            column,
            item,
            base: conflict.base.clone(),
            ours: conflict.ours.clone(),
            theirs: conflict.theirs.clone(),
            choices: words(conflict.choices),
            value: conflict
                .choices
                .value
                .map(|expected| expected.as_str().to_owned()),
            is_unsafe: conflict.kind.is_unsafe(),
            message: conflict.to_string(),
        }
    }
}

fn words(choices: Choices) -> Vec<String> {
    let all = [
        (choices.ours, "ours"),
        (choices.theirs, "theirs"),
        (choices.base, "base"),
    ];
    let possible = all.into_iter().filter(|(is_possible, _)| *is_possible);
    possible.map(|(_, word)| word.to_owned()).collect()
}

impl StoredConflict {
    /// Returns the conflict that a record holds; `None` if it is none of this room.
    pub fn read(record: &ConflictRecord) -> Option<StoredConflict> {
        serde_json::from_slice(&record.content).ok()
    }

    /// Returns the record of a conflict.
    pub(super) fn record(conflict: &Conflict) -> ConflictRecord {
        let stored = StoredConflict::from(conflict);
        ConflictRecord {
            content: serde_json::json!(stored).to_string().into(),
            id: stored.id,
            about: conflict.about,
        }
    }

    /// Returns why a choice cannot decide the conflict, if it cannot; `is_forced` allows what is unsafe.
    pub fn objection(&self, choice: &Choice, is_forced: bool) -> Option<String> {
        if self.is_unsafe && !is_forced {
            return Some(format!("{} is decided by force only", self.kind));
        }
        match choice {
            Choice::Value(text) => match self.value.as_deref().and_then(Expected::parse) {
                None => Some("no text can be given for it".to_owned()),
                Some(expected) => {
                    let refused = expected.read(text).err()?;
                    Some(format!("{text:?} is not {refused}"))
                }
            },
            side => {
                let word = side.to_string();
                let is_possible = self.choices.contains(&word);
                (!is_possible).then(|| format!("{word} cannot be taken"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_held_to_what_the_conflict_can_be_decided_by() {
        let stored = StoredConflict {
            id: "00".into(),
            kind: "ColumnType".into(),
            database: None,
            table: None,
            partition: None,
            column: None,
            item: None,
            base: None,
            ours: "int".into(),
            theirs: "date".into(),
            choices: vec!["ours".into()],
            value: Some("type".into()),
            is_unsafe: false,
            message: String::new(),
        };
        let value = |text: &str| Choice::Value(text.into());
        for (choice, is_fine) in [
            (Choice::Ours, true),
            (Choice::Theirs, false),
            (Choice::Base, false),
            (value("bigint"), true),
            (value("no type"), false),
        ] {
            assert_eq!(stored.objection(&choice, false).is_none(), is_fine, "{choice}");
        }
        let held = StoredConflict {
            is_unsafe: true,
            value: None,
            ..stored
        };
        assert!(held.objection(&Choice::Ours, false).is_some());
        assert!(held.objection(&Choice::Ours, true).is_none());
        assert!(held.objection(&value("x"), true).is_some());
    }
}
