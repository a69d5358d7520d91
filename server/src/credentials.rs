//! Secrets: where they come from. And the key pair of the gateway: when the default is not good enough.

use std::net::SocketAddr;
use std::path::Path;

use hooks::SecretSource;

use crate::error::{Exit, Failure};
use crate::machine::environment;
use crate::settings::Settings;

/// The key pair of a server that only this machine can reach.
pub(crate) const DEFAULT_ACCESS_KEY: &str = "skep";
const DEFAULT_SECRET_KEY: &str = "skep-secret";

/// Returns the secret of the gateway's access key.
pub(crate) fn secret_key(settings: &Settings) -> Result<String, Failure> {
    let (variable, file) = (
        settings.secret_key_env.as_deref(),
        settings.secret_key_file.as_deref(),
    );
    match read_secret("secret_key", variable, file) {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => default_secret(&settings.s3),
        Err(message) => Err(Failure::new(Exit::WrongUse, message)),
    }
}

/// Returns the secret of the setting `name`, which names an environment variable or a file; `None` if neither.
///
/// # Errors
/// A text that says which of the two there is not.
pub(crate) fn read_secret(
    name: &str,
    variable: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<String>, String> {
    match (variable, file) {
        (Some(_), Some(_)) => Err(format!("give {name}_env or {name}_file, not both")),
        (Some(variable), None) => match environment(variable) {
            Some(secret) => Ok(Some(secret)),
            None => Err(format!("{name}_env: the variable {variable} is not set")),
        },
        (None, Some(file)) => {
            let secret = read_file(&format!("{name}_file"), file)?;
            Ok(Some(secret.trim_end().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

/// The secrets that the settings list for hooks.
#[derive(Debug)]
pub(crate) struct ListedSecrets(pub(crate) hooks::Settings);

impl hooks::Secrets for ListedSecrets {
    fn secret(&self, reference: &str) -> Result<String, String> {
        let source = self.0.secret_source(reference);
        match source.ok_or_else(|| format!("the settings of the server list no {reference}"))? {
            SecretSource::Variable(variable) => environment(&variable)
                .ok_or_else(|| format!("{reference}: the variable {variable} is not set")),
            SecretSource::File(file) => Ok(read_file(reference, &file)?.trim_end().to_owned()),
        }
    }
}

/// Returns the contents of the file that the setting `name` names.
pub(crate) fn read_file(name: &str, file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{name} {}: {error}", file.display()))
}

/// Returns the secret that everybody knows, which only a loopback address may serve.
fn default_secret(s3: &SocketAddr) -> Result<String, Failure> {
    if s3.ip().is_loopback() {
        return Ok(DEFAULT_SECRET_KEY.into());
    }
    let message = format!("the gateway would serve {s3} to others with a key that everybody knows");
    Err(Failure::new(Exit::WrongUse, message)
        .with_hint("set access_key, and secret_key_env or secret_key_file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_secret_is_for_loopback_alone() {
        let mut settings = Settings::default();
        assert_eq!(secret_key(&settings).unwrap(), DEFAULT_SECRET_KEY);
        settings.s3 = "0.0.0.0:7374".parse().unwrap();
        assert!(secret_key(&settings).is_err());
        let file = std::env::temp_dir().join(format!("skep-secret-{}", std::process::id()));
        std::fs::write(&file, "hush\n").unwrap();
        settings.secret_key_file = Some(file.clone());
        assert_eq!(secret_key(&settings).unwrap(), "hush");
        std::fs::remove_file(file).unwrap();
    }
}
