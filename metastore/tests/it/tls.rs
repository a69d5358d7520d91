//! TLS on a listener: over it calls are answered, and without it nobody comes in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metastore::{Door, Limits, Tls, TlsFiles, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use thrift_idl::methods::*;
use thrift_idl::{MessageKind, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::harness::{Client, Server};

/// An authority, and what it signed: a server's certificate and a client's.
struct Certificates {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Certificates {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let certificates = Certificates {
            folder: TempDir::new().unwrap(),
            authority,
        };
        certificates.write("authority.pem", &certificates.authority.pem());
        let (certificate, key) = certificates.signed();
        certificates.write("chain.pem", &certificate);
        certificates.write("key.pem", &key);
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Returns a certificate for `localhost` and its key, both PEM.
    fn signed(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn files(&self, client_authorities: Option<&str>) -> TlsFiles {
        TlsFiles {
            certificates: self.path("chain.pem"),
            key: self.path("key.pem"),
            client_authorities: client_authorities.map(|name| self.path(name)),
        }
    }

    async fn serve(&self, client_authorities: Option<&str>) -> Server {
        let door = Door {
            transport: Transport::default(),
            tls: Some(Tls::load(&self.files(client_authorities)).unwrap()),
        };
        Server::behind(door, Limits::default(), None).await
    }

    /// Connects, and shows a certificate if that is asked for.
    async fn connect(&self, server: &Server, shows: bool) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if shows {
            let (certificate, key) = self.signed();
            builder.with_client_auth_cert(vec![from_pem(&certificate)], key_from_pem(&key))
        } else {
            Ok(builder.with_no_client_auth())
        };
        let connector = TlsConnector::from(Arc::new(config.unwrap()));
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, server.stream().await).await
    }
}

fn from_pem(text: &str) -> CertificateDer<'static> {
    rustls::pki_types::pem::PemObject::from_pem_slice(text.as_bytes()).unwrap()
}

fn key_from_pem(text: &str) -> PrivateKeyDer<'static> {
    rustls::pki_types::pem::PemObject::from_pem_slice(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn calls_are_answered_over_tls_and_not_without() {
    let certificates = Certificates::new();
    let server = certificates.serve(None).await;
    let stream = certificates.connect(&server, false).await.unwrap();
    let mut client = Client::over(stream, Wire::default());
    client.create_database("g1").await;
    let all = client.get::<GetAllDatabases>(GetAllDatabasesArgs {}).await;
    assert_eq!(all.unwrap(), ["default", "g1"]);

    // an end that is none of an attacker
    let mut goodbye = Vec::new();
    Wire::default()
        .write_message(&mut goodbye, "shutdown", MessageKind::Oneway, 9, &ShutdownArgs {})
        .unwrap();
    client.stream.write_all(&goodbye).await.unwrap();
    assert_eq!(client.stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);

    let mut plain = server.connect().await;
    plain.send::<GetAllDatabases>(&GetAllDatabasesArgs {}).await;
    let mut received = Vec::new();
    let _ = plain.stream.read_to_end(&mut received).await;
    let said = String::from_utf8_lossy(&received);
    assert!(!said.contains("get_all_databases"), "{said}");
}

#[tokio::test]
async fn clients_show_a_certificate_where_that_is_asked() {
    let certificates = Certificates::new();
    let server = certificates.serve(Some("authority.pem")).await;
    let stream = certificates.connect(&server, true).await.unwrap();
    let mut client = Client::over(stream, Wire::default());
    let all = client.get::<GetAllDatabases>(GetAllDatabasesArgs {}).await;
    assert_eq!(all.unwrap(), ["default"]);

    // with TLS 1.3 a client learns of its refusal when it reads
    let refused = async {
        let mut stream = certificates.connect(&server, false).await?;
        stream.write_all(b"\x80\x01").await?;
        stream.read_u8().await
    };
    let error = refused.await.unwrap_err().to_string();
    assert!(error.contains("CertificateRequired"), "{error}");
}

#[test]
fn files_that_do_not_serve_are_named() {
    let certificates = Certificates::new();
    certificates.write("empty.pem", "");
    certificates.write("other-key.pem", &certificates.signed().1);
    let path = |name: &str| certificates.path(name);
    let files = certificates.files(None);
    let told = |files: TlsFiles| Tls::load(&files).unwrap_err().to_string();
    let named = |text: String, name: &str, why: &str| {
        let path = path(name);
        let named = text.contains(&Path::display(&path).to_string()) && text.contains(why);
        assert!(named, "{text}");
    };
    for (name, why) in [
        ("none.pem", "TLS certificate"),
        ("empty.pem", "there is none in it"),
        ("key.pem", "there is none in it"),
    ] {
        let text = told(TlsFiles {
            certificates: path(name),
            ..files.clone()
        });
        named(text, name, why);
    }
    for (name, why) in [
        ("none.pem", "TLS key"),
        ("chain.pem", "there is none in it"),
        ("other-key.pem", "TLS key"),
    ] {
        let text = told(TlsFiles {
            key: path(name),
            ..files.clone()
        });
        named(text, name, why);
    }
    let text = told(certificates.files(Some("empty.pem")));
    named(text, "empty.pem", "authorities of TLS clients");
}
