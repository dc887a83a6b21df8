//! Connections that are kept alive: HTTP/1.1 over TCP or a Unix socket, and a WebSocket.

use crate::Failure;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

/// One way to a server.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    socket: PathBuf,
    tcp: SocketAddr,
}

/// A connection that is up.
pub(crate) struct Connection {
    sender: SendRequest<String>,
}

/// A WebSocket that is up, its subprotocol agreed.
pub(crate) type Socket = WebSocketStream<TcpStream>;

impl Place {
    /// `http://HOST:PORT` and a Unix socket.
    pub(crate) fn new(url: &str, socket: &Path) -> Result<Self, Failure> {
        let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let tcp = address.parse().map_err(|error| format!("{url} is not http://ADDRESS:PORT: {error}"))?;
        Ok(Self { socket: socket.to_owned(), tcp })
    }

    pub(crate) fn unix(&self) -> Address {
        Address::Unix(self.socket.clone())
    }

    pub(crate) fn both(&self) -> [Address; 2] {
        [self.unix(), Address::Tcp(self.tcp)]
    }

    /// A WebSocket of it.
    pub(crate) async fn socket(&self) -> Result<Socket, Failure> {
        self.upgrade(TcpStream::connect(self.tcp).await?).await
    }

    /// A WebSocket that takes hardly more than so many bytes which nobody reads.
    pub(crate) async fn socket_of(&self, bytes: u32) -> Result<Socket, Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(bytes)?;
        self.upgrade(socket.connect(self.tcp).await?).await
    }

    async fn upgrade(&self, stream: TcpStream) -> Result<Socket, Failure> {
        let mut request = format!("ws://{}/ws", self.tcp).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("agentpm.v1"));
        stream.set_nodelay(true)?;
        Ok(client_async(request, stream).await?.0)
    }
}

impl Connection {
    pub(crate) async fn open(address: &Address) -> Result<Self, Failure> {
        match address {
            Address::Unix(path) => Self::over(UnixStream::connect(path).await?).await,
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Self::over(stream).await
            }
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, Failure> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; an error shows at the next request.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Posts JSON; the body of the answer, which must be a success.
    pub(crate) async fn post(&mut self, path: &str, body: String) -> Result<Vec<u8>, Failure> {
        Ok(self.post_at(path, body).await?.0)
    }

    /// The same, with the position that the answer reflects.
    pub(crate) async fn post_at(&mut self, path: &str, body: String) -> Result<(Vec<u8>, u64), Failure> {
        self.change(Method::POST, path, body).await
    }

    /// Patches; the answer and the position that it reflects.
    pub(crate) async fn patch(&mut self, path: &str, body: String) -> Result<(Vec<u8>, u64), Failure> {
        self.change(Method::PATCH, path, body).await
    }

    async fn change(&mut self, method: Method, path: &str, body: String) -> Result<(Vec<u8>, u64), Failure> {
        let mut answer = Vec::new();
        let position = self.send(method, path, body, |part| answer.extend_from_slice(part)).await?;
        Ok((answer, position))
    }

    /// Gets lines of JSON, part by part.
    pub(crate) async fn get_lines(&mut self, path: &str, part: impl FnMut(&[u8])) -> Result<(), Failure> {
        self.send(Method::GET, path, String::new(), part).await.map(drop)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: String,
        mut part: impl FnMut(&[u8]),
    ) -> Result<u64, Failure> {
        let request = Request::builder().method(&method).uri(path).header(HOST, "localhost");
        let request = match method {
            Method::GET => request.header(ACCEPT, "application/x-ndjson"),
            _ => request.header(CONTENT_TYPE, "application/json"),
        };
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(body)?).await?;
        let status = response.status();
        let position =
            response.headers().get("agentpm-position").and_then(|at| at.to_str().ok()?.parse().ok());
        let mut body: Incoming = response.into_body();
        let mut refusal = Vec::new();
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            if let Ok(data) = frame?.into_data() {
                if status.is_success() { part(&data) } else { refusal.extend_from_slice(&data) }
            }
        }
        match status.is_success() {
            true => Ok(position.unwrap_or_default()),
            false => Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&refusal)).into()),
        }
    }
}
