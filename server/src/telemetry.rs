//! Logs and metrics.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::error::{Exit, Failure};
use crate::settings::{LogFormat, Settings};

/// Starts logging to standard error.
pub(crate) fn log(settings: &Settings) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::new(Exit::WrongUse, format!("log: {error}"));
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| wrong(&error))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // a log that cannot be written is no reason to fail what it tells of, as a panic would
        .log_internal_errors(false);
    let started = match settings.log_format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    started.map_err(|error| wrong(&error))
}

/// Starts counting; the handle renders what `/metrics` answers.
pub(crate) fn metrics() -> Result<PrometheusHandle, Failure> {
    PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| Failure::new(Exit::Failed, format!("metrics: {error}")))
}
