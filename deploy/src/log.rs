//! What a terminal sees: one calm line an event.

use std::fmt;
use std::io::IsTerminal;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use config::WorkloadId;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: time of day (UTC), then what happened.
    #[default]
    Text,
    /// For machines: an object a line.
    Json,
}

/// Sends log lines to standard error. `ROUSE_LOG` chooses what (`info`; the syntax of tracing's `EnvFilter`).
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("ROUSE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.event_format(Calm).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// A workload's name as people say it: without the namespace and kind that are meant anyway.
pub fn short(id: &WorkloadId) -> String {
    match (id.namespace(), id.kind()) {
        (WorkloadId::DEFAULT_NAMESPACE, _) => id.name().to_owned(),
        (namespace, _) => format!("{namespace}/{}", id.name()),
    }
}

/// `12:03:44 hello: woke in 12 ms`; levels other than info are named.
struct Calm;

impl<S, N> FormatEvent<S, N> for Calm
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % 86_400);
        write!(out, "{:02}:{:02}:{:02} ", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if *event.metadata().level() != Level::INFO {
            write!(out, "{}: ", event.metadata().level().as_str().to_lowercase())?;
        }
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write!(out, "{fields} ")?;
            }
        }
        context.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}
