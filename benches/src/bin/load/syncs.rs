//! What the server's own syncs took meanwhile, by the histogram that it publishes: a call that is durable
//! when it is answered cannot take less.

use crate::Failure;
use crate::connection::Connection;
use crate::timing::{Measured, latencies, nanoseconds};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

const BUCKET: &str = "agentpm_log_fsync_duration_seconds_bucket{le=\"";

/// The histogram as it was when something began.
pub(crate) struct Syncs {
    begun: Instant,
    before: Vec<Bucket>,
}

/// Syncs that took up to so many seconds.
struct Bucket {
    bound: f64,
    count: u64,
}

impl Syncs {
    pub(crate) async fn begin(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(Self { begun: Instant::now(), before: buckets(connection).await? })
    }

    /// Those since, each as long as the bound of its bucket: at most so long.
    pub(crate) async fn end(self, connection: &mut Connection) -> Result<Measured, Failure> {
        let elapsed = self.begun.elapsed();
        let mut latency: Histogram<u64> = latencies();
        let mut below = 0;
        for (bucket, before) in buckets(connection).await?.iter().zip(&self.before) {
            let up_to = bucket.count - before.count;
            let bound = Duration::try_from_secs_f64(bucket.bound).unwrap_or(Duration::MAX);
            latency.saturating_record_n(nanoseconds(bound), up_to - below);
            below = up_to;
        }
        Ok(Measured { units: latency.len(), elapsed, latency: Some(latency) })
    }
}

async fn buckets(connection: &mut Connection) -> Result<Vec<Bucket>, Failure> {
    let mut page = Vec::new();
    connection.get_lines("/metrics", |part| page.extend_from_slice(part)).await?;
    let page = String::from_utf8(page)?;
    let bucket = |line: &str| -> Result<Bucket, Failure> {
        let (bound, count) = line.split_once("\"} ").ok_or_else(|| format!("no bucket: {line}"))?;
        Ok(Bucket { bound: bound.replace("+Inf", "inf").parse()?, count: count.parse()? })
    };
    page.lines().filter_map(|line| line.strip_prefix(BUCKET)).map(bucket).collect()
}
