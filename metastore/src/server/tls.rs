//! TLS on a listener: which certificate it shows, and whether clients have to show one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The files that TLS needs, all of them PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those that lead to an authority which clients know.
    pub certificates: PathBuf,
    /// The private key of the first of them.
    pub key: PathBuf,
    /// The certificates of authorities: clients have to show a certificate of one of them.
    pub client_authorities: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there or is no PEM.
    #[error("the {what} {path}: {source}", path = path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file is there, and without what it should hold.
    #[error("the {what} {path}: there is none in it", path = path.display())]
    Empty {
        /// What it should hold.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
    /// The files are there, and cannot be used, or not together.
    #[error("the {what} {path}: {source}", path = path.display())]
    Unusable {
        /// What cannot be used.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a listener shows to its clients, and asks of them.
#[derive(Clone)]
pub struct Tls(pub(super) TlsAcceptor);

impl Tls {
    /// Reads the files. What is in them later is not seen.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
        let chain = certificates("TLS certificate", &files.certificates)?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| match source {
            pem::Error::NoItemsFound => TlsError::Empty {
                what: "TLS key",
                path: files.key.clone(),
            },
            source => TlsError::File {
                what: "TLS key",
                path: files.key.clone(),
                source,
            },
        })?;
        // ring and not aws-lc: it needs no CMake and builds in a fraction of the time
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS certificate", &files.certificates, error))?;
        let builder = match &files.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let what = "authorities of TLS clients";
                let mut roots = RootCertStore::empty();
                for certificate in certificates(what, path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| unusable(what, path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| unusable(what, path, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| unusable("TLS key", &files.key, error))?;
        Ok(Tls(TlsAcceptor::from(Arc::new(config))))
    }
}

/// Reads all certificates of a file, which has to hold one at least.
fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let path = path.to_owned();
    match read() {
        Ok(found) if found.is_empty() => Err(TlsError::Empty { what, path }),
        Ok(found) => Ok(found),
        Err(source) => Err(TlsError::File { what, path, source }),
    }
}

fn unusable(
    what: &'static str,
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TlsError {
    TlsError::Unusable {
        what,
        path: path.to_owned(),
        source: source.into(),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
