//! Figures of a running server, as Prometheus reads them: counted where things happen, looked up where there is
//! something to look at, written as text version 0.0.4.
//!
//! Labels are few and their values bounded: a route is its template, a method one of a list, a status its class.

mod durable;
mod process;
mod seen;

pub(crate) use seen::Following;

use crate::app::App;
use domain::event::kind;
use domain::rows::{Row, Table, TaskStatus};
use durable::DurableMetrics;
use parking_lot::Mutex;
use prometheus::{
    Counter, Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use seen::Followers;
use std::sync::Arc;
use std::time::Duration;
use store::{Commit, Measure};

/// What the text is, for `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of latencies, in seconds: from what memory answers in to what nobody waits for.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0,
];

/// Bounds of events per commit.
const EVENTS: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Methods that are told apart; others are `other`.
const METHODS: [&str; 7] = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD"];

/// Route of a request that reached none: the path is unknown, or the caller was not let in.
pub(crate) const NO_ROUTE: &str = "none";

/// The end of a session, of which those are counted that were lost.
const SESSION_ENDED: &str = "SessionEnded";

/// Every figure that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    http: HistogramVec,
    rate_limited: IntCounterVec,
    query: HistogramVec,
    query_errors: IntCounter,
    write: HistogramVec,
    pub(crate) writer: Arc<WriterMetrics>,
    pub(crate) connections: IntGaugeVec,
    pub(crate) sockets: IntGauge,
    pub(crate) followers: Followers,
    pub(crate) durable: DurableMetrics,
    looked_up: LookedUp,
    scraping: Mutex<()>,
}

/// What the thread that commits counts.
#[derive(Debug)]
pub(crate) struct WriterMetrics {
    commit: Histogram,
    sync: Histogram,
    commit_events: Histogram,
    bytes: IntCounter,
    events: IntCounter,
    flush: Histogram,
    leases_expired: IntCounter,
    sessions_lost: IntCounter,
}

/// What is looked up when somebody asks.
#[derive(Debug)]
struct LookedUp {
    tasks: IntGaugeVec,
    tasks_ready: IntGauge,
    leases: IntGauge,
    rows: IntGaugeVec,
    position: IntGauge,
    checkpoint: IntGauge,
    checkpoint_lag: IntGauge,
    views_lag: IntGauge,
    queries_running: IntGauge,
    queries_cancelled: IntCounter,
    query_spill: IntGauge,
    past: IntGauge,
    past_max: IntGauge,
    queue: IntGauge,
    queue_max: IntGauge,
    subscriptions: IntGauge,
    subscription_lag: IntGauge,
    subscriptions_max: IntGauge,
    subscription_predicates: IntGauge,
    ready: IntGauge,
    cpu: Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    threads: IntGauge,
    open_files: IntGauge,
    started: Gauge,
}

