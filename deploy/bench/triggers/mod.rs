//! `rouse run` with very many ScaledObjects that ask one Prometheus a few queries, while nothing changes; then the same
//! while another server, of one object more, takes requests and answers none.
//!
//! What must hold: each object is decided about in every polling interval, each query is sent once a poll and no more, the
//! platform is asked for nothing, and all that is so whoever hangs. CPU and memory are those of `rouse` alone; where
//! processors are shared, times have Prometheus' own work in them.

mod histogram;
mod manifest;
mod prometheus;
mod stub;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use config::bounds;
use tokio::time::{Instant, sleep};

use self::histogram::Histogram;
use self::manifest::{Objects, POLLING, manifest, workload};
use self::prometheus::{Prometheus, Queries, installed};
use self::stub::Stub;
use crate::ms;
use crate::scrape::{Scraper, metric};
use crate::server::Rouse;
use crate::usage::{Since, resident};

/// In which all are read at once, and then polled.
const SETTLE: Duration = Duration::from_secs(POLLING).saturating_add(LATE);

/// How late a decision may be and is still not one that did not come.
const LATE: Duration = Duration::from_secs(2);

/// Requests more than one a query and poll that are no failure, as a share: a query whose answer was too old when the last
/// object of a busy machine asked.
const TOLERANCE: f64 = 0.05;

/// How many, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each of both parts is measured
    #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "60s")]
    time: Duration,
    /// ScaledObjects
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Different queries
    #[arg(long, default_value_t = 50)]
    queries: usize,
    /// Ask a server in this process, which takes no time, instead of Prometheus
    #[arg(long)]
    stub: bool,
}

/// Who is asked.
enum Server {
    Real(Prometheus),
    Stub(Stub),
}

impl Server {
    fn address(&self) -> SocketAddr {
        match self {
            Server::Real(prometheus) => prometheus.address,
            Server::Stub(stub) => stub.address,
        }
    }

