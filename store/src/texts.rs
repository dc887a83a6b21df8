//! One allocation for a text that comes again and again: types, tags, streams and metadata repeat from one
//! event to the next.

use crate::Text;
use std::str::Utf8Error;
use xxhash_rust::xxh3::xxh3_64;

/// Texts remembered at once; a newer one takes the place of an older one with the same hash.
const SLOTS: usize = 128;
/// Longer texts seldom repeat and are not remembered.
const REMEMBERED_BYTES_MAX: usize = 256;

/// The texts decoded lately. Owned by whoever decodes many events in a row.
#[derive(Debug)]
pub(crate) struct Texts(
    /// Empty until the first text.
    Vec<Option<Text>>,
);

impl Texts {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// `bytes` as text, shared with the last time they were asked for.
    pub(crate) fn get(&mut self, bytes: &[u8]) -> Result<Text, Utf8Error> {
        if bytes.len() > REMEMBERED_BYTES_MAX {
            return std::str::from_utf8(bytes).map(Text::from);
        }
        self.0.resize(SLOTS, None);
        let slot = &mut self.0[xxh3_64(bytes) as usize % SLOTS];
        if let Some(text) = slot
            && text.as_bytes() == bytes
        {
            return Ok(Text::clone(text));
        }
        let text = Text::from(std::str::from_utf8(bytes)?);
        *slot = Some(Text::clone(&text));
        Ok(text)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_text_that_comes_again_is_the_same_one() {
        let mut texts = Texts::new();
        let first = texts.get(b"task-1").unwrap();
        assert!(Arc::ptr_eq(&first, &texts.get(b"task-1").unwrap()));
        for n in 0..10_000 {
            let text = format!("task-{n}");
            assert_eq!(*texts.get(text.as_bytes()).unwrap(), *text);
        }
        let long = "x".repeat(REMEMBERED_BYTES_MAX + 1);
        assert_eq!(*texts.get(long.as_bytes()).unwrap(), *long);
        assert!(texts.get(&[0xFF]).is_err());
        assert!(texts.get(&[0xFF; REMEMBERED_BYTES_MAX + 1]).is_err());
    }
}
