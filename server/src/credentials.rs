//! The key pair of the gateway: where its secret comes from, and when the default is not good enough.

use std::net::SocketAddr;

use crate::error::{Exit, Failure};
use crate::machine::environment;
use crate::settings::Settings;

/// The key pair of a server that only this machine can reach.
pub(crate) const DEFAULT_ACCESS_KEY: &str = "skep";
const DEFAULT_SECRET_KEY: &str = "skep-secret";

/// Returns the secret of the gateway's access key.
pub(crate) fn secret_key(settings: &Settings) -> Result<String, Failure> {
    let wrong = |message: String| Failure::new(Exit::WrongUse, message);
    match (&settings.secret_key_env, &settings.secret_key_file) {
        (Some(_), Some(_)) => Err(wrong("give secret_key_env or secret_key_file, not both".into())),
        (Some(name), None) => {
            environment(name).ok_or_else(|| wrong(format!("secret_key_env: the variable {name} is not set")))
        }
        (None, Some(file)) => {
            let secret = std::fs::read_to_string(file)
                .map_err(|error| wrong(format!("secret_key_file {}: {error}", file.display())))?;
            Ok(secret.trim_end().to_owned())
        }
        (None, None) => default_secret(&settings.s3),
    }
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
