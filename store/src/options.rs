//! Every bound of the store, in one place.

use crate::OpenError;

/// Bounds and sizes of a [`Store`](crate::Store). The defaults fit a server of one gigabyte.
///
/// Each is a promise: what it bounds never grows past it, but by the one request or commit that crosses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Events after which a commit takes no further request.
    pub drain_events_max: usize,
    /// Bytes of events after which a commit takes no further request.
    pub drain_bytes_max: usize,
    /// Requests that one commit answers. Bounds the wait of a rejected request, which writes nothing.
    pub drain_requests_max: usize,
    /// Events from which on a commit is written by a thread of its own while the next drain is decided, if
    /// something waits. A smaller one is not worth the two switches.
    pub beside_events_min: usize,
    /// Requests waiting for the writer; one more is refused with `QueueFull`.
    pub queue_requests_max: usize,
    /// Bytes of events that one request may write. A record holds a drain, so a record is bounded by
    /// `drain_bytes_max + request_bytes_max`, far below fjall's 4 GiB for a value.
    pub request_bytes_max: usize,
    /// Index and view entries kept in memory before they go to disk. Twice as many may be held while they
    /// are being written; then the writer waits.
    pub delta_entries_max: usize,
    /// The same in bytes.
    pub delta_bytes_max: usize,
    /// Events the checkpoint may be behind the head: what a start after a crash has to replay.
    pub tail_events_max: u64,
    /// Events of the newest commits kept decoded, for those who follow the head.
    pub recent_events_max: usize,
    /// The same in bytes.
    pub recent_bytes_max: usize,
    /// Streams whose revision the writer remembers.
    pub revision_cache_streams: usize,
    /// fjall's block cache of the log, in bytes.
    pub log_cache_bytes: u64,
    /// fjall's block cache of the views, in bytes.
    pub views_cache_bytes: u64,
    /// fjall's memtable of the log, in bytes. Up to five are held under the heaviest load.
    pub memtable_bytes: u64,
    /// fjall's journal files together, in bytes; fjall takes no less than 64 MiB.
    pub journal_bytes_max: u64,
    /// Threads on which fjall flushes and compacts the log. The views have one of their own.
    pub disk_threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            drain_events_max: 1_024,
            drain_bytes_max: 1 << 20,
            drain_requests_max: 1_024,
            beside_events_min: 512,
            queue_requests_max: 4_096,
            request_bytes_max: 64 << 20,
            delta_entries_max: 200_000,
            delta_bytes_max: 64 << 20,
            tail_events_max: 50_000,
            recent_events_max: 8_192,
            recent_bytes_max: 16 << 20,
            revision_cache_streams: 65_536,
            log_cache_bytes: 32 << 20,
            views_cache_bytes: 64 << 20,
            memtable_bytes: 24 << 20,
            journal_bytes_max: 256 << 20,
            disk_threads: 2,
        }
    }
}

impl Options {
    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let at_least_one: [(&'static str, u64); 11] = [
            ("drain_events_max", self.drain_events_max as u64),
            ("drain_bytes_max", self.drain_bytes_max as u64),
            ("drain_requests_max", self.drain_requests_max as u64),
            ("queue_requests_max", self.queue_requests_max as u64),
            ("request_bytes_max", self.request_bytes_max as u64),
            ("delta_entries_max", self.delta_entries_max as u64),
            ("delta_bytes_max", self.delta_bytes_max as u64),
            ("tail_events_max", self.tail_events_max),
            ("revision_cache_streams", self.revision_cache_streams as u64),
            ("memtable_bytes", self.memtable_bytes),
            ("disk_threads", self.disk_threads as u64),
        ];
        for (option, value) in at_least_one {
            if value == 0 {
                return Err(OpenError::Option { option, value, wanted: "it must be at least 1" });
            }
        }
        for (option, bytes) in
            [("drain_bytes_max", self.drain_bytes_max), ("request_bytes_max", self.request_bytes_max)]
        {
            if bytes > RECORD_PART_BYTES_MAX {
                let wanted = "it must be at most 1 GiB, so that a commit record fits";
                return Err(OpenError::Option { option, value: bytes as u64, wanted });
            }
        }
        if self.journal_bytes_max < JOURNAL_BYTES_MIN {
            let wanted = "it must be at least 64 MiB";
            return Err(OpenError::Option {
                option: "journal_bytes_max",
                value: self.journal_bytes_max,
                wanted,
            });
        }
        Ok(())
    }
}

/// Most that a drain or a request may be set to: both together fit the 4 GiB of a value.
const RECORD_PART_BYTES_MAX: usize = 1 << 30;
/// Least that fjall takes for its journals.
const JOURNAL_BYTES_MIN: u64 = 64 << 20;

/// Longest name of a stream, in bytes: a key of 512 bytes with its prefix, twice over.
pub const STREAM_BYTES_MAX: usize = 1_024;
/// Longest event type, in bytes.
pub const KIND_BYTES_MAX: usize = 256;
/// Longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 1_024;
/// Most tags of one event.
pub const TAGS_MAX: usize = 1_024;
/// Longest key of a row, in bytes: with its prefix it must fit fjall's 65,535 bytes for a key.
pub const ROW_KEY_BYTES_MAX: usize = 32_768;
