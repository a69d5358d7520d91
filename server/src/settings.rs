//! The settings of a server: defaults, then a file, then the environment, then flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::error::{Exit, Failure};
use crate::listeners::{Carrier, ListenerSetting, ThriftListener};

/// The port of the REST API, if nothing else is said.
pub(crate) const HTTP_PORT: u16 = 7373;
const S3_PORT: u16 = 7374;
/// The port at which clients expect a Hive Metastore.
const THRIFT_PORT: u16 = 9083;

/// What a setting's variable begins with: other `SKEP_` variables are those of the command line.
const PREFIX: &str = "SKEP_SERVE_";

/// All settings of `skep serve`. In a file as TOML; in the environment as `SKEP_SERVE_` and the name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The folder for refs and data.
    pub(crate) data: PathBuf,
    /// Where the REST API listens.
    pub(crate) http: SocketAddr,
    /// Where the S3 gateway listens.
    pub(crate) s3: SocketAddr,
    /// Where the metastore listens, any number.
    pub(crate) thrift: Vec<ListenerSetting>,
    /// Where the metastore listens for HTTP, any number.
    pub(crate) thrift_http: Vec<ListenerSetting>,
    /// The repository that a first start creates, and that clients mean who name none.
    pub(crate) repository: String,
    /// The scheme of the locations that the metastore hands out.
    pub(crate) location_scheme: String,
    /// The access key of the gateway, and where its secret is: an environment variable or a file.
    pub(crate) access_key: String,
    pub(crate) secret_key_env: Option<String>,
    pub(crate) secret_key_file: Option<PathBuf>,
    /// The cache of nodes and blobs, in MiB.
    pub(crate) cache_mib: u64,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
    /// What is logged, in the syntax of `tracing`: `info`, `skep=debug,metastore=trace`.
    pub(crate) log: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Default for Settings {
    fn default() -> Settings {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Settings {
            data: PathBuf::from("skep-data"),
            http: local(HTTP_PORT),
            s3: local(S3_PORT),
            thrift: vec![ListenerSetting::Short(THRIFT_PORT.to_string())],
            thrift_http: Vec::new(),
            repository: "lake".into(),
            location_scheme: "s3a".into(),
            access_key: crate::credentials::DEFAULT_ACCESS_KEY.into(),
            secret_key_env: None,
            secret_key_file: None,
            cache_mib: 512,
            log_format: LogFormat::Text,
            log: "info".into(),
        }
    }
}

impl Settings {
    /// Reads the settings; `flags` are those that were given on the command line.
    pub(crate) fn read(file: Option<&PathBuf>, flags: impl Serialize) -> Result<Settings, Failure> {
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(Failure::new(
                    Exit::WrongUse,
                    format!("there is no settings file {}", file.display()),
                ));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment = Env::prefixed(PREFIX).ignore(&["config"]);
        figment
            .merge(environment)
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| Failure::new(Exit::WrongUse, format!("settings: {error}")))
    }

    /// Returns the listeners of the metastore, those for HTTP last.
    pub(crate) fn listeners(&self) -> Result<Vec<ThriftListener>, Failure> {
        let sockets = self.thrift.iter().map(|one| one.read(Carrier::Socket));
        let http = self.thrift_http.iter().map(|one| one.read(Carrier::Http));
        sockets.chain(http).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_defaults_and_typos_are_told() {
        let flags = serde_json::json!({"http": "127.0.0.1:1"});
        let settings = Settings::read(None, flags).unwrap();
        assert_eq!(settings.http.port(), 1);
        assert_eq!(settings.s3.port(), S3_PORT);
        let error = Settings::read(None, serde_json::json!({"htpp": "x"})).unwrap_err();
        assert!(error.message.contains("htpp"), "{error}");
    }
}
