//! Who may come in: users with passwords for SASL, and tokens for HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// How many passwords are checked at a time: each takes a processor for milliseconds, by intent.
const CHECKS_MAX: usize = 4;

/// A line of a list of users or tokens that says nothing. It is named by its number: what it holds is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The line has no name, or nothing behind it.
    #[error("line {line} is not {expected}")]
    Form {
        /// Which line, from 1.
        line: usize,
        /// How lines look.
        expected: &'static str,
    },
    /// The line's hash is none of bcrypt.
    #[error("line {line} holds no bcrypt hash: make lines with htpasswd -B")]
    Hash {
        /// Which line, from 1.
        line: usize,
    },
    /// There is no line at all, so nobody could come in.
    #[error("it names nobody")]
    Nobody,
}

/// The users of a listener.
#[derive(Clone)]
pub struct Users {
    /// The hashes of passwords by user; `None` takes everybody at their word.
    hashes: Option<Arc<BTreeMap<String, String>>>,
    checks: Arc<Semaphore>,
}

impl Users {
    /// Reads a list of users, a `name:hash` a line, as `htpasswd -B` writes it. Empty lines and such that begin
    /// with `#` say nothing.
    pub fn parse(text: &str) -> Result<Users, CredentialsError> {
        let mut hashes = BTreeMap::new();
        for said in lines(text, "name:hash") {
            let (line, name, hash) = said?;
            if hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(CredentialsError::Hash { line });
            }
            hashes.insert(name.to_owned(), hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(CredentialsError::Nobody);
        }
        Ok(Users::with(Some(Arc::new(hashes))))
    }

    /// Returns everybody, with any password: they say who they are, and do not show it.
    pub fn anyone() -> Users {
        Users::with(None)
    }

    fn with(hashes: Option<Arc<BTreeMap<String, String>>>) -> Users {
        Users {
            hashes,
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
        }
    }

    /// Returns whether there is such a user with this password. It takes as long for one who is not there.
    pub(super) async fn check(&self, name: &str, password: String) -> bool {
        let Some(hashes) = &self.hashes else {
            return !name.is_empty();
        };
        let known = hashes.get(name);
        let Some(hash) = known.or(hashes.values().next()).cloned() else {
            return false;
        };
        let Ok(_place) = self.checks.acquire().await else {
            return false;
        };
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        known.is_some() && matches!(checked, Ok(Ok(true)))
    }
}

/// The tokens that a listener accepts.
#[derive(Clone)]
pub struct Tokens {
    /// Users with their tokens.
    tokens: Arc<Vec<(String, String)>>,
}

impl Tokens {
    /// Reads a list of tokens, a `name:token` a line: the name is that of the user who comes with the token.
    /// Empty lines and such that begin with `#` say nothing.
    pub fn parse(text: &str) -> Result<Tokens, CredentialsError> {
        let mut tokens = Vec::new();
        for said in lines(text, "name:token") {
            let (_, name, token) = said?;
            tokens.push((name.to_owned(), token.to_owned()));
        }
        if tokens.is_empty() {
            return Err(CredentialsError::Nobody);
        }
        Ok(Tokens {
            tokens: Arc::new(tokens),
        })
    }

    /// Returns whose token this is. All are compared, and how far each agrees does not show in the time.
    pub(super) fn user(&self, token: &str) -> Option<&str> {
        let mut user = None;
        for (name, known) in self.tokens.iter() {
            if bool::from(known.as_bytes().ct_eq(token.as_bytes())) {
                user = Some(name.as_str());
            }
        }
        user
    }
}

/// Returns the lines that say something: number, name, and what stands behind the colon.
fn lines<'a>(
    text: &'a str,
    expected: &'static str,
) -> impl Iterator<Item = Result<(usize, &'a str, &'a str), CredentialsError>> {
    text.lines()
        .map(str::trim)
        .zip(1..)
        .filter(|(text, _)| !text.is_empty() && !text.starts_with('#'))
        .map(move |(text, line)| match text.split_once(':') {
            Some((name, secret)) if !name.is_empty() && !secret.is_empty() => Ok((line, name, secret)),
            _ => Err(CredentialsError::Form { line, expected }),
        })
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .hashes
            .as_ref()
            .map(|hashes| hashes.keys().collect::<Vec<_>>());
        f.debug_tuple("Users").field(&names).finish()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tokens.iter().map(|(name, _)| name).collect();
        f.debug_tuple("Tokens").field(&names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn users_show_their_passwords() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let users = Users::parse(&format!("# of the lake\n\nann:{hash}\n")).unwrap();
        assert!(users.check("ann", "secret".into()).await);
        assert!(!users.check("ann", "Secret".into()).await);
        assert!(!users.check("ben", "secret".into()).await);
        assert!(Users::anyone().check("ben", String::new()).await);
        assert!(!Users::anyone().check("", String::new()).await);
        assert!(!format!("{users:?}").contains(&hash));
    }

    #[test]
    fn lists_that_say_nothing_are_refused_without_their_secrets() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let form = |line, expected| CredentialsError::Form { line, expected };
        assert_eq!(
            Users::parse("ann:plain").unwrap_err(),
            CredentialsError::Hash { line: 1 }
        );
        assert_eq!(
            Users::parse(&format!("ann:{hash}\nben")).unwrap_err(),
            form(2, "name:hash")
        );
        assert_eq!(Users::parse("# none").unwrap_err(), CredentialsError::Nobody);
        assert_eq!(Tokens::parse("ann:").unwrap_err(), form(1, "name:token"));
        assert_eq!(Tokens::parse("").unwrap_err(), CredentialsError::Nobody);
    }

    #[test]
    fn tokens_tell_their_users() {
        let tokens = Tokens::parse("ann:a.b:c\nben:d").unwrap();
        assert_eq!(tokens.user("a.b:c"), Some("ann"));
        assert_eq!(tokens.user("d"), Some("ben"));
        assert_eq!((tokens.user(""), tokens.user("a.b:cd")), (None, None));
        assert_eq!(format!("{tokens:?}"), r#"Tokens(["ann", "ben"])"#);
    }
}
