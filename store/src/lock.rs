//! The lock file: one process, and one store of it, has the data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the file in the data directory.
const NAME: &str = "LOCK";
/// Bytes of a holder's text that are shown to whoever is refused.
const HOLDER_BYTES_MAX: u64 = 200;

/// Held for as long as it lives; the operating system lets go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Lets go of it by name: a process that was forked off at this moment has the same open file, and closing ours would
    /// leave the lock to it.
    fn drop(&mut self) {
        // When that fails, closing the file is what remains.
        let _ = self.file.unlock();
    }
}

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Somebody has it; this is what they wrote.
    Held(String),
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of `dir`, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join(NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {
                sign(&mut file).map_err(LockError::Io)?;
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is for people: when it cannot be read, that it is held is still told.
                let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
                let holder = holder.trim();
                Err(LockError::Held(if holder.is_empty() { "unknown".into() } else { holder.into() }))
            }
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// Writes who has it. The clock is read here, for people only.
fn sign(file: &mut File) -> io::Result<()> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "pid {}, since unix time {started}", std::process::id())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_second_one_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let Err(LockError::Held(holder)) = Lock::take(dir.path()) else { panic!("taken twice") };
        assert!(holder.starts_with(&format!("pid {}, since", std::process::id())), "{holder}");
        drop(lock);
        Lock::take(dir.path()).unwrap();
    }
}
