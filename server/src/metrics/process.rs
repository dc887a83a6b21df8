//! What the system says of this process. Linux only; elsewhere nothing is said.

use std::fs;

/// Ticks of a second in /proc: what the kernel tells programs on every architecture we are built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) cpu_s: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    /// Since 1970.
    pub(super) started_s: f64,
}

impl Process {
    /// This process, if the system tells.
    pub(super) fn own() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot_s: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        let open_files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self::read(&stat, &status, boot_s, open_files as u64)
    }

    fn read(stat: &str, status: &str, boot_s: f64, open_files: u64) -> Option<Self> {
        // The name stands in parentheses and may hold anything; after it the fields are counted from 3.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = |field: usize| number(field).map(|ticks| ticks as f64 / TICKS_PER_SECOND);
        let kib = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.trim_start_matches(':').trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        Some(Self {
            cpu_s: ticks(14)? + ticks(15)?,
            threads: number(20)?,
            started_s: boot_s + ticks(22)?,
            virtual_bytes: kib("VmSize")? << 10,
            resident_bytes: kib("VmRSS")? << 10,
            open_files,
        })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_line_of_proc() {
        let line =
            "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 7 0 1000 8192000 500 184 1";
        let status = "Name:\tx\nVmSize:\t    8000 kB\nVmRSS:\t     500 kB\n";
        let process = Process::read(line, status, 1_000_000.0, 9).unwrap();
        assert_eq!((process.cpu_s, process.started_s), (4.0, 1_000_010.0));
        assert_eq!((process.threads, process.open_files), (7, 9));
        assert_eq!((process.virtual_bytes, process.resident_bytes), (8_000 << 10, 500 << 10));
        assert!(Process::read("42 (a", status, 0.0, 0).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process() {
        let process = Process::own().unwrap();
        assert!(process.resident_bytes > 1 << 20 && process.virtual_bytes >= process.resident_bytes);
        assert!(process.threads > 0 && process.open_files > 2 && process.started_s > 1.6e9);
    }
}
