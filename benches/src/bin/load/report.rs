//! Figures, as a table or as JSON.

use crate::disk::RECORD_BYTES;
use crate::timing::Measured;
use serde_json::{Value, json};
use std::fmt;

/// Everything a run has found.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

/// One measurement.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    per_second: f64,
    /// p50, p95, p99 and p999 in microseconds.
    latency: Option<[f64; 4]>,
    /// Records the disk itself wrote and synced in a second, before and after.
    raw: Option<[f64; 2]>,
}

impl Figure {
    pub(crate) fn new(name: String, unit: &'static str, measured: &Measured) -> Self {
        let at = |quantile| {
            let latency = measured.latency.as_ref()?;
            Some(latency.value_at_quantile(quantile) as f64 / 1_000.0)
        };
        let latency = at(0.5).zip(at(0.95)).zip(at(0.99)).zip(at(0.999));
        let latency = latency.map(|(((p50, p95), p99), p999)| [p50, p95, p99, p999]);
        let per_second = match measured.elapsed.is_zero() {
            true => 0.0,
            false => measured.units as f64 / measured.elapsed.as_secs_f64(),
        };
        Self { name, unit, per_second, latency, raw: None }
    }

    /// With the raw rate before it and the one after it.
    pub(crate) fn beside(self, before: f64, after: f64) -> Self {
        Self { raw: Some([before, after]), ..self }
    }

    /// Its rate as a multiple of the raw one.
    fn ratio(&self) -> Option<f64> {
        self.raw.map(|[before, after]| self.per_second / ((before + after) / 2.0))
    }

    fn to_json(&self) -> Value {
        let latency = self
            .latency
            .map(|[p50, p95, p99, p999]| json!({ "p50": p50, "p95": p95, "p99": p99, "p999": p999 }));
        let raw = self.raw.map(|[before, after]| json!({ "before": before, "after": after }));
        json!({
            "name": self.name, "unit": self.unit, "per_second": self.per_second, "latency_us": latency,
            "raw_fdatasync_per_second": raw, "ratio": self.ratio(),
        })
    }
}

impl Report {
    /// Adds a figure, and tells that it is there.
    pub(crate) fn add(&mut self, figure: Figure) {
        eprintln!("{}: {:.0} {}/s", figure.name, figure.per_second, figure.unit);
        self.figures.push(figure);
    }

    pub(crate) fn to_json(&self) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::to_json).collect();
        json!({ "raw_record_bytes": RECORD_BYTES, "figures": figures })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| | a second | raw fdatasync before, after | ratio | p50 µs | p95 µs | p99 µs | p999 µs |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for figure in &self.figures {
            write!(f, "| {} | {:.0} {} ", figure.name, figure.per_second, figure.unit)?;
            match (figure.raw, figure.ratio()) {
                (Some([before, after]), Some(ratio)) => write!(f, "| {before:.0}, {after:.0} | {ratio:.2} ")?,
                _ => write!(f, "| | ")?,
            }
            match figure.latency {
                Some([p50, p95, p99, p999]) => {
                    writeln!(f, "| {p50:.0} | {p95:.0} | {p99:.0} | {p999:.0} |")?;
                }
                None => writeln!(f, "| | | | |")?,
            }
        }
        Ok(())
    }
}