    async fn queries(&self) -> anyhow::Result<Queries> {
        match self {
            Server::Real(prometheus) => prometheus.queries().await,
            Server::Stub(stub) => Ok(Queries { count: stub.asked() as f64, seconds: 0.0 }),
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(options.count > 0 && options.queries > 0, "--count and --queries must be more than 0");
    let server = match (options.stub, installed()) {
        (true, _) => Server::Stub(Stub::start().await?),
        (false, Some(binary)) => Server::Real(Prometheus::start(binary).await?),
        (false, None) => {
            println!("triggers: SKIPPED: there is no prometheus in the PATH (--stub does without)");
            return Ok(());
        }
    };
    let other = Stub::start().await?;
    let (count, queries) = (options.count, options.queries.min(options.count));
    let objects = Objects { count, queries, server: server.address(), slow: other.address };
    let rouse = Rouse::start(&manifest(objects)).await?;
    sleep(SETTLE).await;
    let calm = measure("calm", &rouse, &server, objects, options.time).await?;
    other.hang();
    let asked = other.asked();
    let hung = measure("another server hangs", &rouse, &server, objects, options.time).await?;
    ensure!(other.asked() > asked, "the server that hangs was not asked meanwhile");
    println!(
        "triggers: {count} objects, {queries} queries: due -> decided p99 {:.1} ms ({:.1} ms while another server hangs), {:.1} % of a \
         core, {:.1} requests a poll, {} scale calls, fewest polls short {}",
        ms(calm.p99),
        ms(hung.p99),
        calm.cores * 100.0,
        calm.requests,
        calm.calls + hung.calls,
        calm.short + hung.short
    );
    calm.judge("calm")?;
    hung.judge("while another server hangs")?;
    rouse.stop().await
}

/// What was measured of one part.
struct Measured {
    p99: Duration,
    cores: f64,
    /// That reached the server in one polling interval.
    requests: f64,
    /// More than that is too many.
    most: f64,
    calls: f64,
    /// Objects that were not decided about in some polling interval.
    short: usize,
}

impl Measured {
    fn judge(&self, when: &str) -> anyhow::Result<()> {
        let Measured { requests, most, calls, short, .. } = self;
        ensure!(*short == 0, "{when}: {short} objects were not decided about in every polling interval");
        ensure!(requests <= most, "{when}: {requests:.1} requests a poll, more than {most:.1}");
        ensure!(*calls == 0.0, "{when}: {calls} scale calls while nothing changes");
        Ok(())
    }
}

/// What `rouse` tells of all triggers together.
struct Page {
    at: Instant,
    due: Histogram,
    decided: Histogram,
    reads: Histogram,
    calls: f64,
}

impl Page {
    async fn of(rouse: &Rouse) -> anyhow::Result<Page> {
        let page = Scraper::new(rouse.admin).text("/metrics").await?;
        let histogram = |name| Histogram::of(&page, name);
        Ok(Page {
            at: Instant::now(),
            due: histogram("rouse_trigger_due_seconds"),
            decided: histogram("rouse_trigger_decided_seconds"),
            reads: histogram("rouse_trigger_read_seconds"),
            calls: metric(&page, "rouse_scale_calls_total").unwrap_or(0.0),
        })
    }
}

async fn measure(
    part: &str,
    rouse: &Rouse,
    server: &Server,
    objects: Objects,
    time: Duration,
) -> anyhow::Result<Measured> {
    let rounds = rounds(rouse, objects.count).await?;
    let (before, asked, since) = (Page::of(rouse).await?, server.queries().await?, Since::now(rouse.pid()?)?);
    sleep(time + LATE).await;
    let (used, after, queries) = (since.cpu()?, Page::of(rouse).await?, server.queries().await?);
    let short = short(&rounds, &self::rounds(rouse, objects.count).await?, time);

    let (due, decided) = (after.due.since(&before.due), after.decided.since(&before.decided));
    let reads = after.reads.since(&before.reads);
    let sent = queries.count - asked.count;
    let polls = (after.at - before.at).as_secs_f64() / POLLING as f64;
    let most = objects.queries as f64 * looks(objects.queries) * (1.0 + TOLERANCE);
    println!("{part}: {} decisions, fewest polls short {short}", due.count());
    let times = |what: &str, of: &Histogram, bar: &str| {
        println!("  {what} p50 {:7.2} ms, p99 {:7.2} ms{bar}", ms(of.quantile(0.5)), ms(of.quantile(0.99)));
    };
    times("due -> decided  ", &due, " (bar 100 ms, Prometheus' own time not counted)");
    times("a read          ", &reads, "");
    times("without the read", &decided, "");
    if let Server::Real(_) = server {
        println!(
            "  Prometheus itself takes {:.2} ms a query on average",
            (queries.seconds - asked.seconds) / sent * 1e3
        );
    }
    println!(
        "  {:.2} % of a core (bar 15 %), {:.0} MiB; {:.1} requests a poll for {} queries",
        used.1 * 100.0,
        resident(rouse.pid()?)?,
        sent / polls,
        objects.queries
    );
    Ok(Measured {
        p99: due.quantile(0.99),
        cores: used.1,
        requests: sent / polls,
        // A query whose time comes at both ends of what was measured counts once more.
        most: most * (1.0 + 1.0 / polls),
        calls: after.calls - before.calls,
        short,
    })
}

/// How often a poll each query is looked at: all objects are at zero, as far as the budget allows.
fn looks(queries: usize) -> f64 {
    let pause = bounds::ZERO_LOOK_PAUSE.as_secs_f64().max(queries as f64 / f64::from(bounds::ZERO_READS));
    (POLLING as f64 / pause).floor().clamp(1.0, f64::from(bounds::ZERO_LOOKS))
}

/// How often it was decided about each object, and when that was so.
async fn rounds(rouse: &Rouse, count: usize) -> anyhow::Result<Vec<(Instant, u64)>> {
    let mut scraper = Scraper::new(rouse.admin);
    let mut rounds = Vec::with_capacity(count);
    for number in 0..count {
        let told = scraper.json(&format!("/v1/workloads/{}", workload(number))).await?;
        let value = told["triggers"]["triggers"][0]["value"].as_f64();
        value.with_context(|| format!("{}: its trigger has no value: {}", workload(number), told["triggers"]))?;
        rounds.push((Instant::now(), told["triggers"]["rounds"].as_u64().context("no rounds")?));
    }
    Ok(rounds)
}

/// How many objects were decided about less often than there were polling intervals in `time`.
fn short(before: &[(Instant, u64)], after: &[(Instant, u64)], time: Duration) -> usize {
    let intervals = time.as_secs() / POLLING;
    before.iter().zip(after).filter(|((_, before), (_, after))| after - before < intervals).count()
}
