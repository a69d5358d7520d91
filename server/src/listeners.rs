//! The listeners of the metastore: how settings spell them, and what they become.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use metastore::{Door, Tls, TlsFiles, Tokens, Transport, Users};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use versioning::{RefExpr, RepositoryName};

use crate::credentials::{read_file, read_secret};
use crate::error::{Exit, Failure};

/// A listener as settings spell it: `[ADDRESS:]PORT[=REPOSITORY[@REF]]`, or a table that says more.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum ListenerSetting {
    Short(String),
    Table(Box<ListenerTable>),
}

/// A listener with all that can be said of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerTable {
    /// As the short form.
    pub(crate) listen: String,
    /// TLS; without it whatever is sent can be read on the way.
    pub(crate) tls: Option<TlsTable>,
    /// For `thrift`: clients come in by SASL PLAIN, as users of this file, which `htpasswd -B` writes.
    pub(crate) users_file: Option<PathBuf>,
    /// For `thrift`: SASL PLAIN takes every name with any password.
    #[serde(default)]
    pub(crate) any_password: bool,
    /// For `thrift_http`: where the accepted bearer tokens are, a `name:token` a line.
    pub(crate) tokens_env: Option<String>,
    pub(crate) tokens_file: Option<PathBuf>,
}

/// The files of TLS, all PEM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsTable {
    /// The chain of certificates, the server's own first.
    pub(crate) certificates: PathBuf,
    pub(crate) key: PathBuf,
    /// If given, clients have to show a certificate of one of these authorities.
    pub(crate) client_authorities: Option<PathBuf>,
}

/// Which of the two settings a listener stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Socket,
    Http,
}

/// A port of the metastore, what clients of it mean who name nothing else, and how they come in.
#[derive(Debug)]
pub(crate) struct ThriftListener {
    pub(crate) place: ListenerPlace,
    pub(crate) door: Door,
}

/// Where a listener is, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerPlace {
    pub(crate) address: SocketAddr,
    pub(crate) repository: Option<RepositoryName>,
    pub(crate) reference: Option<RefExpr>,
}

impl ListenerSetting {
    /// Reads what the listener needs: files are opened, and environment variables looked up.
    pub(crate) fn read(&self, carrier: Carrier) -> Result<ThriftListener, Failure> {
        let short;
        let table = match self {
            ListenerSetting::Table(table) => table,
            ListenerSetting::Short(text) => {
                short = Box::new(ListenerTable {
                    listen: text.clone(),
                    ..ListenerTable::default()
                });
                &short
            }
        };
        let wrong = |why: String| {
            let name = carrier.setting();
            Failure::new(
                Exit::WrongUse,
                format!("{name} listener {:?}: {why}", table.listen),
            )
        };
        let place = table.listen.parse().map_err(wrong)?;
        let transport = table.transport(carrier).map_err(wrong)?;
        let tls = table
            .tls
            .as_ref()
            .map(TlsTable::load)
            .transpose()
            .map_err(wrong)?;
        Ok(ThriftListener {
            place,
            door: Door { transport, tls },
        })
    }
}

impl ListenerTable {
    fn transport(&self, carrier: Carrier) -> Result<Transport, String> {
        let has_users = self.users_file.is_some() || self.any_password;
        let has_tokens = self.tokens_file.is_some() || self.tokens_env.is_some();
        match carrier {
            Carrier::Socket if has_tokens => {
                Err("tokens are for thrift_http; a thrift listener takes users_file".into())
            }
            Carrier::Socket => Ok(Transport::Socket { users: self.users()? }),
            Carrier::Http if has_users => {
                Err("users are for thrift; a thrift_http listener takes tokens_file".into())
            }
            Carrier::Http => Ok(Transport::Http {
                tokens: self.tokens()?,
            }),
        }
    }

