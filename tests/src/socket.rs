//! A WebSocket client of `agentpm.v1`.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The server marks progress every 5 s at least; a frame that takes longer than this never comes.
const FRAME_LIMIT: Duration = Duration::from_secs(30);

/// One connection.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects to `/ws` of `http://host:port`.
    ///
    /// # Panics
    /// When the server refuses, or does not agree to `agentpm.v1`.
    pub async fn connect(base: &str, token: Option<&str>) -> Self {
        Self::try_connect(base, "/ws", token).await.expect("the server takes a WebSocket")
    }

    /// The same, where a refusal is an answer.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// When the server takes the connection but does not agree to `agentpm.v1`.
    pub async fn try_connect(base: &str, path: &str, token: Option<&str>) -> Result<Self, Box<Error>> {
        let mut request =
            format!("{}{path}", base.replacen("http", "ws", 1)).into_client_request().map_err(Box::new)?;
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("agentpm.v1"));
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is a header value");
            headers.insert("authorization", value);
        }
        let (stream, response) = tokio_tungstenite::connect_async(request).await.map_err(Box::new)?;
        let agreed = response.headers().get("sec-websocket-protocol").cloned();
        assert_eq!(agreed, Some(HeaderValue::from_static("agentpm.v1")), "the subprotocol is agreed");
        Ok(Self { stream })
    }

    /// Sends one frame.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, frame: Value) {
        let text = frame.to_string();
        self.stream.send(Message::text(text)).await.expect("a frame can be sent");
    }

    /// Sends one frame of raw text.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("a frame can be sent");
    }

    /// Sends a message of any kind.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_message(&mut self, message: Message) {
        self.stream.send(message).await.expect("a message can be sent");
    }

    /// Sends one frame, where a server that ends the connection meanwhile is an answer.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn try_send(&mut self, frame: Value) -> Result<(), Box<Error>> {
        self.stream.send(Message::text(frame.to_string())).await.map_err(Box::new)
    }

    /// The next frame; `None` when the connection has ended.
    ///
    /// # Panics
    /// When none comes, or it is not JSON.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(FRAME_LIMIT, self.stream.next()).await;
            match message.expect("the server sends something at least every 5 s")? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame with that `op`; others that may come at any time (`progress`) are passed over.
    ///
    /// # Panics
    /// When another comes, or the connection ends.
    pub async fn expect(&mut self, op: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the connection ended before `{op}`"));
            if frame["op"] == op {
                return frame;
            }
            assert_eq!(frame["op"], "progress", "`{op}` was due, not {frame}");
        }
    }

    /// Subscribes and waits for the answer.
    pub async fn subscribe(&mut self, sub: &str, pql: &str) -> Value {
        self.send(json!({ "op": "subscribe", "sub": sub, "pql": pql })).await;
        self.expect("subscribed").await
    }

    /// One call of the API through the socket; events that arrive meanwhile must not matter to the caller.
    pub async fn request(&mut self, req: &str, method: &str, path: &str, body: Value) -> Value {
        self.send(json!({ "op": "request", "req": req, "method": method, "path": path, "body": body })).await;
        let response = self.expect("response").await;
        let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        let wrong = crate::contract::undescribed(method, path, status, None, Some(&response["body"]));
        assert!(wrong.is_empty(), "{method} {path} through the socket: {}: {response}", wrong.join("\n"));
        response
    }
}
