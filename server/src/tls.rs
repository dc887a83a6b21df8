//! TLS on both sides, by rustls with ring.

use crate::failure::Failure;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Longest time a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Says by whom this process encrypts; to be called before anything does.
pub(crate) fn install() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been first, with the same.
        let _ = ring::default_provider().install_default();
    }
}

/// What takes TLS connections with this certificate and its key.
///
/// # Errors
/// When a file cannot be read, is no PEM, or the two do not belong together.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    install();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("--tls-cert", cert, "a certificate", &error))?;
    if chain.is_empty() {
        return Err(unreadable("--tls-cert", cert, "a certificate", &PemError::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unreadable("--tls-key", key, "a private key", &error))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|error| {
        let (cert, key) = (cert.display(), key.display());
        let why = match error {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the first certificate".to_owned(),
            other => other.to_string(),
        };
        Failure::usage(format!("--tls-cert {cert} and --tls-key {key}: {why}"))
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unreadable(flag: &str, path: &Path, wanted: &str, error: &PemError) -> Failure {
    let path = path.display();
    Failure::usage(match error {
        PemError::NoItemsFound => {
            format!("{flag} {path}: there is no {} in it; expected PEM", wanted.trim_start_matches("a "))
        }
        PemError::Io(error) => format!("{flag} {path}: {error}"),
        other => format!("{flag} {path}: expected {wanted} as PEM: {other}"),
    })
}

/// Shakes hands with a client.
///
/// # Errors
/// When it does not speak TLS, or takes too long.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: &TlsAcceptor,
    stream: S,
) -> io::Result<TlsStream<S>> {
    tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))?
}
