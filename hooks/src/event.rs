//! The events to which hooks are bound.

use std::fmt;

use serde::{Deserialize, Serialize};
use versioning::guard::Act;

/// Before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The hook may refuse.
    Pre,
    /// The hook is told.
    Post,
}

/// What happens, and whether it is about to or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Event {
    pub phase: Phase,
    pub act: Act,
}

impl Event {
    pub fn pre(act: Act) -> Event {
        Event {
            phase: Phase::Pre,
            act,
        }
    }

    pub fn post(act: Act) -> Event {
        Event {
            phase: Phase::Post,
            act,
        }
    }

    /// Returns all events, in the order in which messages list them.
    pub fn all() -> impl Iterator<Item = Event> {
        Act::ALL
            .into_iter()
            .flat_map(|act| [Event::pre(act), Event::post(act)])
    }

    /// Returns the event of a name such as `pre-merge`.
    pub fn parse(name: &str) -> Option<Event> {
        Event::all().find(|event| event.to_string() == name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Pre => "pre",
            Phase::Post => "post",
        };
        write!(f, "{phase}-{}", self.act.name())
    }
}

impl From<Event> for String {
    fn from(event: Event) -> String {
        event.to_string()
    }
}

impl TryFrom<String> for Event {
    type Error = String;

    fn try_from(name: String) -> Result<Event, String> {
        Event::parse(&name).ok_or_else(|| format!("there is no event {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_names() {
        let all: Vec<_> = Event::all().map(|event| event.to_string()).collect();
        assert_eq!(all.len(), 18);
        assert!(
            all.iter()
                .all(|name| Event::parse(name).unwrap().to_string() == *name)
        );
        assert!(all.contains(&"post-cherry-pick".to_owned()), "{all:?}");
        assert_eq!(Event::parse("merge"), None);
    }
}
