//! What a hook is told, as JSON with a version: `docs/hooks.md` describes it.

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// The version of [`Payload`]: it grows when a field changes its meaning or goes, not when one is added.
pub const PAYLOAD_VERSION: u32 = 1;

/// What a hook is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    pub version: u32,
    pub event: Event,
    /// The id of the run: the same when a hook is told twice.
    pub run: String,
    /// The name of the hook: that of its file, `/`, and its own id.
    pub hook: String,
    pub repository: String,
    /// The branch or tag that it is about.
    pub branch: String,
    /// The commit that would become the head, or has; every client can read it by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The head before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// What is merged, reverted or picked, or where a branch begins, as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
}

impl Payload {
    /// Returns the payload as it is sent.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the one that the documentation shows.
    #[cfg(test)]
    pub(crate) fn example() -> Payload {
        Payload {
            version: PAYLOAD_VERSION,
            event: Event::pre(versioning::guard::Act::Merge),
            run: "0006402f6c2a80000a1b2c3d".into(),
            hook: "gate/rows".into(),
            repository: "lake".into(),
            branch: "main".into(),
            commit: Some("3f9c".repeat(16)),
            head: Some("a071".repeat(16)),
            source: Some("etl".into()),
            author: Some("ann".into()),
            message: Some("merge etl into main".into()),
            time_us: 1_760_000_000_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_a_payload() {
        let text = include_str!("../../docs/hooks.md");
        let json = text
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let shown: Payload = serde_json::from_str(json.unwrap()).unwrap();
        assert_eq!(shown, Payload::example());
        // no field of it is made up
        let value: serde_json::Value = serde_json::from_str(json.unwrap()).unwrap();
        assert_eq!(serde_json::to_value(&shown).unwrap(), value);
    }
}
