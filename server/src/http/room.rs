//! Room for the bodies of all requests that are being worked on: each is bounded, and so is their sum.

use crate::error::Error;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of all bodies that are held at a time: thirty-two of the largest.
const BODIES_BYTES_MAX: usize = 32 * super::front::BODY_BYTES_MAX;

/// What room is counted in, in bytes.
const UNIT: usize = 1 << 10;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// Some of the room, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Taken(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BODIES_BYTES_MAX / UNIT)))
    }
}

impl Room {
    /// Takes room for so many bytes more.
    ///
    /// # Errors
    /// `ERR_UNAVAILABLE` when there is not so much left.
    pub(crate) fn take(&self, bytes: usize, taken: &mut Taken) -> Result<(), Error> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.0).try_acquire_many_owned(units).map_err(|_| {
            Error::unavailable("the bodies of other requests take all the room there is")
                .hint("try again in a moment; many small requests find room where a large one does not")
        })?;
        match &mut taken.0 {
            Some(before) => before.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::error::Code;

    #[test]
    fn room_to_the_bound_and_none_beyond() {
        let room = Room::default();
        let mut all = Taken::default();
        for _ in 0..32 {
            room.take(super::super::front::BODY_BYTES_MAX, &mut all).unwrap();
        }
        let refused = room.take(1, &mut Taken::default()).unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        drop(all);
        let mut one = Taken::default();
        room.take(BODIES_BYTES_MAX - 1, &mut one).unwrap();
        assert!(room.take(1, &mut Taken::default()).is_err(), "what is begun of a unit is taken");
        drop(one);
        room.take(1, &mut Taken::default()).unwrap();
    }
}