    fn users(&self) -> Result<Option<Users>, String> {
        match (&self.users_file, self.any_password) {
            (Some(_), true) => Err("give users_file or any_password, not both".into()),
            (None, true) => Ok(Some(Users::anyone())),
            (None, false) => Ok(None),
            (Some(file), false) => {
                let users = Users::parse(&read_file("users_file", file)?);
                users
                    .map(Some)
                    .map_err(|error| format!("users_file {}: {error}", file.display()))
            }
        }
    }

    fn tokens(&self) -> Result<Option<Tokens>, String> {
        let text = read_secret("tokens", self.tokens_env.as_deref(), self.tokens_file.as_deref())?;
        let tokens = text.map(|text| Tokens::parse(&text)).transpose();
        tokens.map_err(|error| format!("tokens: {error}"))
    }
}

impl TlsTable {
    fn load(&self) -> Result<Tls, String> {
        let files = TlsFiles {
            certificates: self.certificates.clone(),
            key: self.key.clone(),
            client_authorities: self.client_authorities.clone(),
        };
        Tls::load(&files).map_err(|error| error.to_string())
    }
}

impl Carrier {
    fn setting(self) -> &'static str {
        match self {
            Carrier::Socket => "thrift",
            Carrier::Http => "thrift_http",
        }
    }
}

impl ThriftListener {
    /// Returns the address for clients, and how they come in.
    pub(crate) fn announce(&self, address: SocketAddr, default: &str) -> String {
        let tls = self.door.tls.is_some();
        let (url, entrance) = match &self.door.transport {
            Transport::Socket { users } => (
                format!("thrift://{address}"),
                users.as_ref().map(|_| ", SASL PLAIN"),
            ),
            Transport::Http { tokens } => {
                let scheme = if tls { "https" } else { "http" };
                let url = format!("{scheme}://{address}/metastore");
                (url, tokens.as_ref().map(|_| ", bearer tokens"))
            }
        };
        let repository = self
            .place
            .repository
            .as_ref()
            .map_or(default, |name| name.as_str());
        let reference = self.place.reference.as_ref();
        let reference = reference.map(|at| format!("@{at}")).unwrap_or_default();
        let tls = if tls { ", TLS" } else { "" };
        format!(
            "{url}  ({repository}{reference}{tls}{})",
            entrance.unwrap_or_default()
        )
    }
}

impl FromStr for ListenerPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenerPlace, String> {
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
            return Ok(ListenerPlace {
                address,
                repository: None,
                reference: None,
            });
        };
        let (repository, reference) = match target.split_once('@') {
            Some((repository, reference)) => (repository, Some(reference)),
            None => (target, None),
        };
        Ok(ListenerPlace {
            address,
            repository: Some(RepositoryName::parse(repository).map_err(|error| error.to_string())?),
            reference: reference
                .map(RefExpr::parse)
                .transpose()
                .map_err(|error| error.to_string())?,
        })
    }
}

impl<'de> Deserialize<'de> for ListenerSetting {
    /// By hand, because an untagged enum does not tell which field is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ListenerSetting, D::Error> {
        deserializer.deserialize_any(ListenerVisitor)
    }
}

struct ListenerVisitor;

