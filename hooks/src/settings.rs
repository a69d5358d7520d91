//! What the server's settings allow hooks to do. Whoever can commit hook files can have the server do it, so that
//! everything which reaches the machine itself is off until it is listed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;

/// What hooks may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The hosts that hooks may send requests to, as patterns. Any, if it is not given.
    pub hosts: Option<Vec<String>>,
    /// The folder of programs that hooks of the type `command` may run. Without it they run none.
    pub programs: Option<PathBuf>,
    /// The variables of the server's environment that such a program is given, beside `PATH`.
    pub program_environment: Vec<String>,
    /// Where Docker is: `unix:///var/run/docker.sock` or `http://…`. Without it, there is none.
    pub docker: Option<String>,
    /// The images that hooks may run there, as patterns.
    pub docker_images: Vec<String>,
    /// The API server of Kubernetes. Without it, there is none.
    pub kubernetes: Option<Kubernetes>,
    /// Where secrets are, by name: `env:VARIABLE` or `file:/path`.
    pub secrets: BTreeMap<String, String>,
    /// Where failures of post-hooks are told: a URL that is sent the run as JSON.
    pub alert_url: Option<String>,
    /// How many bytes of a run's output are kept.
    pub output_bytes_max: usize,
    /// How many runs a repository keeps.
    pub runs_max: usize,
}

/// An API server of Kubernetes, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// `https://…`.
    pub url: String,
    /// The file of the bearer token, read for each run, since tokens of pods change.
    pub token_file: Option<PathBuf>,
    /// The file of the certificates that the server is trusted by.
    pub ca_file: Option<PathBuf>,
    /// The namespaces in which hooks may run jobs.
    pub namespaces: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            hosts: None,
            programs: None,
            program_environment: Vec::new(),
            docker: None,
            docker_images: Vec::new(),
            kubernetes: None,
            secrets: BTreeMap::new(),
            alert_url: None,
            output_bytes_max: 16 << 10,
            runs_max: 1_000,
        }
    }
}

impl Settings {
    /// Fails if requests to a host are not allowed.
    pub(crate) fn allow_host(&self, host: &str) -> Result<(), String> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        match hosts.iter().any(|one| Pattern::new(one).matches(host)) {
            true => Ok(()),
            false => Err(format!("the settings of the server do not list the host {host}")),
        }
    }

    /// Fails if an image may not be run.
    pub(crate) fn allow_image(&self, image: &str) -> Result<(), String> {
        match self
            .docker_images
            .iter()
            .any(|one| Pattern::new(one).matches(image))
        {
            true => Ok(()),
            false => Err(format!(
                "the settings of the server do not list the image {image}"
            )),
        }
    }

    /// Returns where the secret of a reference is: a variable or a file.
    pub fn secret_source(&self, reference: &str) -> Option<SecretSource> {
        let listed = |text: &str| match text.split_once(':') {
            Some(("env", variable)) => Some(SecretSource::Variable(variable.to_owned())),
            Some(("file", path)) => Some(SecretSource::File(PathBuf::from(path))),
            _ => None,
        };
        if let Some(name) = reference.strip_prefix("secret.") {
            return self.secrets.get(name).and_then(|text| listed(text));
        }
        let asked = SecretSource::Variable(reference.strip_prefix("env.")?.to_owned());
        let mut all = self.secrets.values().filter_map(|text| listed(text));
        all.find(|source| *source == asked)
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    Variable(String),
    File(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_allowed() {
        let secrets = [("hook", "env:HOOK_KEY"), ("k", "file:/run/k"), ("odd", "HOME")];
        let settings = Settings {
            hosts: Some(vec!["*.example.com".into()]),
            docker_images: vec!["ghcr.io/acme/*".into()],
            secrets: secrets.map(|(name, at)| (name.into(), at.into())).into(),
            ..Settings::default()
        };
        assert!(
            settings.allow_host("a.example.com").is_ok() && settings.allow_host("169.254.169.254").is_err()
        );
        assert!(Settings::default().allow_host("anything").is_ok());
        assert!(settings.allow_image("ghcr.io/acme/x:1").is_ok());
        assert!(settings.allow_image("evil").is_err() && Settings::default().allow_image("x").is_err());
        let variable = Some(SecretSource::Variable("HOOK_KEY".into()));
        assert_eq!(settings.secret_source("secret.hook"), variable);
        assert_eq!(settings.secret_source("env.HOOK_KEY"), variable);
        assert_eq!(
            settings.secret_source("secret.k"),
            Some(SecretSource::File("/run/k".into()))
        );
        for unlisted in ["env.HOME", "secret.odd", "secret.none", "HOOK_KEY"] {
            assert_eq!(settings.secret_source(unlisted), None, "{unlisted}");
        }
    }
}
