//! Figures of durable subscriptions.

use super::{Maker, gauge};
use crate::app::App;
use crate::durable::subscription::Said;
use prometheus::{IntCounter, IntGauge, IntGaugeVec};

/// What is counted of them, and looked up. The label is a subscription's name, and there are so many at most.
#[derive(Debug)]
pub(crate) struct DurableMetrics {
    count: IntGauge,
    lag: IntGaugeVec,
    in_flight: IntGaugeVec,
    parked: IntGaugeVec,
    delivered: IntCounter,
    redelivered: IntCounter,
    acked: IntCounter,
}

impl DurableMetrics {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        let by_name = &["subscription"];
        Self {
            count: make.gauge("agentpm_durable_subscriptions", "Durable subscriptions."),
            lag: make.gauges(
                "agentpm_durable_subscription_lag_events",
                "Events of the log after the position up to which a durable subscription is done.",
                by_name,
            ),
            in_flight: make.gauges(
                "agentpm_durable_subscription_in_flight_events",
                "Events that consumers of a durable subscription hold.",
                by_name,
            ),
            parked: make.gauges(
                "agentpm_durable_subscription_parked_events",
                "Events that a durable subscription has put aside.",
                by_name,
            ),
            delivered: make.counter(
                "agentpm_durable_deliveries_total",
                "Events that consumers of durable subscriptions were given, each time counted.",
            ),
            redelivered: make
                .counter("agentpm_durable_redeliveries_total", "Those of them that were given before."),
            acked: make.counter(
                "agentpm_durable_acks_total",
                "Events that consumers of durable subscriptions were done with.",
            ),
        }
    }

    /// Counts events that were given out, each with how often it was by now.
    pub(crate) fn delivered(&self, attempts: impl Iterator<Item = u32>) {
        for attempt in attempts {
            self.delivered.inc();
            if attempt > 1 {
                self.redelivered.inc();
            }
        }
    }

    /// Counts what consumers said.
    pub(crate) fn said(&self, said: &Said) {
        self.acked.inc_by(said.done as u64);
    }

    pub(super) fn look(&self, app: &App) {
        let rows = app.durable.rows(app.store().head().position);
        self.count.set(gauge(rows.len() as u64));
        // Those that were deleted are gone here too.
        for figures in [&self.lag, &self.in_flight, &self.parked] {
            figures.reset();
        }
        for row in rows {
            self.lag.with_label_values(&[&row.name]).set(gauge(row.lag));
            self.in_flight.with_label_values(&[&row.name]).set(gauge(row.in_flight as u64));
            self.parked.with_label_values(&[&row.name]).set(gauge(row.parked as u64));
        }
    }
}
