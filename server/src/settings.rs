//! The settings of a server: defaults, then a file, then the environment, then flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use catalog::warehouse::{DeleteMode, WarehouseSettings};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use versioning::{RefExpr, RepositoryName};

use crate::error::{Exit, Failure};

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
    /// Where the metastore listens: `[ADDRESS:]PORT[=REPOSITORY[@REF]]`, any number.
    pub(crate) thrift: Vec<String>,
    /// The repository that a first start creates, and that clients mean who name none.
    pub(crate) repository: String,
    /// The plain warehouse of that repository, such as `file:/warehouse`: a folder that is not skep's, for the data of
    /// its managed tables, which then has no versions.
    pub(crate) warehouse: Option<String>,
    /// When data goes there whose table was dropped: `keep` or `immediate`.
    pub(crate) warehouse_delete: String,
    /// The folder to which it is moved then; without it, it is gone at once.
    pub(crate) warehouse_trash: Option<String>,
    /// How many partitions one call to the metastore may ask for.
    pub(crate) partitions_max: Option<u32>,
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
            thrift: vec![THRIFT_PORT.to_string()],
            repository: "lake".into(),
            warehouse: None,
            warehouse_delete: "keep".into(),
            warehouse_trash: None,
            partitions_max: None,
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

    /// Returns the plain warehouse of the first repository, if it has one.
    pub(crate) fn warehouse(&self) -> Result<Option<WarehouseSettings>, Failure> {
        let wrong = |error: catalog::Error| Failure::new(Exit::WrongUse, format!("settings: {error}"));
        let Some(root) = &self.warehouse else {
            return Ok(None);
        };
        let delete = DeleteMode::parse(&self.warehouse_delete).map_err(wrong)?;
        let settings = WarehouseSettings::new(root, delete, self.warehouse_trash.as_deref());
        settings.map(Some).map_err(wrong)
    }

    /// Returns the listeners of the metastore.
    pub(crate) fn listeners(&self) -> Result<Vec<ThriftListener>, Failure> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|why| Failure::new(Exit::WrongUse, format!("thrift listener {text:?}: {why}")))
        };
        self.thrift.iter().map(parse).collect()
    }
}

/// A port of the metastore, and what clients of it mean who name nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThriftListener {
    pub(crate) address: SocketAddr,
    pub(crate) repository: Option<RepositoryName>,
    pub(crate) reference: Option<RefExpr>,
}

impl FromStr for ThriftListener {
    type Err = String;

    fn from_str(text: &str) -> Result<ThriftListener, String> {
        let (address, target) = match text.split_once('=') {
            Some((address, target)) => (address, Some(target)),
            None => (text, None),
        };
        let address = match address.parse::<u16>() {
            Ok(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            Err(_) => address
                .parse()
                .map_err(|_| "it is no port and no address:port".to_owned())?,
        };
        let Some(target) = target else {
            return Ok(ThriftListener {
                address,
                repository: None,
                reference: None,
            });
        };
        let (repository, reference) = match target.split_once('@') {
            Some((repository, reference)) => (repository, Some(reference)),
            None => (target, None),
        };
        Ok(ThriftListener {
            address,
            repository: Some(RepositoryName::parse(repository).map_err(|error| error.to_string())?),
            reference: reference
                .map(RefExpr::parse)
                .transpose()
                .map_err(|error| error.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_name_a_port_and_what_it_means() {
        let parsed: ThriftListener = "9084=lake@etl".parse().unwrap();
        assert_eq!(parsed.address.to_string(), "127.0.0.1:9084");
        assert_eq!(parsed.repository.unwrap().as_str(), "lake");
        assert_eq!(parsed.reference.unwrap().to_string(), "etl");
        let open: ThriftListener = "0.0.0.0:9083".parse().unwrap();
        assert_eq!(
            (open.address.to_string().as_str(), open.repository),
            ("0.0.0.0:9083", None)
        );
        for bad in ["", "host", "9083=", "9083=lake@", "9083=La", "99999"] {
            assert!(bad.parse::<ThriftListener>().is_err(), "{bad}");
        }
    }

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
