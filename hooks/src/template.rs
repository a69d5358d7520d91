//! Texts with places to fill in: `{{ secret.NAME }}`, `{{ env.NAME }}` and what the event says, `{{ commit }}`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_saphyr::Spanned;

use crate::document::Wrong;
use crate::payload::Payload;

/// What `{{ … }}` may name beside secrets.
const FACTS: [&str; 7] = ["branch", "commit", "event", "head", "repository", "run", "source"];

/// Where secrets come from. Only what the server's settings list is there.
pub trait Secrets: Debug + Send + Sync {
    /// Returns the secret of a reference: `secret.NAME` or `env.NAME`.
    ///
    /// # Errors
    /// Why it is not there, without its value.
    fn secret(&self, reference: &str) -> Result<String, String>;
}

/// No secrets at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn secret(&self, reference: &str) -> Result<String, String> {
        Err(format!("the settings of the server list no {reference}"))
    }
}

/// A text with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Fact(&'static str),
    Secret(String),
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(text: &Spanned<String>) -> Result<Template, Wrong> {
        let mut parts = Vec::new();
        let mut rest = text.value.as_str();
        while let Some(begin) = rest.find("{{") {
            let (before, from) = (&rest[..begin], &rest[begin + 2..]);
            let Some(end) = from.find("}}") else {
                return Err(Wrong::at(text.referenced, "{{ is not closed by }}"));
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(place(from[..end].trim()).map_err(|why| Wrong::at(text.referenced, why))?);
            rest = &from[end + 2..];
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Template(parts))
    }

    /// Returns the template of a text without places.
    pub(crate) fn plain(text: &str) -> Template {
        Template(vec![Part::Text(text.to_owned())])
    }

    /// Returns the text with a word in each place.
    pub(crate) fn sample(&self) -> String {
        let part = |part: &'_ Part| match part {
            Part::Text(text) => text.clone(),
            Part::Fact(_) | Part::Secret(_) => "place".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// Fills in all places.
    pub(crate) fn fill(&self, values: &mut Values<'_>) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Fact(name) => out.push_str(&fact(values.payload, name)),
                Part::Secret(reference) => out.push_str(&values.secret(reference)?),
            }
        }
        Ok(out)
    }
}

/// What a run fills in, and which secrets it took: these are never shown.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    payload: &'a Payload,
    secrets: &'a dyn Secrets,
    taken: BTreeMap<String, String>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(payload: &'a Payload, secrets: &'a dyn Secrets) -> Values<'a> {
        Values {
            payload,
            secrets,
            taken: BTreeMap::new(),
        }
    }

    pub(crate) fn secret(&mut self, reference: &str) -> Result<String, String> {
        let secret = self.secrets.secret(reference)?;
        self.taken.insert(reference.to_owned(), secret.clone());
        Ok(secret)
    }

    /// Returns the text without the secrets that were taken.
    pub(crate) fn hush(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut secrets: Vec<_> = self.taken.values().filter(|secret| secret.len() > 3).collect();
        // one may be the beginning of another
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        for secret in secrets {
            text = text.replace(secret, "***");
            // where the text was cut in the midst of it, perhaps in the midst of a character
            let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
            let cut = (4..secret.len()).rev().find(|end| {
                let part = secret.get(..*end);
                part.is_some_and(|part| whole.ends_with(part))
            });
            if let Some(end) = cut {
                text.truncate(whole.len() - end);
                text += "***";
            }
        }
        text
    }
}

fn place(name: &str) -> Result<Part, String> {
    let lower = name.to_ascii_lowercase();
    for prefix in ["secret.", "env."] {
        if lower.starts_with(prefix) && name.len() > prefix.len() {
            return Ok(Part::Secret(format!("{prefix}{}", &name[prefix.len()..])));
        }
    }
    let fact = FACTS.into_iter().find(|fact| *fact == lower);
    fact.map(Part::Fact).ok_or_else(|| {
        format!(
            "{{{{ {name} }}}} is unknown: allowed are secret.NAME, env.NAME, {}",
            FACTS.join(", ")
        )
    })
}

fn fact(payload: &Payload, name: &str) -> String {
    match name {
        "branch" => payload.branch.clone(),
        "commit" => payload.commit.clone().unwrap_or_default(),
        "event" => payload.event.to_string(),
        "head" => payload.head.clone().unwrap_or_default(),
        "repository" => payload.repository.clone(),
        "run" => payload.run.clone(),
        _ => payload.source.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_saphyr::Location;

    use super::*;

    #[derive(Debug)]
    struct One;

    impl Secrets for One {
        fn secret(&self, reference: &str) -> Result<String, String> {
            match reference {
                "env.KEY" => Ok("hushhush".into()),
                "env.LONG" => Ok("hushhush, and more".into()),
                other => Err(format!("no {other}")),
            }
        }
    }

    fn template(text: &str) -> Result<Template, Wrong> {
        Template::parse(&Spanned::new(text.into(), Location::UNKNOWN, Location::UNKNOWN))
    }

    #[test]
    fn places_are_filled_in_and_secrets_are_not_shown() {
        let payload = Payload::example();
        let mut values = Values::new(&payload, &One);
        let filled = template("a {{ENV.KEY}} on {{ branch }}")
            .unwrap()
            .fill(&mut values);
        assert_eq!(filled.as_deref(), Ok("a hushhush on main"));
        assert_eq!(values.hush("it said hushhush"), "it said ***");
        assert_eq!(values.hush("it was cut at hushhu"), "it was cut at ***");
        assert_eq!(values.hush("it was cut at hushhu\u{fffd}"), "it was cut at ***");
        values.secret("env.LONG").unwrap();
        assert_eq!(values.hush("hushhush, and more or hushhush"), "*** or ***");
        assert!(template("{{ env.OTHER }}").unwrap().fill(&mut values).is_err());
        for wrong in ["{{ branch", "{{ nothing }}", "{{ env. }}"] {
            assert!(template(wrong).is_err(), "{wrong}");
        }
    }
}
