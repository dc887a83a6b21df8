//! Sockets: making them, accepting from them, serving each connection.

use crate::auth::Transport;
use crate::failure::{Failure, exit};
use crate::http::front::Front;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::future::ready;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// Connections served at once; more wait in the system's own queue.
const CONNECTIONS_MAX: usize = 8_192;

/// Longest time a request's head may take to arrive, and an idle connection may wait for its next request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(120);

/// A pause after the system refused to accept: it is out of file descriptors, and trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Mode of the socket's file: for its owner alone.
const SOCKET_MODE: u32 = 0o600;

/// A Unix socket; its file goes with it.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixSocket {
    /// Makes the socket, taking the place of one that nobody answers at.
    ///
    /// # Errors
    /// When a server answers there, something else has that name, or the system refuses.
    pub(crate) fn bind(path: &Path) -> Result<Self, Failure> {
        let refused = |error: io::Error| Failure::internal(format!("socket {}: {error}", path.display()));
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(dir).map_err(refused)?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(Failure::new(
                    exit::CONFLICT,
                    format!("{} exists and is no socket", path.display()),
                ));
            }
            Ok(_) => {
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    let message = format!("a server answers at the socket {} already", path.display());
                    return Err(Failure::new(exit::CONFLICT, message));
                }
            }
        }
        // Bound under another name and moved, so that it is never there with a wider mode.
        let new = dir.join(format!(".{}", std::process::id()));
        let _ = fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(refused)?;
        let moved = fs::set_permissions(&new, Permissions::from_mode(SOCKET_MODE))
            .and_then(|()| fs::rename(&new, path));
        if let Err(error) = moved {
            let _ = fs::remove_file(&new);
            return Err(refused(error));
        }
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Accepts from the Unix socket until the server stops.
pub(crate) async fn serve_unix(front: Front, socket: UnixSocket) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let stop = front.app.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let front = front.of(Transport::Unix, None);
                    connection(front, Transport::Unix, ready(Ok(stream)), &turns).await;
                }
                Err(error) => pause(&error).await,
            },
        }
    }
}

/// Accepts from a TCP listener until the server stops; over TLS if there is an acceptor.
pub(crate) async fn serve_tcp(front: Front, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let stop = front.app.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Answers are written whole; waiting for more to send with them only delays.
                    let _ = stream.set_nodelay(true);
                    let front = front.of(Transport::Tcp, Some(peer.ip()));
                    match tls.clone() {
                        None => connection(front, Transport::Tcp, ready(Ok(stream)), &turns).await,
                        Some(tls) => {
                            let shaken = async move { crate::tls::accept(&tls, stream).await };
                            connection(front, Transport::Tcp, shaken, &turns).await;
                        }
                    }
                }
                Err(error) => pause(&error).await,
            },
        }
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Starts serving a connection, once there is a turn for it.
async fn connection<S>(
    front: Front,
    transport: Transport,
    stream: impl Future<Output = io::Result<S>> + Send + 'static,
    turns: &Arc<Semaphore>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The semaphore is never closed.
    let Ok(turn) = turns.clone().acquire_owned().await else { return };
    let open = front.app.open.clone();
    open.spawn(async move {
        let counted = front.app.metrics.connections.with_label_values(&[transport.as_str()]);
        counted.inc();
        let stop = front.app.stop.clone();
        let stream = tokio::select! {
            stream = stream => stream,
            () = stop.cancelled() => Err(io::Error::other("the server stops")),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                counted.dec();
                tracing::debug!(%error, "a connection did not come about");
                return;
            }
        };
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let front = front.clone();
            async move { Ok::<_, Infallible>(front.answer(request.map(Body::new)).await) }
        });
        // Without `pipeline_flush`: under it hyper has no bound on what waits to be written, and a reader that does
        // not read makes it gather a whole streamed answer.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended badly");
        }
        counted.dec();
        drop(turn);
    });
}

#[cfg(test)]
mod test {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let live = UnixSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        let refused = UnixSocket::bind(&path).unwrap_err();
        assert_eq!(refused.exit, exit::CONFLICT);
        // A server that was killed leaves its file behind.
        drop(live);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let again = UnixSocket::bind(&path).unwrap();
        drop(again);
        assert!(!path.exists(), "its file goes with it");
        fs::write(&path, "data").unwrap();
        assert!(UnixSocket::bind(&path).is_err(), "what is no socket is left alone");
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }
}
