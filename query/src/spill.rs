//! Room on disk for what operators cannot keep in memory: sorts, groups and joins.
//!
//! One bound for all queries together. Files are made when they are needed and removed with the query that made them;
//! what a killed process left behind goes when the next one starts.

use crate::options::Options;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use std::io;
use std::sync::Arc;

/// What queries run in: the disk is shared, memory is each one's own.
#[derive(Debug)]
pub(crate) struct Room {
    base: RuntimeEnv,
    memory_bytes_max: usize,
    /// Bytes of disk; zero when nothing spills.
    pub(crate) disk_bytes_max: u64,
}

impl Room {
    /// Makes the directory anew, if there is one.
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let disk = DiskManagerBuilder::default();
        let (disk, disk_bytes_max) = match &options.spill_dir {
            Some(dir) if options.spill_bytes_max > 0 => {
                match std::fs::remove_dir_all(dir) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                std::fs::create_dir_all(dir)?;
                let disk = disk
                    .with_mode(DiskManagerMode::Directories(vec![dir.clone()]))
                    .with_max_temp_directory_size(options.spill_bytes_max);
                (disk, options.spill_bytes_max)
            }
            _ => (disk.with_mode(DiskManagerMode::Disabled), 0),
        };
        let base = RuntimeEnvBuilder::new().with_disk_manager_builder(disk).build();
        let base = base.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { base, memory_bytes_max: options.memory_bytes_max, disk_bytes_max })
    }

    /// For one query: a pool of memory of its own, so that one that needs too much fails alone.
    pub(crate) fn for_query(&self) -> Arc<RuntimeEnv> {
        let memory_pool = Arc::new(FairSpillPool::new(self.memory_bytes_max));
        Arc::new(RuntimeEnv { memory_pool, ..self.base.clone() })
    }

    /// Bytes that queries have on disk now.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk().used_disk_space()
    }

    fn disk(&self) -> &Arc<DiskManager> {
        &self.base.disk_manager
    }
}