/// Makes figures and puts them into a registry. The names are fixed and their own, so nothing here can fail; a
/// test makes them all.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn put<C: prometheus::core::Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("a name and labels that hold");
        self.0.register(Box::new(made.clone())).expect("a name of its own");
        made
    }

    fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Histogram {
        self.put(Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.put(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.put(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.put(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.put(IntGauge::new(name, help))
    }

    fn float_counter(&self, name: &str, help: &str) -> Counter {
        self.put(Counter::new(name, help))
    }

    fn float(&self, name: &str, help: &str) -> Gauge {
        self.put(Gauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.put(IntGaugeVec::new(Opts::new(name, help), labels))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let make = Maker(&registry);
        let build = make.gauges("agentpm_build_info", "What is running; always 1.", &["version", "features"]);
        let features = if cfg!(feature = "planted-faults") { "planted-faults" } else { "" };
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), features]).set(1);
        let metrics = Self {
            http: make.histograms(
                "agentpm_http_request_duration_seconds",
                "Time from a request's head to its answer's, by route, method and class of status. A stream goes on after it.",
                &["route", "method", "status"],
            ),
            rate_limited: make.counters(
                "agentpm_rate_limited_total",
                "Requests refused because there were too many, by whose.",
                &["scope"],
            ),
            query: make.histograms(
                "agentpm_query_duration_seconds",
                "Time of a statement of PQL until its answer begins, by kind.",
                &["statement"],
            ),
            query_errors: make.counter(
                "agentpm_query_errors_total",
                "Statements of PQL that were refused or failed.",
            ),
            write: make.histograms(
                "agentpm_write_duration_seconds",
                "Time of a write from its being queued to its being durable or refused, by kind.",
                &["kind"],
            ),
            writer: Arc::new(WriterMetrics::new(&make)),
            connections: make.gauges("agentpm_connections", "Open connections; one that became a WebSocket is counted there.", &["transport"]),
            sockets: make.gauge("agentpm_websocket_connections", "Open WebSockets."),
            followers: Followers::default(),
            durable: DurableMetrics::new(&make),
            looked_up: LookedUp::new(&make),
            scraping: Mutex::default(),
            registry,
        };
        // What is counted by label is there from the start, as 0.
        for scope in ["connection", "agent"] {
            metrics.rate_limited.with_label_values(&[scope]);
        }
        for transport in ["unix", "tcp"] {
            metrics.connections.with_label_values(&[transport]);
        }
        metrics
    }
}

impl WriterMetrics {
    fn new(make: &Maker<'_>) -> Self {
        Self {
            commit: make.histogram(
                "agentpm_commit_duration_seconds",
                "Time of a group commit: record encoded, written and synced, views told.",
                &SECONDS,
            ),
            sync: make.histogram(
                "agentpm_log_fsync_duration_seconds",
                "Time of writing one commit's record to the log and of its fdatasync.",
                &SECONDS,
            ),
            commit_events: make.histogram("agentpm_commit_events", "Events of one commit.", &EVENTS),
            bytes: make
                .counter("agentpm_log_written_bytes_total", "Bytes of commit records written to the log."),
            events: make.counter("agentpm_events_total", "Events committed since the start."),
            flush: make.histogram(
                "agentpm_snapshot_duration_seconds",
                "Time of writing the views down, in the background.",
                &SECONDS,
            ),
            leases_expired: make.counter("agentpm_lease_expiries_total", "Leases that ran out."),
            sessions_lost: make
                .counter("agentpm_sessions_lost_total", "Sessions that were no longer heard of."),
        }
    }

    /// Counts a commit's or a flush's cost.
    pub(crate) fn measure(&self, measure: Measure) {
        match measure {
            Measure::Commit { events, bytes, sync, total } => {
                self.commit.observe(total.as_secs_f64());
                self.sync.observe(sync.as_secs_f64());
                // Far below what a float holds exactly.
                self.commit_events.observe(events as f64);
                self.events.inc_by(events as u64);
                self.bytes.inc_by(bytes as u64);
            }
            Measure::Flush { total } => self.flush.observe(total.as_secs_f64()),
        }
    }

    /// Counts what happened in a commit.
    pub(crate) fn commit(&self, commit: &Commit<Row>) {
        for event in &commit.events {
            match &*event.kind {
                kind::LEASE_EXPIRED => self.leases_expired.inc(),
                SESSION_ENDED if is_lost(&event.data) => self.sessions_lost.inc(),
                _ => {}
            }
        }
    }
}

/// Whether the end of a session came because nothing was heard of it.
fn is_lost(data: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(data).is_ok_and(|data| data["reason"] == "lost")
}

impl LookedUp {
    fn new(make: &Maker<'_>) -> Self {
        Self {
            tasks: make.gauges(
                "agentpm_tasks",
                "Tasks by status; those that are archived are `archived`, whatever their status.",
                &["status"],
            ),
            tasks_ready: make
                .gauge("agentpm_tasks_ready", "Tasks that wait for nothing but somebody to take them."),
            leases: make
                .gauge("agentpm_leases_active", "Leases that have not ended: tasks that somebody holds."),
            rows: make.gauges("agentpm_table_rows", "Current rows of a table.", &["table"]),
            position: make.gauge("agentpm_position", "Position of the last event."),
            checkpoint: make.gauge("agentpm_snapshot_position", "Position that the views on disk are at."),
            checkpoint_lag: make.gauge(
                "agentpm_snapshot_lag_events",
                "Events that the views on disk are behind the log: what a start after a crash replays.",
            ),
            views_lag: make.gauge(
                "agentpm_views_lag_events",
                "Events that the views in memory had yet to take in when they were looked at.",
            ),
            queries_running: make.gauge(
                "agentpm_queries_running",
                "Queries that run; those that a lookup answers are not counted.",
            ),
            queries_cancelled: make.counter(
                "agentpm_queries_cancelled_total",
                "Queries given up before their end because nobody took their rows any more.",
            ),
            query_spill: make.gauge(
                "agentpm_query_spill_bytes",
                "Bytes on disk of what does not fit the memory of queries.",
            ),
            past: make.gauge(
                "agentpm_query_past_bytes",
                "Bytes that the past of the tables takes in memory; of a table that is being read this moment, none.",
            ),
            past_max: make.gauge("agentpm_query_past_bytes_max", "Bytes that it should take at most."),
            queue: make.gauge("agentpm_writer_queue_requests", "Requests that wait for the writer."),
            queue_max: make.gauge(
                "agentpm_writer_queue_requests_max",
                "Requests that may wait for the writer; one more is refused.",
            ),
            subscriptions: make.gauge(
                "agentpm_subscriptions",
                "Open subscriptions, over WebSockets and as Server-Sent Events.",
            ),
            subscription_lag: make.gauge(
                "agentpm_subscription_lag_events",
                "Events that the slowest subscription is behind the log.",
            ),
            subscriptions_max: make
                .gauge("agentpm_subscriptions_max", "Subscriptions that may be open; one more is refused."),
            subscription_predicates: make.gauge(
                "agentpm_subscription_predicates",
                "Distinct predicates of live subscriptions: what an event is tested with, at most.",
            ),
            ready: make.gauge("agentpm_ready", "Whether writes are taken, as GET /readyz says."),
            cpu: make.float_counter(
                "process_cpu_seconds_total",
                "Time on processors, of the user and the system.",
            ),
            resident: make.gauge("process_resident_memory_bytes", "Memory that is resident."),
            virtual_memory: make.gauge("process_virtual_memory_bytes", "Virtual memory."),
            threads: make.gauge("process_threads", "Threads."),
            open_files: make.gauge("process_open_fds", "Open file descriptors."),
            started: make.float("process_start_time_seconds", "When the process began, since 1970."),
        }
    }

    /// Looks everything up.
    fn look(&self, app: &App, followers: &Followers) {
        let store = app.store();
        // Before the pin, which takes in what waits.
        let (head, taken_in) = (store.head().position, app.engine.views_position());
        self.views_lag.set(gauge(head.0.saturating_sub(taken_in.0)));
        let activity = app.engine.activity();
        self.queries_running.set(gauge(activity.running as u64));
        self.queries_cancelled.inc_by(activity.cancelled.saturating_sub(self.queries_cancelled.get()));
        self.query_spill.set(gauge(activity.spilled_bytes));
        self.past.set(gauge(activity.past_bytes as u64));
        self.past_max.set(gauge(app.engine.options().past_bytes_max as u64));
        let pinned = app.engine.pin().at(crate::clock::now());
        let counts = pinned.counts();
        for (status, count) in TaskStatus::ALL.iter().zip(counts.tasks) {
            self.tasks.with_label_values(&[status.as_str()]).set(gauge(count as u64));
        }
        self.tasks.with_label_values(&["archived"]).set(gauge(counts.archived as u64));
        self.tasks_ready.set(gauge(counts.ready as u64));
        self.leases.set(gauge(counts.leases as u64));
        for table in Table::ALL {
            self.rows.with_label_values(&[table.name()]).set(gauge(pinned.count(table) as u64));
        }
        let (position, checkpoint) = (store.head().position, store.checkpoint());
        self.position.set(gauge(position.0));
        self.checkpoint.set(gauge(checkpoint.0));
        self.checkpoint_lag.set(gauge(position.0.saturating_sub(checkpoint.0)));
        let (waiting, waiting_max) = store.queue_depth();
        self.queue.set(gauge(waiting as u64));
        self.queue_max.set(gauge(waiting_max as u64));
        let (open, lag) = followers.seen(position);
        self.subscriptions.set(gauge(open as u64));
        self.subscription_lag.set(gauge(lag));
        self.subscriptions_max.set(gauge(app.subscriptions_max as u64));
        self.subscription_predicates.set(gauge(app.fan.groups() as u64));
        self.ready.set(i64::from(app.unready().is_none()));
        if let Some(process) = process::Process::own() {
            self.cpu.inc_by((process.cpu_s - self.cpu.get()).max(0.0));
            self.resident.set(gauge(process.resident_bytes));
            self.virtual_memory.set(gauge(process.virtual_bytes));
            self.threads.set(gauge(process.threads));
            self.open_files.set(gauge(process.open_files));
            self.started.set(process.started_s);
        }
    }
}

/// A number as a gauge holds it.
fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Metrics {
    /// Counts a request that was answered.
    pub(crate) fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let method = METHODS.iter().find(|known| **known == method).copied().unwrap_or("other");
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.http.with_label_values(&[route, method, class]).observe(took.as_secs_f64());
    }

    /// Counts a request that was refused because of a rate.
    pub(crate) fn rate_limited(&self, scope: &'static str) {
        self.rate_limited.with_label_values(&[scope]).inc();
    }

    /// Counts a statement whose answer has begun.
    pub(crate) fn queried(&self, statement: &'static str, took: Duration, held: bool) {
        self.query.with_label_values(&[statement]).observe(took.as_secs_f64());
        if !held {
            self.query_errors.inc();
        }
    }

    /// Counts a write that was answered.
    pub(crate) fn written(&self, kind: &'static str, took: Duration) {
        self.write.with_label_values(&[kind]).observe(took.as_secs_f64());
    }

    /// All figures as text.
    pub(crate) fn text(&self, app: &App) -> Vec<u8> {
        // One at a time: what is set would be another's.
        let _turn = self.scraping.lock();
        self.looked_up.look(app, &self.followers);
        self.durable.look(app);
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            // Only a family without figures is an error, and none is gathered.
            tracing::error!(%error, "figures could not be written");
        }
        out
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn labels_are_bounded() {
        let metrics = Metrics::default();
        for method in ["GET", "BREW", "PROPFIND"] {
            for status in [200, 299, 404, 503, 999] {
                metrics.answered("/x", method, status, Duration::from_millis(1));
            }
        }
        let families = metrics.registry.gather();
        let http = families.iter().find(|family| family.name().contains("http_request")).unwrap();
        // Two methods, three classes.
        assert_eq!(http.get_metric().len(), 6);
    }
}
