//! To zero and back, again and again, by pauses of the traffic.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::{MIN_SCALE, RETURNS};
use crate::load::Load;
use crate::town::Town;

/// How long the traffic flows each time.
const FLOW: Duration = Duration::from_secs(2);

/// How long it may take from the last request to zero: window, grace, ticks and a drain.
const ASLEEP: Duration = Duration::from_secs(40);

/// Returns until the time has passed, one at least. Every other time the traffic comes back while the last pods are
/// still on their way out.
pub(super) async fn run(town: &mut Town, loads: &[&Load], time: Duration) -> anyhow::Result<usize> {
    let end = Instant::now() + time;
    town.kubelet.edit(MIN_SCALE, "0");
    let (mut returns, mut took) = (0, Duration::ZERO);
    while returns == 0 || (returns < RETURNS && Instant::now() + took < end) {
        let began = Instant::now();
        loads.iter().for_each(|load| load.pause());
        loop {
            let asleep = town.kubelet.running().is_empty();
            if asleep && (returns % 2 == 1 || town.kubelet.draining() == 0) {
                break;
            }
            ensure!(Instant::now() < began + ASLEEP, "not asleep after {} s\n{}", ASLEEP.as_secs(), town.logs());
            sleep(Duration::from_millis(10)).await;
        }
        loads.iter().for_each(|load| load.go());
        sleep(FLOW).await;
        returns += 1;
        took = Instant::now() - began;
    }
    println!("  {returns} times to zero and back");
    Ok(returns)
}
