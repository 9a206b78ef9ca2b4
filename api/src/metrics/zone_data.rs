//! The zone data in use, which does not change while the process runs.

use std::sync::atomic::AtomicU64;

use chrono::NaiveTime;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ZoneData {
    version: String,
    source: String,
}

/// Registers the version with its source, and the time of its release: an alert can compare that
/// with the clock. An unknown version counts as released in 1970.
pub(super) fn register(registry: &mut Registry) {
    let zones = zones::in_use();
    let version = zones.version();
    let labels = ZoneData {
        version: version.map_or_else(|| "unknown".to_owned(), ToString::to_string),
        source: zones.source().to_string(),
    };
    registry.register("zone_data", "Time zone data in use", Info::new(labels));
    let released = Gauge::<f64, AtomicU64>::default();
    registry.register_with_unit(
        "zone_data_released",
        "About when the time zone data was released, since 1970",
        Unit::Seconds,
        released.clone(),
    );
    let day = version.map(zones::Version::released);
    let seconds = day.map_or(0, |day| day.and_time(NaiveTime::MIN).and_utc().timestamp());
    released.set(seconds as f64);
}
