//! What the machine itself does: one writer, one file that grows, a sync after each record; and what it costs
//! to wake another thread with each.

use crate::Failure;
use crate::timing::{Measured, latencies, nanoseconds};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
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

    /// What a call costs that does nothing but the least of a durable one: a thread is woken, a record is
    /// written and synced, the caller is woken. Between the two there are as many wake-ups of an idle CPU as
    /// the scheduler sees fit, and on a virtual machine some of these take milliseconds.
    pub(crate) fn round_trips(&mut self) -> Result<Measured, Failure> {
        let (asks, asked) = mpsc::sync_channel::<()>(1);
        let (answers, answered) = mpsc::sync_channel(1);
        let begun = Instant::now();
        let mut latency = latencies();
        thread::scope(|scope| -> Result<(), Failure> {
            scope.spawn(move || {
                let record = [0xA5; RECORD_BYTES];
                for () in asked {
                    let synced = self.file.write_all(&record).and_then(|()| self.file.sync_data());
                    if answers.send(synced).is_err() {
                        break;
                    }
                }
            });
            while begun.elapsed() < TIME {
                let sent = Instant::now();
                asks.send(())?;
                answered.recv()??;
                latency.saturating_record(nanoseconds(sent.elapsed()));
            }
            drop(asks);
            Ok(())
        })?;
        Ok(Measured { units: latency.len(), elapsed: begun.elapsed(), latency: Some(latency) })
    }
}
