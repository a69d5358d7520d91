//! The settings of a server: defaults, then a file, then the environment, then flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use catalog::Layout;
use catalog::warehouse::{DeleteMode, WarehouseSettings};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use metastore::HeadMoves;
use serde::{Deserialize, Serialize};
use versioning::events::{Narrate, Retention};

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
    /// Where Arrow Flight SQL is served, if it is.
    pub(crate) flight: Option<SocketAddr>,
    /// The repository that a first start creates, and that clients mean who name none.
    pub(crate) repository: String,
    /// The plain warehouse of that repository, such as `file:/warehouse` or `s3a://bucket/warehouse`: a folder
    /// that is not skep's, for the data of its managed tables, which then has no versions.
    pub(crate) warehouse: Option<String>,
    /// When data goes there whose table was dropped: `keep` or `immediate`.
    pub(crate) warehouse_delete: String,
    /// The folder to which it is moved then; without it, it is gone at once.
    pub(crate) warehouse_trash: Option<String>,
    /// The service of S3 for warehouses in buckets: its address, AWS's own if not given, and its region.
    pub(crate) warehouse_endpoint: Option<String>,
    pub(crate) warehouse_region: String,
    /// A file of credentials for it in place of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub(crate) warehouse_credentials: Option<PathBuf>,
    /// Where databases of that repository lie whose `skep.layout` says nothing: `ref` or `shared`.
    pub(crate) layout: Option<String>,
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
    /// How many seconds a lock or a Hive transaction lives without a sign of life.
    pub(crate) lock_lease_s: u64,
    /// Whether changes are told of in notifications, and how many and how old ones a branch keeps.
    pub(crate) notifications: bool,
    pub(crate) notifications_max: u64,
    pub(crate) notifications_age_h: u64,
    /// What hooks may do, and what is kept of their runs.
    pub(crate) hooks: hooks::Settings,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
    /// What is logged, in the syntax of `tracing`: `info`, `skep=debug,metastore=trace`.
    pub(crate) log: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line, for programs.
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
            flight: None,
            repository: "lake".into(),
            warehouse: None,
            warehouse_delete: "keep".into(),
            warehouse_trash: None,
            warehouse_endpoint: None,
            warehouse_region: "us-east-1".into(),
            warehouse_credentials: None,
            layout: None,
            partitions_max: None,
            location_scheme: "s3a".into(),
            access_key: crate::credentials::DEFAULT_ACCESS_KEY.into(),
            secret_key_env: None,
            secret_key_file: None,
            cache_mib: 512,
            lock_lease_s: 300,
            notifications: true,
            notifications_max: 1_000_000,
            notifications_age_h: 7 * 24,
            hooks: hooks::Settings::default(),
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
            .map_err(|error| Failure::new(Exit::WrongUse, format!("settings: {}", told(&error))))
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

    /// Returns the layout of databases of the first repository, if one is set.
    pub(crate) fn layout(&self) -> Result<Option<Layout>, Failure> {
        let wrong = |error: catalog::Error| Failure::new(Exit::WrongUse, format!("settings: {error}"));
        self.layout
            .as_deref()
            .map(Layout::parse)
            .transpose()
            .map_err(wrong)
    }

    /// Returns what all listeners of the metastore have in common.
    pub(crate) fn metastore(&self) -> metastore::Settings {
        metastore::Settings {
            lease_ms: self.lock_lease_s.saturating_mul(1_000),
            partitions_max: self.partitions_max,
            notifications: self.notifications,
        }
    }

    /// Returns how many notifications are kept.
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            events_max: self.notifications_max,
            age_ms_max: self.notifications_age_h.saturating_mul(3_600_000),
        }
    }

    /// Returns who tells of moves of heads, if anybody is to be told.
    pub(crate) fn narrator(&self) -> Option<Arc<dyn Narrate>> {
        self.notifications
            .then(|| Arc::new(HeadMoves::default()) as Arc<dyn Narrate>)
    }

    /// Returns the listeners of the metastore, those for HTTP last.
    pub(crate) fn listeners(&self) -> Result<Vec<ThriftListener>, Failure> {
        let sockets = self.thrift.iter().map(|one| one.read(Carrier::Socket));
        let http = self.thrift_http.iter().map(|one| one.read(Carrier::Http));
        sockets.chain(http).collect()
    }
}

/// Returns what is wrong and with which setting, and where that was set, if not on the command line.
fn told(error: &figment::Error) -> String {
    let setting = error.path.join(".");
    let place = error.metadata.as_ref().and_then(|found| match &found.source {
        Some(source) => Some(source.file_path()?.display().to_string()),
        None => found
            .name
            .contains(PREFIX)
            .then(|| format!("the environment ({PREFIX}{})", setting.to_uppercase())),
    });
    let place = place.map(|place| format!(" in {place}")).unwrap_or_default();
    match setting.is_empty() {
        true => format!("{}{place}", error.kind),
        false => format!("{setting}{place}: {}", error.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_the_name_of_the_setting() {
        let error = Settings::read(None, serde_json::json!({"http": "nonsense"})).unwrap_err();
        assert_eq!(error.message, "settings: http: invalid socket address syntax");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skep.toml");
        std::fs::write(&file, "http = 'nonsense'").unwrap();
        let error = Settings::read(Some(&file), serde_json::json!({})).unwrap_err();
        let expected = format!(
            "settings: http in {}: invalid socket address syntax",
            file.display()
        );
        assert_eq!(error.message, expected);
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