impl<'de> Visitor<'de> for ListenerVisitor {
    type Value = ListenerSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[ADDRESS:]PORT[=REPOSITORY[@REF]], or a table with listen")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ListenerSetting, E> {
        Ok(ListenerSetting::Short(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, port: u64) -> Result<ListenerSetting, E> {
        Ok(ListenerSetting::Short(port.to_string()))
    }

    fn visit_i64<E: de::Error>(self, port: i64) -> Result<ListenerSetting, E> {
        Ok(ListenerSetting::Short(port.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListenerSetting, A::Error> {
        let table = ListenerTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ListenerSetting::Table(Box::new(table)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn listeners_name_a_port_and_what_it_means() {
        let parsed: ListenerPlace = "9084=lake@etl".parse().unwrap();
        assert_eq!(parsed.address.to_string(), "127.0.0.1:9084");
        assert_eq!(parsed.repository.unwrap().as_str(), "lake");
        assert_eq!(parsed.reference.unwrap().to_string(), "etl");
        let open: ListenerPlace = "0.0.0.0:9083".parse().unwrap();
        assert_eq!(
            (open.address.to_string().as_str(), open.repository),
            ("0.0.0.0:9083", None)
        );
        for bad in ["", "host", "9083=", "9083=lake@", "9083=La", "99999"] {
            assert!(bad.parse::<ListenerPlace>().is_err(), "{bad}");
        }
    }

    /// Reads a listener from a table; returns how it is announced, or what is told.
    fn read(table: serde_json::Value, carrier: Carrier) -> String {
        let setting: ListenerSetting = match serde_json::from_value(table) {
            Ok(setting) => setting,
            Err(error) => return error.to_string(),
        };
        match setting.read(carrier) {
            Ok(listener) => listener.announce(listener.place.address, "lake"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn listeners_say_how_clients_come_in() {
        use serde_json::json;
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::write(&tokens, "ann:secret\n").unwrap();
        for (table, carrier, expected) in [
            (json!(9083), Carrier::Socket, "thrift://127.0.0.1:9083  (lake)"),
            (
                json!("9083=other@etl"),
                Carrier::Http,
                "http://127.0.0.1:9083/metastore  (other@etl)",
            ),
            (
                json!({"listen": "9083", "any_password": true}),
                Carrier::Socket,
                "thrift://127.0.0.1:9083  (lake, SASL PLAIN)",
            ),
            (
                json!({"listen": "9083", "tokens_file": tokens}),
                Carrier::Http,
                "http://127.0.0.1:9083/metastore  (lake, bearer tokens)",
            ),
        ] {
            assert_eq!(read(table, carrier), expected);
        }
        for (table, carrier, told) in [
            (
                json!({"listen": "9083", "user": 1}),
                Carrier::Socket,
                "unknown field `user`",
            ),
            (
                json!({"listen": "9083", "tokens_file": tokens}),
                Carrier::Socket,
                "tokens are for thrift_http",
            ),
            (
                json!({"listen": "9083", "users_file": tokens}),
                Carrier::Http,
                "users are for thrift",
            ),
            (
                json!({"listen": "9083", "users_file": tokens}),
                Carrier::Socket,
                "line 1 holds no bcrypt hash",
            ),
            (
                json!({"listen": "9083", "users_file": "no-such"}),
                Carrier::Socket,
                "users_file no-such",
            ),
            (
                json!({"listen": "9083", "tls": {"certificates": "no-such", "key": "none"}}),
                Carrier::Http,
                "TLS certificate no-such",
            ),
        ] {
            let text = read(table, carrier);
            assert!(text.contains(told), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_file_mixes_short_forms_and_tables() {
        use figment::providers::Format as _;
        let text = "thrift = [9083, '9084=lake@etl']\n[[thrift_http]]\nlisten = '9085'\n[thrift_http.tls]\n\
                    certificates = 'chain.pem'\nkey = 'key.pem'\n";
        #[derive(Deserialize)]
        struct File {
            thrift: Vec<ListenerSetting>,
            thrift_http: Vec<ListenerSetting>,
        }
        let file: File = figment::Figment::from(figment::providers::Toml::string(text))
            .extract()
            .unwrap();
        let place = |setting: &ListenerSetting| setting.read(Carrier::Socket).unwrap().place.address.port();
        assert_eq!(file.thrift.iter().map(place).collect::<Vec<_>>(), [9083, 9084]);
        let ListenerSetting::Table(table) = &file.thrift_http[0] else {
            panic!("no table");
        };
        let tls = table.tls.as_ref().unwrap();
        assert_eq!(
            (table.listen.as_str(), tls.key.as_path()),
            ("9085", Path::new("key.pem"))
        );
    }
}
