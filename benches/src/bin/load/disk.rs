//! What the disk itself does: one writer, one file that grows, a sync after each record.

use crate::Failure;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// About what the log writes for one event of 300 bytes.
pub(crate) const RECORD_BYTES: usize = 512;
/// Long enough for thousands of syncs.
const TIME: Duration = Duration::from_secs(1);

/// The file that grows.
pub(crate) struct Disk {
    file: File,
}

impl Disk {
    /// On the disk that has this directory.
    pub(crate) fn new(dir: &Path) -> Result<Self, Failure> {
        Ok(Self { file: File::create(dir.join("raw"))? })
    }

    /// Records written and synced in a second, now.
    pub(crate) fn rate(&mut self) -> Result<f64, Failure> {
        let record = [0xA5; RECORD_BYTES];
        let begun = Instant::now();
        let mut records = 0_u32;
        while begun.elapsed() < TIME {
            self.file.write_all(&record)?;
            self.file.sync_data()?;
            records += 1;
        }
        Ok(f64::from(records) / begun.elapsed().as_secs_f64())
    }
}
