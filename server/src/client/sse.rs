//! Server-Sent Events as they arrive.

use super::ClientError;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Response;

/// Longest message that is taken, in bytes: an event's data, its metadata and tags.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `id:`, a position.
    pub(crate) id: Option<u64>,
    /// `event:`
    pub(crate) name: String,
    /// `data:`
    pub(crate) data: String,
}

/// The messages of an answer.
pub(crate) struct Messages {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

impl Messages {
    /// The messages of that answer.
    pub(crate) fn new(response: Response) -> Self {
        Self { bytes: response.bytes_stream().boxed(), buffer: Vec::new() }
    }

    /// The next message; none when the answer has ended.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, ClientError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(Some(parse(&String::from_utf8_lossy(&block))));
            }
            match self.bytes.next().await {
                None => return Ok(None),
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => {
                    return Err(ClientError::Unreachable(format!("the connection broke: {error}")));
                }
            }
            if self.buffer.len() > MESSAGE_BYTES_MAX {
                return Err(ClientError::Answer(
                    "a message is longer than any server of ours sends".to_owned(),
                ));
            }
        }
    }
}

fn parse(block: &str) -> Message {
    let mut message = Message::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => message.id = id.parse().ok(),
            Some(("event", name)) => message.name = name.to_owned(),
            Some(("data", data)) => message.data.push_str(data),
            _ => {}
        }
    }
    message
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn reads_a_message() {
        let message = parse("id: 3\nevent: event\ndata: {\"a\":\"b: c\"}\n\n");
        assert_eq!(message, Message { id: Some(3), name: "event".into(), data: r#"{"a":"b: c"}"#.into() });
    }
}
